"""Assistants, threads and runs: refused on OpenAI's own API, and whole on servers that have them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from openai_async import AsyncClient, Client
from openai_async.emulator import Emulator
from openai_async.errors import (
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RemovedEndpointError,
    StreamInterrupted,
    WaitTimeoutError,
)
from openai_async.testing import FaultServer, json_reply, sse
from openai_async.types.api_object import APIObject
from openai_async.types.assistants import Run, RunEvent, RunStep

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
ASK = [{"role": "user", "content": "Use the weather tool"}]


@pytest.fixture
def emulated() -> Iterator[str]:
    with Emulator().run() as server:
        yield server.base_url


@pytest.fixture
async def client(emulated: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(api_key="k", base_url=emulated, max_retries=0, trust_env=False) as client:
        yield client


def outputs(run: Run, text: str = "It rains.") -> list[dict[str, Any]]:
    return [{"tool_call_id": call.id, "output": text} for call in run.tool_calls]


async def test_openai_itself_is_not_asked() -> None:
    """Every method says what replaces it, before anything is sent; the rest of `beta` is as it was."""
    client = AsyncClient(api_key="k", base_url="https://api.openai.com/v1")
    beta, threads = client.beta, client.beta.threads
    calls: dict[str, Any] = {
        "beta.assistants.create": lambda: beta.assistants.create(model="m"),
        "beta.assistants.list": lambda: beta.assistants.list(),
        "beta.threads.create": lambda: threads.create(),
        "beta.threads.create_and_run": lambda: threads.create_and_run_stream(assistant_id="a"),
        "beta.threads.messages.update": lambda: threads.messages.update("m", thread_id="t"),
        "beta.threads.runs.create": lambda: threads.runs.stream("t", assistant_id="a"),
        "beta.threads.runs.submit_tool_outputs": lambda: threads.runs.submit_tool_outputs(
            "r", thread_id="t", tool_outputs=[]
        ),
        "beta.threads.runs.retrieve": lambda: threads.runs.wait("r", thread_id="t"),
        "beta.threads.runs.steps.list": lambda: threads.runs.steps.list("r", thread_id="t"),
    }
    for operation, call in calls.items():
        with pytest.raises(RemovedEndpointError) as caught:
            await call()
        assert (caught.value.operation, caught.value.replacement) == (operation, "responses and conversations")
    assert "agents" in repr(client.beta.agents)


async def test_a_refusal_shows_no_message() -> None:
    """A traceback with local variables does not hold what was to be said."""
    runs = AsyncClient(api_key="k", base_url="https://api.openai.com/v1").beta.threads.runs
    for call in (
        lambda: runs.create("t", assistant_id="a", additional_instructions="a secret"),
        lambda: runs.stream("t", assistant_id="a", additional_instructions="a secret"),
    ):
        with pytest.raises(RemovedEndpointError) as caught:
            await call()
        own = [entry.frame.f_locals for entry in caught.traceback if "openai_async" in str(entry.path)]
        assert own
        assert "a secret" not in repr(own)


async def test_assistants_are_kept(client: AsyncClient) -> None:
    """Made, changed, listed and deleted; nulls take away."""
    assistants = client.beta.assistants
    made = await assistants.create(
        model="emulated-mini", name="Ada", tools=[WEATHER, {"type": "file_search"}], metadata={"a": "b"}
    )
    assert [tool.type for tool in made.tools] == ["function", "file_search"]
    assert made.tools[0].function.name == "weather"
    changed = await assistants.update(made.id, instructions="Be brief.", temperature=0.5)
    assert (changed.name, changed.instructions, changed.temperature) == ("Ada", "Be brief.", 0.5)
    assert await assistants.retrieve(made.id) == changed
    assert [one.id async for one in assistants.list()] == [made.id]
    assert (await assistants.delete(made.id)).deleted
    with pytest.raises(NotFoundError):
        await assistants.retrieve(made.id)


async def test_messages_are_added_and_never_changed(client: AsyncClient) -> None:
    """Content stays as it is, metadata may change, and nothing is put between what is there."""
    threads = client.beta.threads
    thread = await threads.create(messages=[{"role": "user", "content": "one"}], metadata={"a": "b"})
    second = await threads.messages.create(thread.id, role="user", content=[{"type": "text", "text": "two"}])
    assert [message.text async for message in threads.messages.list(thread.id, order="asc", limit=1)] == ["one", "two"]
    with pytest.raises(BadRequestError) as caught:
        await threads.messages.update(second.id, thread_id=thread.id, extra_body={"content": "other"})
    assert (caught.value.param, caught.value.code) == ("content", "unknown_parameter")
    changed = await threads.messages.update(second.id, thread_id=thread.id, metadata={"seen": "yes"})
    assert (changed.text, changed.metadata) == ("two", {"seen": "yes"})
    assert (await threads.update(thread.id, metadata={})).metadata == {}
    assert (await threads.messages.delete(second.id, thread_id=thread.id)).object == "thread.message.deleted"
    assert (await threads.delete(thread.id)).object == "thread.deleted"
    with pytest.raises(NotFoundError):
        await threads.retrieve(thread.id)


async def test_a_run_is_waited_for_through_its_tools(client: AsyncClient) -> None:
    """It stops for the outputs of tools, goes on with them, and says what it did."""
    runs = client.beta.threads.runs
    assistant = await client.beta.assistants.create(model="emulated-mini", tools=[WEATHER])
    thread = await client.beta.threads.create(messages=ASK)
    run = await runs.create(thread.id, assistant_id=assistant.id, additional_instructions="Be brief.")
    assert (run.status, run.instructions) == ("queued", "Be brief.")
    states: list[str | None] = []
    run = await runs.wait(run.id, thread_id=thread.id, on_poll=lambda state: states.append(state.status))
    assert states == ["in_progress", "requires_action"]
    assert [call.function.name for call in run.tool_calls if call.function] == ["weather"]
    run = await runs.submit_tool_outputs(run.id, thread_id=thread.id, tool_outputs=outputs(run))
    assert (run.status, run.tool_calls) == ("queued", [])
    run = await runs.wait(run.id, thread_id=thread.id)
    assert run.status == "completed"
    assert run.usage is not None
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens > 0
    steps = await runs.steps.list(run.id, thread_id=thread.id, order="asc", include=["x"]).collect()
    assert [step.type for step in steps] == ["tool_calls", "message_creation"]
    assert steps[0].step_details is not None
    assert steps[0].step_details.tool_calls[0].function.output == "It rains."
    assert await runs.steps.retrieve(steps[0].id, thread_id=thread.id, run_id=run.id) == steps[0]
    page = await client.beta.threads.messages.list(thread.id, run_id=run.id)
    assert "It rains." in page.data[0].text
    assert [one.id async for one in runs.list(thread.id)] == [run.id]
    assert (await runs.update(run.id, thread_id=thread.id, metadata={"a": "b"})).metadata == {"a": "b"}
    assert client.costs.total.calls == 0  # neither looking at a run nor naming it is paid for


@pytest.mark.slow
async def test_a_run_is_streamed(client: AsyncClient) -> None:
    """Events have names and typed data; text is that of the message; the end is the final run."""
    threads = client.beta.threads
    assistant = await client.beta.assistants.create(model="emulated-mini", tools=[WEATHER])
    async with threads.create_and_run_stream(assistant_id=assistant.id, thread={"messages": ASK}) as stream:
        run = await stream.final()
    assert (run.status, len(run.tool_calls)) == ("requires_action", 1)
    assert run.thread_id is not None
    stream = await threads.runs.submit_tool_outputs(
        run.id, thread_id=run.thread_id, tool_outputs=outputs(run), stream=True
    )
    async with stream:
        events = [event async for event in stream]
        final = await stream.final()
    names = [event.event for event in events if event.event != "thread.message.delta"]
    assert names[0] == "thread.run.step.completed"
    assert names[-3:] == ["thread.message.completed", "thread.run.step.completed", "thread.run.completed"]
    assert isinstance(events[0].data, RunStep)
    assert isinstance(events[-1].data, Run)
    last = (await threads.messages.list(run.thread_id)).data[0]
    assert "".join(event.text for event in events) == last.text
    assert (final, final.request_id) == (events[-1].data, stream.request_id)
    async with threads.runs.stream(run.thread_id, assistant_id=assistant.id, tool_choice="none") as stream:
        text = "".join([piece async for piece in stream.text])
    assert text == (await threads.messages.list(run.thread_id)).data[0].text != ""
    assert client.costs.total.calls == 2


async def test_a_run_is_cancelled(client: AsyncClient) -> None:
    """It is cancelling, then cancelled; that is an end."""
    runs = client.beta.threads.runs
    assistant = await client.beta.assistants.create(model="emulated-mini")
    run = await client.beta.threads.create_and_run(assistant_id=assistant.id, thread={"messages": ASK})
    assert run.thread_id is not None
    assert (await runs.cancel(run.id, thread_id=run.thread_id)).status == "cancelling"
    assert (await runs.wait(run.id, thread_id=run.thread_id)).status == "cancelled"


def events_of(*events: tuple[str, Any]) -> list[bytes]:
    return [b"event: %s\ndata: %s\n\n" % (name.encode(), json.dumps(data).encode()) for name, data in events]


DONE = b"event: done\ndata: [DONE]\n\n"
BEGUN = ("thread.run.created", {"id": "r", "object": "thread.run", "status": "queued"})


async def streamed(events: list[bytes]) -> tuple[list[RunEvent], Run]:
    """What a stream of these events gives."""
    with FaultServer(lambda request: sse(events)) as server:
        async with (
            AsyncClient(api_key="k", base_url=server.base_url, max_retries=0, trust_env=False) as client,
            client.beta.threads.runs.stream("t", assistant_id="a") as stream,
        ):
            found = [event async for event in stream]
            return found, await stream.final()


async def test_streams_of_other_servers_are_read() -> None:
    """Unknown events, unknown objects, nulls and events without a name are events."""
    odd = ("thread.run.dreaming", {"id": "d", "object": "thread.dream", "colour": "blue"})
    ended = ("thread.run.dreamt", {**BEGUN[1], "status": "dreamt", "tools": None, "usage": None})
    found, run = await streamed([*events_of(BEGUN, odd, ended), b'data: {"object": ["x"]}\n\n', DONE])
    assert [event.event for event in found] == ["thread.run.created", "thread.run.dreaming", "thread.run.dreamt", ""]
    assert isinstance(found[1].data, APIObject)
    assert (found[1].data.colour, found[1].text) == ("blue", "")
    assert (run.status, run.tools) == ("dreamt", [])


@pytest.mark.parametrize("name", ["error", "thread.run.created"])
async def test_an_error_inside_a_stream_is_raised(name: str) -> None:
    """With or without the name of an error, and with the run so far."""
    broken = (name, {"error": {"message": "no more", "type": "server_error", "code": None}})
    with pytest.raises(InternalServerError) as caught:
        await streamed([*events_of(BEGUN, broken), DONE])
    assert "no more" in str(caught.value)
    assert caught.value.partial.id == "r"


async def test_a_stream_without_its_end_is_interrupted() -> None:
    """A run whose last event arrived is still no whole stream without the terminal event."""
    with pytest.raises(StreamInterrupted) as caught:
        await streamed(events_of(BEGUN, ("thread.run.completed", {**BEGUN[1], "status": "completed"})))
    assert caught.value.partial.status == "completed"
    with pytest.raises(StreamInterrupted):
        await streamed([DONE])


async def test_waiting_for_a_run_ends_in_time_or_with_an_unknown_state() -> None:
    """The error carries the last state; a state of tomorrow is given to the caller."""
    states = iter(["queued", *["in_progress"] * 10_000])
    with FaultServer(lambda request: json_reply({"id": "r", "status": next(states)})) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0, trust_env=False) as client:
            with pytest.raises(WaitTimeoutError) as caught:
                await client.beta.threads.runs.wait("r", thread_id="t", max_wait=0.02, poll_interval=0.001)
            assert caught.value.last.status in ("queued", "in_progress")
            states = iter(["paused"])
            assert (await client.beta.threads.runs.wait("r", thread_id="t")).status == "paused"
            assert server.requests[-1].header("openai-beta") == "assistants=v2"


async def test_what_is_included_stands_in_the_query() -> None:
    """`include` is no field of the body, and `stream` is."""
    with FaultServer(lambda request: sse([*events_of(BEGUN), DONE])) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0, trust_env=False) as client:
            async with client.beta.threads.runs.stream("t", assistant_id="a", include=["x", "y"]) as stream:
                await stream.final()
            request = server.requests[-1]
            assert request.target.endswith("/threads/t/runs?include%5B%5D=x&include%5B%5D=y")
            assert json.loads(request.body) == {"assistant_id": "a", "stream": True}


def test_threads_have_the_same(emulated: str) -> None:
    """The synchronous face makes, waits, streams and lists."""
    with Client(api_key="k", base_url=emulated, trust_env=False) as client:
        beta = client.beta
        assistant = beta.assistants.create(model="emulated-mini", tools=[WEATHER])
        thread = beta.threads.create(messages=ASK)
        run = beta.threads.runs.create(thread.id, assistant_id=assistant.id)
        run = beta.threads.runs.wait(run.id, thread_id=thread.id)
        with beta.threads.runs.submit_tool_outputs_stream(
            run.id, thread_id=thread.id, tool_outputs=outputs(run)
        ) as stream:
            text = "".join(stream.text)
            assert stream.final().status == "completed"
        assert next(iter(beta.threads.messages.list(thread.id))).text == text
        assert [step.type for step in beta.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc")] == [
            "tool_calls",
            "message_creation",
        ]
        assert "agents" in repr(beta.agents)
