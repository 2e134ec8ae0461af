"""The endpoints of `/v1/threads/{thread}/runs`, in one reply or streamed, and of their steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from openai_async.emulator.assistants.fields import answer, change_metadata, read_messages, read_settings, route
from openai_async.emulator.assistants.run_work import LIFETIME, Run, Thread
from openai_async.emulator.call import Answer, Call, EventStream
from openai_async.emulator.conditions import Pace
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_object, wrong_type
from openai_async.emulator.listing import listing
from openai_async.emulator.records import Record, now
from openai_async.emulator.text import digest

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["begun", "replied", "routes"]

_POLL = ((b"openai-poll-after-ms", b"10"),)


def routes(emulator: Backend) -> list[Route]:
    """`/v1/threads/{thread}/runs` and everything below."""

    def thread_of(call: Call) -> Thread:
        return emulator.threads.thread(call.path_params["thread"])

    def run_of(call: Call) -> Run:
        return thread_of(call).run(call.path_params["id"])

    def create(call: Call) -> Answer | EventStream:
        thread, fields = thread_of(call), Fields(call.json())
        if (run := thread.active) is not None:
            raise invalid(f"Thread {thread.id} already has an active run {run.id}.")
        return replied(emulator, begun(emulator, call, thread, fields), fields)

    def retrieve(call: Call) -> Answer:
        run = run_of(call)
        run.look()
        return Answer(orjson.dumps(run.described()), headers=_POLL)

    def cancel(call: Call) -> Answer:
        run = run_of(call)
        run.cancel()
        return answer(run)

    def submit(call: Call) -> Answer | EventStream:
        run, fields = run_of(call), Fields(call.json())
        fields.required("tool_outputs")
        outputs: dict[str, str] = {}
        for index, output in enumerate(fields.array("tool_outputs") or ()):
            if not is_object(output):
                raise wrong_type(f"tool_outputs[{index}]", "an object", output)
            own = Fields(output, f"tool_outputs[{index}]")
            outputs[own.required_text("tool_call_id")] = own.text("output") or ""
        run.happened.clear()
        run.submit(outputs)
        return replied(emulator, run, fields)

    def listed(call: Call) -> Answer:
        return listing(call, [*thread_of(call).runs.values()])

    def update(call: Call) -> Answer:
        return answer(change_metadata(run_of(call), call.json()))

    def steps(call: Call) -> Answer:
        return listing(call, [*run_of(call).steps.values()])

    def step(call: Call) -> Answer:
        return answer(run_of(call).step(call.path_params["step"]))

    runs = "/v1/threads/{thread}/runs"
    one = f"{runs}/{{id}}"
    return [
        route(emulator, runs, GET=listed, POST=create),
        route(emulator, one, GET=retrieve, POST=update),
        route(emulator, f"{one}/cancel", POST=cancel),
        route(emulator, f"{one}/submit_tool_outputs", POST=submit),
        route(emulator, f"{one}/steps", GET=steps),
        route(emulator, f"{one}/steps/{{step}}", GET=step),
    ]


def begun(emulator: Backend, call: Call, thread: Thread, fields: Fields) -> Run:
    """Create a run of an assistant on a thread, in state `queued`."""
    assistant = emulator.threads.assistant(fields.required_text("assistant_id"))
    own = {**_settings(emulator, fields), "assistant_id": assistant.id, "thread_id": thread.id}
    added = read_messages(fields, "additional_messages")
    inherited = {name: assistant.values[name] for name in _INHERITED}
    values: JSONObject = {**_DEFAULTS, **inherited, "expires_at": now() + LIFETIME, **own}
    more = fields.text("additional_instructions")
    values["instructions"] = "\n".join(filter(None, (values["instructions"], more)))
    model = emulator.catalog.find(values["model"], param="model")
    call.entry.model = model.id
    kept = dict(thread.messages)
    for message in added:
        thread.say(**message)
    try:
        run = Run(Record.new("run", "thread.run", **values).values, thread, model, emulator.clock)
    except Exception:
        thread.messages = kept
        raise
    thread.runs[run.id] = run
    return run


_INHERITED = ("model", "instructions", "tools", "temperature", "top_p", "response_format")
_DEFAULTS: JSONObject = {
    "status": "queued",
    **dict.fromkeys(
        ("required_action", "last_error", "started_at", "cancelled_at", "failed_at", "completed_at", "usage")
    ),
    **dict.fromkeys(("incomplete_details", "max_prompt_tokens", "max_completion_tokens")),
    "truncation_strategy": {"type": "auto", "last_messages": None},
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "metadata": {},
}


def _settings(emulator: Backend, fields: Fields) -> JSONObject:
    body: Any = {name: fields.get(name) for name in (*_INHERITED, "metadata")}
    read = read_settings(emulator, body)
    own: JSONObject = {
        "tool_choice": fields.get("tool_choice"),
        "truncation_strategy": fields.mapping("truncation_strategy"),
        "max_prompt_tokens": fields.integer("max_prompt_tokens", 256),
        "max_completion_tokens": fields.integer("max_completion_tokens", 256),
    }
    if fields.get("parallel_tool_calls") is not None:
        own["parallel_tool_calls"] = fields.flag("parallel_tool_calls")
    return {**read, **{name: value for name, value in own.items() if value is not None}}


def replied(
    emulator: Backend, run: Run, fields: Fields, before: list[tuple[int, str, JSONObject]] | None = None
) -> Answer | EventStream:
    """Reply with the new run, or stream its events until it ends or needs its caller."""
    if not fields.flag("stream"):
        return answer(run)
    run.rest()
    happened, run.happened = [*(before or ()), *run.happened], []
    pace = emulator.latency.pace(digest([run.id]))
    return EventStream(_events(happened, pace))


def _events(happened: list[tuple[int, str, JSONObject]], pace: Pace) -> Iterator[tuple[float, bytes]]:
    due = 0.0
    for written, event, data in happened:
        due = pace.due(written) if written else due
        yield due, b"event: %s\ndata: %s\n\n" % (event.encode(), orjson.dumps(data))
    yield due, b"event: done\ndata: [DONE]\n\n"
