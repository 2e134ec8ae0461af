"""The emulator's assistants: the rules of threads and runs, each wrong step with the API's error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator

Body = dict[str, Any]
AUTH = {"authorization": "Bearer k", "openai-beta": "assistants=v2"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
ASK = [{"role": "user", "content": "Use the weather tool"}]


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    CLOCK.now = 0.0
    with (
        Emulator(clock=CLOCK, any_model=False).run() as server,
        httpx.Client(base_url=server.base_url, headers=AUTH, timeout=30) as client,
    ):
        yield client


def post(api: httpx.Client, path: str, **body: Any) -> Body:
    reply = api.post(path, json=body)
    assert reply.status_code == 200, reply.text
    found: Body = reply.json()
    return found


def refused(reply: httpx.Response, words: str = "", status: int = 400) -> tuple[str | None, str | None]:
    """The parameter and the code of an error of the API's shape."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert words in error["message"]
    return error["param"], error["code"]


def started(api: httpx.Client, messages: list[Body] | None = None, **params: Any) -> tuple[str, Body]:
    """The path of a new run, and the run."""
    assistant = post(api, "/assistants", model="emulated-mini")
    thread = {"messages": messages or ASK}
    run = post(api, "/threads/runs", assistant_id=assistant["id"], thread=thread, **params)
    return f"/threads/{run['thread_id']}/runs/{run['id']}", run


def rested(api: httpx.Client, path: str) -> Body:
    """The run, once it does not go on by itself."""
    for _ in range(5):
        run: Body = api.get(path).json()
        if run["status"] not in ("queued", "in_progress", "cancelling"):
            return run
    raise AssertionError("it never rests")


def test_every_call_needs_the_header(api: httpx.Client) -> None:
    """Without it the API says which one."""
    for method, path in (("GET", "/assistants"), ("POST", "/threads"), ("GET", "/threads/t/runs/r/steps")):
        refusal = api.request(method, path, headers={"openai-beta": "other"})
        assert refused(refusal, "OpenAI-Beta: assistants=v2") == (None, "invalid_beta")


@pytest.mark.parametrize(
    ("path", "body", "param", "code"),
    [
        ("/assistants", {}, "model", "missing_required_parameter"),
        ("/assistants", {"model": "m"}, "model", "model_not_found"),
        ("/assistants", {"model": "emulated-mini", "name": "x" * 257}, "name", "string_above_max_length"),
        ("/assistants", {"model": "emulated-mini", "temperature": 3}, "temperature", "decimal_above_max_value"),
        ("/assistants", {"model": "emulated-mini", "tools": [WEATHER] * 129}, "tools", "array_above_max_length"),
        ("/assistants", {"model": "emulated-mini", "tools": [{"type": "x"}]}, "tools[0].type", "invalid_value"),
        (
            "/assistants",
            {"model": "emulated-mini", "tools": [{"type": "function", "function": {}}]},
            "tools[0].function.name",
            "missing_required_parameter",
        ),
        ("/assistants", {"model": "emulated-mini", "response_format": "json"}, "response_format", "invalid_type"),
        ("/threads", {"messages": [{"role": "system", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ("/threads", {"messages": [{"role": "user", "content": ""}]}, "messages[0].content", None),
        ("/threads/{thread}", {"messages": []}, "messages", "unknown_parameter"),
        ("/threads/{thread}/messages", {"role": "user"}, "content", "missing_required_parameter"),
        (
            "/threads/{thread}/messages",
            {"role": "user", "content": [{"type": "sound"}]},
            "content[0].type",
            "invalid_value",
        ),
        ("/threads/{thread}/runs", {}, "assistant_id", "missing_required_parameter"),
        (
            "/threads/{thread}/runs",
            {"assistant_id": "{assistant}", "max_completion_tokens": 255},
            "max_completion_tokens",
            "integer_below_min_value",
        ),
        (
            "/threads/{thread}/runs",
            {"assistant_id": "{assistant}", "tools": [WEATHER], "tool_choice": "maybe"},
            "tool_choice",
            "invalid_value",
        ),
    ],
)
def test_wrong_requests_are_refused(api: httpx.Client, path: str, body: Body, param: str, code: str | None) -> None:
    """Each names the parameter where it stands; a run that could not be answered does not begin."""
    thread = post(api, "/threads")["id"]
    if "assistant_id" in body:
        body = {**body, "assistant_id": post(api, "/assistants", model="emulated-mini")["id"]}
    reply = api.post(path.format(thread=thread), json=body)
    assert refused(reply, status=404 if code == "model_not_found" else 400) == (param, code)
    assert api.get(f"/threads/{thread}/runs").json()["data"] == []


def test_what_is_not_there_is_not_found(api: httpx.Client) -> None:
    """Assistants, threads, messages, runs and steps; a run needs both of the first."""
    assistant, thread = post(api, "/assistants", model="emulated-mini")["id"], post(api, "/threads")["id"]
    for path in ("/assistants/a", "/threads/t", f"/threads/{thread}/messages/m", f"/threads/{thread}/runs/r"):
        refused(api.get(path), "found with id", 404)
    refused(api.post(f"/threads/{thread}/runs", json={"assistant_id": "a"}), "No assistant", 404)
    refused(api.post("/threads/t/runs", json={"assistant_id": assistant}), "No thread", 404)
    path, _ = started(api)
    refused(api.get(f"{path}/steps/s"), "No run step", 404)


def test_a_thread_at_work_takes_nothing(api: httpx.Client) -> None:
    """No message and no second run before the run has ended; then both."""
    path, run = started(api)
    thread = f"/threads/{run['thread_id']}"
    message = {"role": "user", "content": "more"}
    refused(api.post(f"{thread}/messages", json=message), f"while a run {run['id']} is active")
    again = {"assistant_id": run["assistant_id"]}
    refused(api.post(f"{thread}/runs", json=again), f"already has an active run {run['id']}")
    assert rested(api, path)["status"] == "completed"
    post(api, f"{thread}/messages", **message)
    second = post(api, f"{thread}/runs", **again, additional_messages=[{"role": "user", "content": "and more"}])
    assert second["status"] == "queued"
    texts = [said["content"][0]["text"]["value"] for said in api.get(f"{thread}/messages").json()["data"]]
    assert texts[:2] == ["and more", "more"]


def test_the_states_of_a_run(api: httpx.Client) -> None:
    """Queued, in progress, completed: each is seen, with its time; what has ended cannot be cancelled."""
    path, run = started(api)
    assert (run["status"], run["started_at"]) == ("queued", None)
    working = api.get(path).json()
    assert (working["status"], working["usage"]) == ("in_progress", None)
    assert working["started_at"] is not None
    ended = api.get(path).json()
    assert (ended["status"], ended["expires_at"]) == ("completed", None)
    assert ended["completed_at"] is not None
    assert ended["usage"]["total_tokens"] > 0
    refused(api.post(f"{path}/cancel"), "Cannot cancel run with status 'completed'.")


def test_tools_must_be_answered_whole(api: httpx.Client) -> None:
    """Only a run that waits for outputs takes them, and only those that it waits for."""
    path, _ = started(api, tools=[WEATHER])
    submit = f"{path}/submit_tool_outputs"
    refused(api.post(submit, json={"tool_outputs": []}), 'status "queued" do not accept')
    waiting = rested(api, path)
    assert (waiting["status"], waiting["required_action"]["type"]) == ("requires_action", "submit_tool_outputs")
    (call,) = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert refused(api.post(submit, json={})) == ("tool_outputs", "missing_required_parameter")
    refused(api.post(submit, json={"tool_outputs": [{"tool_call_id": "x", "output": ""}]}), f"[{call['id']}], got [x]")
    (step,) = api.get(f"{path}/steps").json()["data"]
    assert (step["status"], step["step_details"]["tool_calls"][0]["function"]["output"]) == ("in_progress", None)
    post(api, submit, tool_outputs=[{"tool_call_id": call["id"], "output": "rain"}])
    assert rested(api, path)["status"] == "completed"
    kinds = [(step["type"], step["status"]) for step in api.get(f"{path}/steps").json()["data"]]
    assert kinds == [("message_creation", "completed"), ("tool_calls", "completed")]


def test_a_run_that_waits_too_long_expires(api: httpx.Client) -> None:
    """Ten minutes after it began, with its step; the thread is free again."""
    path, run = started(api, tools=[WEATHER])
    rested(api, path)
    CLOCK.now = 600
    assert rested(api, path)["status"] == "expired"
    assert api.get(f"{path}/steps").json()["data"][0]["status"] == "expired"
    post(api, f"/threads/{run['thread_id']}/messages", role="user", content="again")


def test_a_run_that_waits_can_be_cancelled(api: httpx.Client) -> None:
    """Its step is cancelled with it."""
    path, _ = started(api, tools=[WEATHER])
    rested(api, path)
    assert post(api, f"{path}/cancel")["status"] == "cancelling"
    assert rested(api, path)["cancelled_at"] is not None
    assert api.get(f"{path}/steps").json()["data"][0]["status"] == "cancelled"


def test_a_run_that_may_say_no_more_is_incomplete(api: httpx.Client) -> None:
    """Tokens count over the whole run; its message is incomplete, too."""
    path, run = started(api, tools=[WEATHER], max_completion_tokens=256)
    (call,) = rested(api, path)["required_action"]["submit_tool_outputs"]["tool_calls"]
    post(api, f"{path}/submit_tool_outputs", tool_outputs=[{"tool_call_id": call["id"], "output": "rain " * 500}])
    ended = rested(api, path)
    assert (ended["status"], ended["incomplete_details"]) == ("incomplete", {"reason": "max_completion_tokens"})
    assert ended["usage"]["completion_tokens"] == 256
    said = api.get(f"/threads/{run['thread_id']}/messages").json()["data"][0]
    assert (said["status"], said["incomplete_details"]) == ("incomplete", {"reason": "max_tokens"})


def test_a_run_that_cannot_be_answered_fails(api: httpx.Client) -> None:
    """An impossible schema is noticed at work, and said in `last_error`."""
    impossible = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "$ref": "#/x"}}}
    path, _ = started(api, tools=[impossible])
    ended = rested(api, path)
    assert (ended["status"], ended["last_error"]["code"]) == ("failed", "invalid_prompt")
    assert ended["failed_at"] is not None


def test_everything_is_forgotten_with_the_last_server() -> None:
    """Nothing of one run is left in the next."""
    emulator = Emulator()
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as api:
        thread = post(api, "/threads")["id"]
        post(api, "/assistants", model="emulated-mini")
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as api:
        assert api.get("/assistants").json()["data"] == []
        refused(api.get(f"/threads/{thread}"), status=404)
