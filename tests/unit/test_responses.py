"""`client.responses` against the emulator, and against servers that say odd things."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest

from openai_async import NULL, AsyncClient, Client, InvalidParameterError, NotFoundError, RateLimit
from openai_async._policy import retry
from openai_async.emulator import Emulator, Latency
from openai_async.errors import (
    APIConnectionError,
    BadRequestError,
    DecodeError,
    RateLimitError,
    StreamInterrupted,
    WaitTimeoutError,
)
from openai_async.testing import FaultServer, Fin, ReadRequest, json_reply, respond, sse
from openai_async.types.responses import Response, ResponseItem

MODEL = "emulated-mini"
LOOK = {
    "type": "function",
    "name": "look",
    "parameters": {
        "type": "object",
        "properties": {"at": {"type": "string"}},
        "required": ["at"],
        "additionalProperties": False,
    },
    "strict": True,
}
WHOLE: dict[str, Any] = {
    "id": "resp_1",
    "status": "completed",
    "model": "m",
    "created_at": 1_700_000_000,
    "output": [{"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hey"}]}],
    "usage": {"input_tokens": 1_000, "output_tokens": 2_000, "total_tokens": 3_000},
}


def delta(piece: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": piece, "item_id": "msg_1", "output_index": 0}


CREATED = {"type": "response.created", "response": {**WHOLE, "status": "in_progress", "output": [], "usage": None}}
EVENTS = (CREATED, delta("He"), delta("y"), {"type": "response.completed", "response": WHOLE})


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[AsyncClient]:
    with emulator.run() as server:
        async with AsyncClient(api_key="sk-test", base_url=server.base_url, trust_env=False, max_retries=0) as client:
            yield client


@asynccontextmanager
async def served(*scripts: Any, **settings: Any) -> AsyncIterator[tuple[AsyncClient, FaultServer]]:
    """A client of a server that answers as told."""
    with FaultServer(list(scripts)) as server:
        options = {"api_key": "k", "base_url": server.base_url, "trust_env": False, "max_retries": 0, **settings}
        async with AsyncClient(**options) as client:
            yield client, server


# ---- create, go on, look up


async def test_a_response_is_kept_and_gone_on_from(client: AsyncClient) -> None:
    """Create, retrieve, refer to it, list what it was an answer to, delete: as one story."""
    first = await client.responses.create(model=MODEL, input="Say something.", instructions="Be brief.")
    assert (first.status, first.ended, first.object) == ("completed", True, "response")
    assert first.output_text
    assert first.usage is not None
    assert first.usage.total_tokens == first.usage.input_tokens + first.usage.output_tokens
    assert first.request_id
    assert await client.responses.retrieve(first.id) == first

    second = await client.responses.create(model=MODEL, input="And then?", previous_response_id=first.id)
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    oldest_first = [item.text async for item in client.responses.input_items.list(second.id, order="asc", limit=1)]
    assert oldest_first == ["Say something.", first.output_text, "And then?"]
    newest_first = await client.responses.input_items.list(second.id, limit=2)
    assert [item.text for item in newest_first] == ["And then?", first.output_text]
    assert newest_first.has_next_page()

    assert (await client.responses.delete(first.id)).deleted
    with pytest.raises(NotFoundError):
        await client.responses.retrieve(first.id)
    with pytest.raises(BadRequestError) as caught:
        await client.responses.create(model=MODEL, input="x", previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"


async def test_an_output_can_be_sent_back_as_it_is(client: AsyncClient) -> None:
    """A call, then its items and the call's output as the next input: nothing is kept at the server."""
    asked: Any = {"role": "user", "content": "Look outside."}
    call = await client.responses.create(
        model=MODEL, input=[asked], tools=[LOOK], tool_choice={"type": "function", "name": "look"}, store=False
    )
    (item,) = call.output
    assert (item.type, item.name, list(json.loads(item.arguments))) == ("function_call", "look", ["at"])
    answered: Any = {"type": "function_call_output", "call_id": item.call_id, "output": "rain"}
    reply = await client.responses.create(model=MODEL, input=[asked, *call.output, answered], store=False)
    assert "“rain”" in reply.output_text
    with pytest.raises(NotFoundError):
        await client.responses.retrieve(reply.id)


async def test_tokens_are_counted_and_contexts_compacted(client: AsyncClient) -> None:
    """What counting says is what a response is charged for; what compacting gives can be gone on from."""
    count = await client.responses.input_tokens.count(model=MODEL, input="How long is this?")
    reply = await client.responses.create(model=MODEL, input="How long is this?")
    assert reply.usage is not None
    assert count.input_tokens == reply.usage.input_tokens
    compacted = await client.responses.compact(model=MODEL, previous_response_id=reply.id)
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    further = await client.responses.create(model=MODEL, input=[*compacted.output, {"role": "user", "content": "On."}])
    assert further.output_text


async def test_a_text_follows_its_schema_and_its_bound(client: AsyncClient) -> None:
    """JSON as asked for; a response that is cut off says so."""
    schema = {k: v for k, v in LOOK.items() if k != "type"}
    form = {"type": "json_schema", "name": "look", "schema": schema["parameters"], "strict": True}
    reply = await client.responses.create(model=MODEL, input="Look.", text={"format": form})
    assert list(json.loads(reply.output_text)) == ["at"]
    cut = await client.responses.create(model=MODEL, input="Say a lot.", max_output_tokens=16)
    assert (cut.status, cut.incomplete_details and cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


# ---- streams


async def test_a_stream_ends_with_the_response(client: AsyncClient) -> None:
    """Events are numbered, pieces of text join to the text, and the whole is what the server keeps."""
    async with client.responses.stream(
        model="emulated-reasoner", input="Hello", reasoning={"summary": "auto"}
    ) as stream:
        events = [event async for event in stream]
        whole = await stream.final()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.piece for event in events) == whole.output_text != ""
    assert [event.text for event in events if event.type == "response.output_text.done"] == [whole.output_text]
    assert [item.type for item in whole.output] == ["reasoning", "message"]
    assert whole.usage is not None
    assert await client.responses.retrieve(whole.id) == whole
    async with client.responses.stream(model=MODEL, input="Hello") as stream:
        text = "".join([piece async for piece in stream.text])
        assert (await stream.final()).output_text == text
    async with await client.responses.create(model=MODEL, input="Hello", stream=True) as stream:
        assert (await stream.final()).output_text == text


async def test_a_stream_that_is_cut_says_so_and_keeps_what_had_come() -> None:
    """Neither the end of the body nor a failure midway passes for the end of the response."""
    async with served(sse(EVENTS[:3]), sse(EVENTS[:1]), sse([])) as (client, _):
        for text in ("Hey", "", None):
            with pytest.raises(StreamInterrupted) as caught:
                async with client.responses.stream(model="m", input="x") as stream:
                    await stream.final()
            partial: Any = caught.value.partial
            assert (None if partial is None else partial.output_text) == text
            assert partial is None or partial.status == "in_progress"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None, "sequence_number": 3},
        {"type": "error", "error": {"type": "rate_limit_exceeded", "message": "slow down"}},
        {"error": {"code": "rate_limit_exceeded", "message": "slow down"}},
    ],
)
@pytest.mark.parametrize("named", [True, False])
async def test_an_error_event_is_raised(event: dict[str, Any], named: bool) -> None:
    """In every form that servers give it, with or without the event's name."""
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in EVENTS[:2])
    body += (b"event: error\n" if named else b"") + b"data: " + json.dumps(event).encode() + b"\n\n"
    async with served(respond(200, body, {"content-type": "text/event-stream"})) as (client, _):
        with pytest.raises(RateLimitError, match="slow down") as caught:
            async with client.responses.stream(model="m", input="x") as stream:
                await stream.final()
    assert isinstance(caught.value.partial, Response)
    assert caught.value.partial.output_text == "He"


async def test_a_response_that_failed_is_a_value() -> None:
    """Its stream is whole, and its reply a success: status and error say what happened."""
    failed = {**WHOLE, "status": "failed", "output": [], "error": {"code": "server_error", "message": "sorry"}}
    script = sse([*EVENTS[:2], {"type": "response.failed", "response": failed}])
    async with served(script, json_reply(failed)) as (client, _):
        async with client.responses.stream(model="m", input="x") as stream:
            streamed = await stream.final()
        assert (streamed.status, streamed.error and streamed.error.code) == ("failed", "server_error")
        assert streamed.output_text == "He"  # what had come is not lost, although the last event leaves it out
        whole = await client.responses.retrieve("resp_1")
        assert (whole.status, whole.error and whole.error.message, whole.output) == ("failed", "sorry", [])


async def test_usage_is_paid_for_and_limited() -> None:
    """A response costs what its usage says, streamed or not, and the client's totals hold both."""
    prices = {"m": (1.0, 10.0)}
    async with served(json_reply(WHOLE), sse(EVENTS), prices=prices) as (client, _):
        reply = await client.responses.create(model="m", input="x")
        assert reply.cost == pytest.approx(0.021)
        async with client.responses.stream(model="m", input="x") as stream:
            assert (await stream.final()).cost == pytest.approx(0.021)
        assert client.costs.total.cost == pytest.approx(0.042)


# ---- in the background


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
async def slow(clock: list[float]) -> AsyncIterator[AsyncClient]:
    """A client of a service whose clock is set by hand: a token a second, the first one after ten."""
    latency = Latency(first_token=10.0, tokens_per_second=1.0)
    with Emulator(latency=latency, clock=lambda: clock[0]).run() as server:
        async with AsyncClient(api_key="sk-test", base_url=server.base_url, trust_env=False, max_retries=0) as client:
            yield client


async def test_waiting_sees_a_response_through(slow: AsyncClient, clock: list[float]) -> None:
    """Queued, in progress, completed: each state is shown, and the last one given."""
    asked = await slow.responses.create(model=MODEL, input="Take your time.", background=True)
    assert (asked.status, asked.background, asked.ended, asked.output) == ("queued", True, False, [])
    seen: list[str | None] = []

    def on_poll(state: Response) -> None:
        seen.append(state.status)
        clock[0] += 8.0

    done = await slow.responses.wait(asked.id, poll_interval=0.001, on_poll=on_poll)
    assert (done.status, bool(done.output_text)) == ("completed", True)
    assert seen[:2] == ["queued", "queued"]
    assert seen[-1] == "completed"
    assert set(seen[2:-1]) == {"in_progress"}


async def test_a_response_is_paid_for_once() -> None:
    """When it was made; in the background, when it is there. Reading it again says what it cost, and spends nothing."""
    background = {**WHOLE, "background": True}
    begun = {**background, "status": "queued", "output": [], "usage": None}
    scripts = (json_reply(WHOLE), json_reply(WHOLE), sse(EVENTS), json_reply(begun), json_reply(begun))
    async with served(*scripts, json_reply(background), prices={"m": (1.0, 10.0)}) as (client, _):
        await client.responses.create(model="m", input="x")
        assert (await client.responses.retrieve("resp_1")).cost == pytest.approx(0.021)
        async with await client.responses.retrieve("resp_1", stream=True) as stream:
            assert (await stream.final()).cost == pytest.approx(0.021)
        assert client.costs.total.cost == pytest.approx(0.021)
        asked = await client.responses.create(model="m", input="x", background=True)
        done = await client.responses.wait(asked.id, poll_interval=0.001)
        assert asked.cost is None
        assert done.cost == pytest.approx(0.021)
        assert client.costs.total.cost == pytest.approx(0.042)


@pytest.mark.parametrize("accounting", ["settle", "realtime"])
async def test_reading_again_uses_no_tokens(accounting: Any) -> None:
    """However many tokens a response had: looking at it, and so waiting for it, is not held back by them."""
    limit = RateLimit(tokens_per_minute=1_000, accounting=accounting)
    async with served(*[json_reply(WHOLE)] * 3, rate_limit=limit) as (client, server):
        for _ in range(3):
            await client.responses.retrieve("resp_1", deadline=10.0)
        assert len(server.requests) == 3


async def test_a_wait_ends_in_time_and_the_response_can_be_stopped(slow: AsyncClient) -> None:
    """The error shows the last state; cancelling is final, and does no harm twice."""
    asked = await slow.responses.create(model=MODEL, input="Take your time.", background=True)
    with pytest.raises(WaitTimeoutError) as caught:
        await slow.responses.wait(asked.id, max_wait=0.001)
    assert isinstance(caught.value.last, Response)
    assert caught.value.last.status == "queued"
    for _ in range(2):
        assert (await slow.responses.cancel(asked.id)).status == "cancelled"
    assert (await slow.responses.wait(asked.id)).status == "cancelled"


async def test_a_background_stream_is_taken_up_where_it_was_left(emulator: Emulator, client: AsyncClient) -> None:
    """Events come again from any number on, and end with the same response."""
    async with client.responses.stream(model=MODEL, input="Hello", background=True) as stream:
        events = [event async for event in stream]
        whole = await stream.final()
    assert whole.background
    for after in (None, 0, 7, len(events) - 2):
        async with await client.responses.retrieve(whole.id, stream=True, starting_after=after) as again:
            rest = [event async for event in again]
            assert await again.final() == whole
        assert rest == events[0 if after is None else after + 1 :]


async def test_a_stream_taken_up_midway_and_cut_keeps_its_id_and_its_pieces() -> None:
    """The events that introduced the response do not come again; what does come is put in its place."""
    async with served(sse(EVENTS[1:3])) as (client, server):
        with pytest.raises(StreamInterrupted) as caught:
            async with await client.responses.retrieve("resp_1", stream=True, starting_after=0) as stream:
                await stream.final()
        assert "stream=true" in server.requests[0].target
        assert "starting_after=0" in server.requests[0].target
    partial: Any = caught.value.partial
    assert (partial.id, partial.output_text, partial.output[0].id) == ("resp_1", "Hey", "msg_1")


# ---- what is refused, and what is not


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"model": "", "input": "x"}, "model"),
        ({"model": 3, "input": "x"}, "model"),
        ({"model": "m", "input": 3}, "input"),
        ({"model": "m", "input": {"role": "user"}}, "input"),
        ({"model": "m", "input": iter(list[str]())}, "input"),
        ({"model": "m", "input": ["x"]}, "input[0]"),
        (
            {"model": "m", "input": "x", "conversation": "conv_1", "previous_response_id": "resp_1"},
            "previous_response_id",
        ),
    ],
)
async def test_what_cannot_be_right_is_not_sent(params: dict[str, Any], field: str) -> None:
    """The error names the field; the server hears nothing."""
    async with served(json_reply(WHOLE)) as (client, server):
        for refused in (client.responses.create, client.responses.stream, client.responses.input_tokens.count):
            method: Any = refused
            with pytest.raises(InvalidParameterError) as caught:
                await method(**params)
            assert caught.value.field == field
        with pytest.raises(InvalidParameterError):
            await client.responses.retrieve("a/../b?c")
        assert not server.requests


async def test_parameters_go_as_they_are() -> None:
    """None is left out, NULL sent, and what this version does not know passes through."""
    async with served(json_reply(WHOLE), json_reply(WHOLE)) as (client, server):
        unknown: Any = {"tomorrow": {"a": 1}}
        await client.responses.create(
            model="m",
            input=[ResponseItem("reasoning", summary=[])],
            conversation=NULL,
            previous_response_id="resp_0",
            user=None,
            **unknown,
        )
        assert server.requests[0].json() == {
            "model": "m",
            "input": [{"type": "reasoning", "summary": []}],
            "conversation": None,
            "previous_response_id": "resp_0",
            "tomorrow": {"a": 1},
        }
        await client.responses.retrieve("resp_1", include=["a", "b"])
        assert "include" in server.requests[1].target


@pytest.mark.parametrize(("conversation", "sent"), [(None, 2), ("conv_1", 1)])
async def test_a_turn_is_not_added_twice(conversation: str | None, sent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that may have been answered is sent again, unless a conversation would hold its turn twice."""
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.0)
    async with served((ReadRequest(), Fin()), json_reply(WHOLE), max_retries=1) as (client, server):
        refused = pytest.raises(APIConnectionError) if sent == 1 else nullcontext()
        with refused:
            await client.responses.create(model="m", input="x", conversation=conversation)
        assert len(server.requests) == sent


async def test_odd_replies_are_read() -> None:
    """Unknown kinds, states and fields, and nulls where lists are due, are no errors; no response at all is."""
    odd = {
        "id": "resp_1",
        "status": "pondering",
        "output": [
            {"type": "telepathy_call", "id": "t_1", "strength": 3},
            {"type": "message", "content": None, "status": None},
            {
                "type": "message",
                "content": [{"type": "hologram", "depth": 2, "text": "?"}, {"type": "output_text", "text": "Hi"}],
            },
            {"type": "thought", "content": [{"type": "output_text", "text": "Hm."}]},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2, "novel_tokens": 3},
        "reasoning": None,
        "mood": "good",
    }
    async with served(json_reply(odd), json_reply({**odd, "output": None}), json_reply({"x": 1})) as (client, _):
        reply = await client.responses.create(model="m", input="x")
        assert (reply.output_text, reply.ended) == ("Hi", True)
        output: Any = reply.output
        assert (output[0].strength, output[2].content[0].depth) == (3, 2)
        assert reply.to_dict()["mood"] == "good"
        assert reply.usage is not None
        assert reply.usage.as_completion_usage().total_tokens == 3
        assert (await client.responses.create(model="m", input="x")).output == []
        with pytest.raises(DecodeError):
            await client.responses.create(model="m", input="x")


async def test_a_deletion_without_a_word_is_one() -> None:
    """Some servers answer with nothing."""
    async with served(respond(200, b"")) as (client, _):
        assert (await client.responses.delete("resp_1")).deleted


# ---- without asyncio, and without being asked for


@pytest.fixture
def threads() -> Iterator[Client]:
    with Emulator().run() as server, Client(api_key="sk-test", base_url=server.base_url, trust_env=False) as client:
        yield client


def test_threads_have_the_same(threads: Client) -> None:
    """Create, stream, wait, list, delete."""
    reply = threads.responses.create(model=MODEL, input="Hello")
    with threads.responses.stream(model=MODEL, input="Hello") as stream:
        assert "".join(stream.text) == reply.output_text
        assert stream.final().output == stream.final().output
    asked = threads.responses.create(model=MODEL, input="Hello", background=True)
    assert threads.responses.wait(asked.id, max_wait=10).output_text == reply.output_text
    with threads.responses.retrieve(asked.id, stream=True) as again:
        assert again.final().output_text == reply.output_text
    assert [item.text for item in threads.responses.input_items.list(reply.id)] == ["Hello"]
    assert threads.responses.input_tokens.count(model=MODEL, input="Hello").input_tokens > 0
    assert threads.responses.delete(reply.id).deleted


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    """Neither importing the package nor making a client loads the types of responses."""
    code = (
        "import sys; from openai_async import AsyncClient; AsyncClient(api_key='k');"
        "sys.exit(any(name.endswith(('.responses', '.conversations')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
