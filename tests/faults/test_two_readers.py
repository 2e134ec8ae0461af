"""Two tasks that read one reply: the second one is told, the first one gets everything, and closing lets it go."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from openai_async import APIConnectionError, AsyncClient, ConcurrentReadError, StreamInterrupted
from openai_async.testing import Chunk, FaultServer, Gate, LastChunk, Script, json_reply, no_leaks, respond, sse

from .conftest import MakeClient
from .replies import CALL, CHUNKS, TEXT

DELTA = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
RESPONSE = {"id": "r", "object": "response", "created_at": 0, "model": "m", "output": [], "status": "completed"}
DONE = {"type": "response.completed", "response": RESPONSE}
RUN = {"id": "run", "object": "thread.run", "status": "completed"}

#: Events of each kind of stream: those before the gate, and those behind it.
STREAMS: dict[str, tuple[list[Any], list[Any]]] = {
    "chat": ([CHUNKS[0]], [*CHUNKS[1:], "[DONE]"]),
    "responses": ([{**DELTA, "delta": "He"}], [{**DELTA, "delta": "llo!"}, DONE]),
    "completions": ([{"choices": [{"index": 0, "text": "He"}]}], [{"choices": [{"index": 0, "text": "!"}]}, "[DONE]"]),
    "runs": ([b"event: thread.run.queued\ndata: {}\n\n"], [b"event: thread.run.completed\ndata: {}\n\n", "[DONE]"]),
    "feed": ([{"type": "a"}], [{"type": "b"}]),
}


def opened(client: AsyncClient, kind: str) -> Any:
    """A block that holds the stream."""
    match kind:
        case "chat":
            return client.chat.completions.stream(**CALL)
        case "responses":
            return client.responses.stream(model="m", input="Hi")
        case "completions":
            return client.completions.stream(model="m", prompt="Hi")
        case "runs":
            return client.beta.threads.runs.stream("t", assistant_id="a")
        case "feed":
            return _feed(client)
        case _:
            return client.files.stream_content("f")


@asynccontextmanager
async def _feed(client: AsyncClient) -> AsyncIterator[Any]:
    stream: Any = await client.beta.agents.sessions.events.stream("s")
    async with stream:
        yield stream


def gated(kind: str) -> Script:
    """A reply that stops at a gate."""
    if kind == "download":
        head, *_ = respond(framing="chunked")
        return (head, Chunk(b"x" * 100), Gate("rest"), Chunk(b"y" * 100), LastChunk())
    before, behind = STREAMS[kind]
    return sse([*before, Gate("rest"), *behind])


async def until_reading(body: Any) -> None:
    source = body._body if hasattr(body, "read") else body._reader
    while not source.reading:
        await anyio.lowlevel.checkpoint()


KINDS = (*STREAMS, "download")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_reader_is_refused_at_once(kind: str, make_client: MakeClient, tmp_path: Path) -> None:
    """Whatever it reads by. The first one goes on, and gets every piece; the connection is used again."""
    found: list[Any] = []
    with FaultServer([gated(kind), json_reply({})]) as server:
        async with no_leaks(), make_client(server.base_url) as client:
            async with opened(client, kind) as body, anyio.create_task_group() as group:

                async def read() -> None:
                    found.extend([piece async for piece in body])

                group.start_soon(read)
                await until_reading(body)
                ways: list[Callable[[], Awaitable[Any]]] = [lambda: anext(body)]
                if kind == "download":
                    ways += [body.read, lambda: body.write_to(tmp_path / "copy")]
                else:
                    ways += [body.final, lambda: anext(body.text), lambda: anext(body)]
                for way in ways:
                    with pytest.raises(ConcurrentReadError, match="another task"):
                        await way()
                server.open_gate("rest")
            await client.get("/after")
    if kind == "download":
        assert b"".join(found) == b"x" * 100 + b"y" * 100
    elif kind == "chat":
        assert body.partial.text == TEXT
    else:
        before, behind = STREAMS[kind]
        assert len(found) == len([event for event in before + behind if event != "[DONE]"])
    assert os.listdir(tmp_path) == []
    assert server.accepted_connections == 1


@pytest.mark.parametrize("own_client", [False, True])
@pytest.mark.parametrize("kind", ["chat", "feed", "download"])
async def test_closing_wakes_a_reader(kind: str, own_client: bool, make_client: MakeClient) -> None:
    """It gets an error that says so, with what had arrived: never an end that looks like the whole."""
    errors: list[Any] = []
    arrived = anyio.Event()
    with FaultServer([gated(kind)]) as server:
        async with no_leaks(), httpx.AsyncClient() as owned:
            foreign = AsyncClient(api_key="k", base_url=server.base_url, http_client=owned)
            async with foreign if own_client else make_client(server.base_url) as client:
                async with opened(client, kind) as body, anyio.create_task_group() as group:

                    async def read() -> None:
                        try:
                            async for _ in body:
                                arrived.set()
                        except APIConnectionError as error:
                            errors.append(error)

                    group.start_soon(read)
                    await arrived.wait()
                    await until_reading(body)
                    await body.aclose()
                with pytest.raises(APIConnectionError, match="closed before its end"):
                    await anext(body)
                assert client.statistics().in_flight == 0
        server.open_gate("rest")
    [error] = errors
    assert "closed before its end" in str(error)
    if kind == "chat":
        assert isinstance(error, StreamInterrupted)
        assert error.partial.text == "He"


async def test_a_dropped_download_gives_its_permit_back(make_client: MakeClient) -> None:
    """As a dropped stream does, with the same warning."""
    with FaultServer([gated("download")]) as server:
        async with no_leaks(), make_client(server.base_url) as client:
            body = await client.files.stream_content("f").__aenter__()
            await anext(body)
            with pytest.warns(ResourceWarning, match="never closed"):
                del body
            assert client.statistics().in_flight == 0
        server.open_gate("rest")


async def test_a_second_reader_of_a_list_is_refused(make_client: MakeClient) -> None:
    """It is not told that the list has ended while the first one waits for a page."""
    items = [{"id": f"file-{number}", "object": "file"} for number in range(4)]
    pages = [json_reply({"data": items[:2], "has_more": True}), (Gate("second"), *json_reply({"data": items[2:]}))]
    found: list[str] = []
    with FaultServer(pages) as server:
        async with no_leaks(), make_client(server.base_url) as client, anyio.create_task_group() as group:
            listed = aiter(client.files.list())

            async def read() -> None:
                found.extend([file.id async for file in listed])

            group.start_soon(read)
            await server.until(lambda server: server.marks["second"])
            while not listed._pages._reading:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(ConcurrentReadError):
                await anext(listed)
            server.open_gate("second")
    assert found == [item["id"] for item in items]
