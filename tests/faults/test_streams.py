"""What a stream holds, and when it lets go: its connection, its permit, its memory, its partial reply."""

from __future__ import annotations

import itertools
import json
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from openai_async import AsyncClient
from openai_async.errors import StreamInterrupted
from openai_async.testing import Chunk, FaultServer, Gate, Mark, Sleep, Stall, no_leaks, sse

from .conftest import MakeClient
from .replies import CALL, CHUNKS, EVENTS, PIECES, TEXT, ok_as_asked, without_end


def held(client: AsyncClient) -> int:
    return client.statistics().in_flight


# The connection ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_a_stream_read_to_its_end_gives_its_connection_back(framing: Any, make_client: MakeClient) -> None:
    """The next request, of whatever kind, goes over the same connection."""
    streamed = sse(EVENTS, framing=framing)
    with FaultServer(lambda request: streamed if request.json().get("stream") else ok_as_asked(request)) as server:
        async with make_client(server.base_url) as client:
            for _ in range(3):
                async with client.chat.completions.stream(**CALL) as stream:
                    assert (await stream.final()).text == TEXT
                await client.chat.completions.create(**CALL)
            assert client.statistics().open_connections == 1
    assert [request.connection for request in server.requests] == [1] * 6


async def test_a_stream_left_at_its_terminal_event_gives_its_connection_back(make_client: MakeClient) -> None:
    """Iterating until it ends is enough: no block and no close are needed."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url) as client:
            for _ in range(3):
                events = [event async for event in await client.chat.completions.create(**CALL, stream=True)]
                assert len(events) == len(CHUNKS)
                assert held(client) == 0
    assert server.accepted_connections == 1


@pytest.mark.parametrize("read", [0, 1, len(CHUNKS)])
async def test_leaving_a_stream_early_hangs_up(read: int, make_client: MakeClient) -> None:
    """The server sees the client go, and can stop working; the next call takes another connection."""
    with FaultServer([without_end(sse([*CHUNKS, Stall()])), sse(EVENTS)]) as server:
        async with no_leaks(), make_client(server.base_url) as client:
            async with client.chat.completions.stream(**CALL) as stream:
                for _ in range(read):
                    await anext(stream)
            assert held(client) == 0
            await server.until(lambda server: server.open_connections == 0)
            async with client.chat.completions.stream(**CALL) as stream:
                await stream.final()
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("way", ["break", "raise", "aclose", "return from a generator"])
async def test_every_way_out_of_a_stream_closes_it(way: str, make_client: MakeClient) -> None:
    """break, an exception, aclose, or a generator that is closed: the permit is back and the server is told."""

    async def generate(client: AsyncClient) -> Any:
        async with client.chat.completions.stream(**CALL) as stream:
            async for event in stream:
                yield event

    async def leave(client: AsyncClient) -> None:
        if way == "aclose":
            stream = await client.chat.completions.create(**CALL, stream=True)
            await anext(stream)
            await stream.aclose()
        elif way == "return from a generator":
            events = generate(client)
            await anext(events)
            await events.aclose()
        else:
            async with client.chat.completions.stream(**CALL) as stream:
                async for _ in stream:
                    if way == "raise":
                        raise KeyError(way)
                    break

    with FaultServer([without_end(sse([CHUNKS[0], Stall()]))]) as server:
        async with make_client(server.base_url) as client:
            if way == "raise":
                with pytest.raises(KeyError):
                    await leave(client)
            else:
                await leave(client)
            assert held(client) == 0
            await server.until(lambda server: server.open_connections == 0)
    assert server.accepted_connections == 1


TAILS: dict[str, tuple[Any, ...]] = {
    "open": (Stall(),),
    "drip": (Chunk(b": still here\n\n"), Sleep(0.005)) * 1_000,
    "flood": (Chunk(b": " + b"x" * 60_000 + b"\n\n"),) * 2_000,
    "events": (Chunk(b"data: " + json.dumps(CHUNKS[0]).encode() + b"\n\n"),) * 50_000,
}


@pytest.mark.parametrize("name", TAILS)
async def test_a_body_that_goes_on_after_the_terminal_event_is_not_waited_for(
    name: str, make_client: MakeClient
) -> None:
    """[DONE] ends the stream whatever the server does then; a connection that is not at its end is dropped."""
    with FaultServer([without_end(sse([*EVENTS, *TAILS[name]])), sse(EVENTS)]) as server:
        async with make_client(server.base_url) as client:
            async with client.chat.completions.stream(**CALL) as stream:
                assert (await stream.final()).text == TEXT
                assert held(client) == 0
            await server.until(lambda server: server.open_connections == 0)
            async with client.chat.completions.stream(**CALL) as stream:
                assert (await stream.final()).text == TEXT
    assert [request.connection for request in server.requests] == [1, 2]


# The permit -------------------------------------------------------------------------------------------


async def test_a_stream_holds_its_permit_until_its_end(make_client: MakeClient) -> None:
    """From the request to the terminal event one permit is out, and then it is back, before the block ends."""
    with FaultServer([sse([CHUNKS[0], Gate("go on"), *EVENTS[1:]])]) as server:
        async with make_client(server.base_url) as client:
            manager = client.chat.completions.stream(**CALL)
            assert held(client) == 0
            async with manager as stream:
                await anext(stream)
                assert held(client) == 1
                server.open_gate("go on")
                await stream.final()
                assert held(client) == 0
            assert held(client) == 0


@pytest.mark.parametrize("read", [1, None], ids=["early", "whole"])
async def test_a_permit_goes_back_exactly_once(read: int | None, make_client: MakeClient) -> None:
    """Closing again and again, and collecting the stream, gives back no permit that was not taken."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url, max_concurrency=2) as client:
            other = await client.chat.completions.create(**CALL, stream=True)
            stream = await client.chat.completions.create(**CALL, stream=True)
            assert held(client) == 2
            await (stream.final() if read is None else anext(stream))
            for _ in range(3):
                await stream.aclose()
                assert held(client) == 1
            async with stream:
                pass
            del stream
            assert held(client) == 1
            await other.aclose()
            assert held(client) == 0


async def test_a_closed_stream_says_so(make_client: MakeClient) -> None:
    """Reading on after closing early is an error with the partial reply; after the end it is the end, each time."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url) as client:
            async with client.chat.completions.stream(**CALL) as stream:
                await anext(stream)
            for _ in range(2):
                with pytest.raises(StreamInterrupted) as caught:
                    await anext(stream)
                assert caught.value.partial.text == PIECES[0]
            async with client.chat.completions.stream(**CALL) as stream:
                await stream.final()
            for _ in range(2):
                with pytest.raises(StopAsyncIteration):
                    await anext(stream)
                assert (await stream.final()).text == TEXT


# Memory -----------------------------------------------------------------------------------------------


async def test_a_reader_that_does_not_read_holds_up_the_server(make_client: MakeClient) -> None:
    """Back-pressure: of 128 MiB the server gets rid of a few, the sockets' buffers, while nobody iterates."""
    mebibyte = Chunk(b"data: " + json.dumps({"choices": [{"delta": {"content": "x" * (1 << 20)}}]}).encode() + b"\n\n")
    body = [part for _ in range(128) for part in (mebibyte, Mark("sent"))]
    head, *_ = sse([])
    with FaultServer([(head, Chunk(b": hello\n\n"), *body)]) as server:
        async with make_client(server.base_url) as client, client.chat.completions.stream(**CALL) as stream:
            assert (await anext(stream)).text
            with pytest.raises(TimeoutError):  # the loop is free to read, and does not
                await server.until_mark("sent", times=32, timeout=0.5)
            before = server.marks["sent"]
            for _ in range(before):
                assert (await anext(stream)).text
            await server.until_mark("sent", times=before + 1)  # it goes on as soon as somebody reads


async def test_a_slow_reader_holds_up_no_other_stream(make_client: MakeClient) -> None:
    """A stream that nobody reads keeps its own connection waiting, and only that."""
    flood = (Chunk(b"data: " + json.dumps(CHUNKS[0]).encode() + b"\n\n"),) * 200_000
    head, *_ = sse([])
    scripts = [(head, *flood), sse(EVENTS)]
    with FaultServer(scripts) as server:
        async with make_client(server.base_url) as client, client.chat.completions.stream(**CALL) as unread:
            await anext(unread)
            for _ in range(20):
                async with client.chat.completions.stream(**CALL) as stream:
                    assert (await stream.final()).text == TEXT


# What was delivered -----------------------------------------------------------------------------------


async def test_partial_is_what_was_delivered_at_each_step(make_client: MakeClient) -> None:
    """`partial` is None before the first event, then the text so far, and the whole reply at the end."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url) as client, client.chat.completions.stream(**CALL) as stream:
            assert stream.partial is None
            for text in itertools.accumulate(PIECES):
                await anext(stream)
                partial = stream.partial
                assert partial is not None
                assert (partial.text, partial.choices[0].finish_reason) == (text, None)
            whole = await stream.final()
    assert stream.partial == whole
    assert (whole.text, whole.choices[0].finish_reason) == (TEXT, "stop")
    assert [attempt.outcome for attempt in whole.attempts] == ["completed"]


async def test_an_event_is_delivered_as_soon_as_it_is_there(make_client: MakeClient) -> None:
    """No event waits for the next one: the server sends it only after the one before it was received."""
    events = [part for number, event in enumerate(CHUNKS) for part in (Gate(str(number)), event)]
    with FaultServer([sse([*events, "[DONE]"])]) as server:
        async with make_client(server.base_url) as client, client.chat.completions.stream(**CALL) as stream:
            for number in range(len(CHUNKS)):
                server.open_gate(str(number))
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)


async def test_two_streams_interleave_on_one_client(make_client: MakeClient) -> None:
    """Events of two open streams can be taken in any order; each keeps its own text, permit and connection."""
    with FaultServer(ok_as_asked) as server:
        async with make_client(server.base_url) as client:
            async with client.chat.completions.stream(**CALL) as one, client.chat.completions.stream(**CALL) as two:
                assert held(client) == 2
                for text in itertools.accumulate(PIECES):
                    await anext(one)
                    assert one.partial is not None
                    assert one.partial.text == text
                    await anext(two)
                    assert two.partial == one.partial
                assert (await two.final()).text == (await one.final()).text == TEXT
            assert held(client) == 0
            assert client.statistics().open_connections == 2
    assert server.accepted_connections == 2


async def test_a_stream_that_fails_leaves_the_other_alone(make_client: MakeClient) -> None:
    """One stream is cut off in its middle; another on the same client is read to its end."""
    cut, whole = [CHUNKS[0], Gate("cut")], [CHUNKS[0], Gate("whole"), *EVENTS[1:]]
    with FaultServer([sse(cut), sse(whole)]) as server:
        async with (
            make_client(server.base_url) as client,
            client.chat.completions.stream(**CALL) as one,
            client.chat.completions.stream(**CALL) as two,
        ):
            await anext(one)
            await anext(two)
            server.open_gate("cut")
            with pytest.raises(StreamInterrupted):
                await one.final()
            assert held(client) == 1
            server.open_gate("whole")
            assert (await two.final()).text == TEXT


async def test_many_streams_at_once_are_all_whole(make_client: MakeClient) -> None:
    """Two hundred streams over sixteen permits: each complete, every connection back, nothing left."""
    texts: list[str] = []

    async def read(client: AsyncClient) -> None:
        async with client.chat.completions.stream(**CALL) as stream:
            texts.append((await stream.final()).text)

    with FaultServer(ok_as_asked) as server:
        async with no_leaks(), make_client(server.base_url, max_concurrency=16) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(200):
                    tasks.start_soon(read, client)
            assert (held(client), client.statistics().waiting) == (0, 0)
            assert client.statistics().open_connections <= 16
    assert texts == [TEXT] * 200
    assert server.accepted_connections <= 16
