"""Answers that are built to exhaust the client: each ends in a typed error, and in little memory.

Memory is what Python allocates for the client and the server of the test together, above what stood before the call.
Bodies are sent in pieces that exist once, however often they are sent.
"""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from openai_async import (
    APIConnectionError,
    APIError,
    AsyncClient,
    InternalServerError,
    InvalidResponseError,
    RateLimitError,
    ResponseTooLargeError,
)
from openai_async.testing import Chunk, FaultServer, Fin, LastChunk, Script, Send, Step, json_reply, respond, sse

MIB = 1024 * 1024
BOUND = 4 * MIB
MESSAGES = [{"role": "user", "content": "Hello!"}]
CHUNK = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}


def client_for(server: FaultServer) -> AsyncClient:
    """A client with small bounds."""
    return AsyncClient(
        api_key="k",
        base_url=server.base_url,
        max_retries=0,
        timeout=50,
        max_response_bytes=BOUND,
        max_event_bytes=BOUND,
    )


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Assert that the block allocates at most so many bytes at a time."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before <= most, f"{(peak - before) / MIB:.1f} MiB"


async def create(client: AsyncClient) -> object:
    return await client.chat.completions.create(model="m", messages=MESSAGES)


async def stream(client: AsyncClient) -> object:
    async with client.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
        return await chunks.final()


def repeated(steps: list[Step], times: int) -> tuple[Step, ...]:
    """The same steps many times; each exists once."""
    return tuple(steps * times)


def head(status: int = 200, **headers: str) -> Send:
    fields = {"content-type": "application/json", "transfer-encoding": "chunked", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return Send(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode())


def gzipped(first: bytes, filler: bytes, times: int) -> list[Step]:
    """`first`, then `filler` many times, as one gzip member (without its checksum, which nobody will reach)."""
    deflate = zlib.compressobj(9, wbits=31)
    start = deflate.compress(first) + deflate.flush(zlib.Z_FULL_FLUSH)
    deflate.compress(filler)
    deflate.flush(zlib.Z_FULL_FLUSH)
    piece = deflate.compress(filler) + deflate.flush(zlib.Z_FULL_FLUSH)  # refers to nothing before it
    return [Chunk(start), *repeated([Chunk(piece)], times)]


# ---- bodies


@pytest.mark.parametrize("status", [200, 429, 500])
async def test_a_gibibyte_of_zeros_in_a_megabyte_is_not_unpacked(status: int) -> None:
    """A gzip bomb ends at the bound: as an error of its own, or as the status that it came with."""
    bomb = (head(status, content_encoding="gzip"), *gzipped(b'{"error": "', bytes(16 * MIB), 64), LastChunk())
    assert sum(len(step.data) for step in bomb if isinstance(step, Chunk)) < 1.2 * MIB
    expected = {200: ResponseTooLargeError, 429: RateLimitError, 500: InternalServerError}[status]
    with FaultServer([bomb]) as server:
        async with client_for(server) as client:
            with little_memory(12 * MIB), pytest.raises(expected):
                await create(client)


async def test_a_gzip_bomb_of_events_is_not_unpacked() -> None:
    """The bound on one event holds for what was compressed, too."""
    bomb = (
        head(content_type="text/event-stream", content_encoding="gzip"),
        *gzipped(b"data: ", b"0" * 16 * MIB, 64),
        LastChunk(),
    )
    with FaultServer([bomb]) as server:
        async with client_for(server) as client:
            with little_memory(24 * MIB), pytest.raises(ResponseTooLargeError):
                await stream(client)


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_long_body_ends_at_the_bound(framing: str, status: int) -> None:
    """However a body of a gibibyte is framed, a few mebibytes of it are read."""
    fields = {"length": f"content-length: {1024 * MIB}", "close": "connection: close"}
    start = head(status) if framing == "chunked" else Send(f"HTTP/1.1 {status} X\r\n{fields[framing]}\r\n\r\n".encode())
    piece = Chunk(b" " * MIB) if framing == "chunked" else Send(b" " * MIB)
    with FaultServer([(start, *repeated([piece], 1024))]) as server:
        async with client_for(server) as client:
            expected = ResponseTooLargeError if status == 200 else InternalServerError
            with little_memory(16 * MIB), pytest.raises(expected):
                await create(client)


async def test_what_follows_a_gzip_member_is_not_collected() -> None:
    """Junk behind the end of the compressed data is neither decoded nor kept."""
    bomb = (head(content_encoding="gzip"), Chunk(gzip.compress(b"{}")), *repeated([Chunk(bytes(MIB))], 32), LastChunk())
    with FaultServer([bomb]) as server:
        async with client_for(server) as client:
            with little_memory(12 * MIB), pytest.raises(InvalidResponseError):
                await create(client)


@pytest.mark.parametrize("encodings", ["gzip, gzip", "gzip,gzip,gzip", "br", "zstd", "deflate", "x"])
async def test_encodings_that_were_not_asked_for_are_refused(encodings: str) -> None:
    """Above all several at once: a bomb in a bomb needs only kilobytes."""
    body = gzip.compress(gzip.compress(bytes(MIB)))
    with FaultServer([respond(200, body, {"content-encoding": encodings})]) as server:
        async with client_for(server) as client:
            with little_memory(4 * MIB), pytest.raises(InvalidResponseError):
                await create(client)


async def test_two_encoding_headers_are_as_many_encodings() -> None:
    """A list may come in several lines."""
    headers = [("content-encoding", "gzip"), ("content-encoding", "gzip")]
    with FaultServer([respond(200, gzip.compress(gzip.compress(b"{}")), headers)]) as server:
        async with client_for(server) as client:
            with pytest.raises(InvalidResponseError):
                await create(client)


# ---- headers


def huge_heads() -> dict[str, Script]:
    return {
        "one long value": (Send(b"HTTP/1.1 200 OK\r\nx-long: "), *repeated([Send(b"x" * MIB)], 10)),
        "one long name": (Send(b"HTTP/1.1 200 OK\r\n"), *repeated([Send(b"x" * MIB)], 10)),
        "many fields": (Send(b"HTTP/1.1 200 OK\r\n"), *repeated([Send(b"x-field: 1\r\n" * 8192)], 100)),
        "a long reason": (Send(b"HTTP/1.1 200 "), *repeated([Send(b"x" * MIB)], 10)),
    }


@pytest.mark.parametrize("form", huge_heads())
async def test_a_head_of_megabytes_is_a_broken_connection(form: str) -> None:
    """Nobody needs that many headers: the connection is dropped early."""
    with FaultServer([(*huge_heads()[form], Fin())]) as server:
        async with client_for(server) as client:
            with little_memory(8 * MIB), pytest.raises(APIConnectionError) as caught:
                await create(client)
    assert caught.value.phase == "response"


async def test_trailers_and_chunk_extensions_are_not_collected() -> None:
    """What may stand around the chunks of a body takes no memory, whether it is refused or skipped."""
    extension = (head(), Send(b"2;"), *repeated([Send(b"x" * MIB)], 32), Send(b"\r\n{}\r\n"), LastChunk())
    trailers = (head(), Chunk(b"{}"), Send(b"0\r\n"), *repeated([Send(b"x-field: 1\r\n" * 8192)], 300), Send(b"\r\n"))
    for script in (extension, trailers):
        with FaultServer([script]) as server:
            async with client_for(server) as client:
                with little_memory(12 * MIB), pytest.raises(APIError):
                    await create(client)


# ---- streams


def endless_events() -> dict[str, Script]:
    start = head(content_type="text/event-stream")
    return {
        "one line": (start, Chunk(b"data: "), *repeated([Chunk(b"x" * MIB)], 256)),
        "many lines": (start, *repeated([Chunk(b"data: x\n" * 65536)], 256)),
        "laid-out JSON": (start, *repeated([Chunk(b' "x",\n' * 65536)], 256)),
    }


@pytest.mark.parametrize("form", endless_events())
async def test_an_endless_event_ends_at_the_bound(form: str) -> None:
    """An event that never ends is an error as soon as it is over the bound."""
    with FaultServer([endless_events()[form]]) as server:
        async with client_for(server) as client:
            with little_memory(40 * MIB), pytest.raises(ResponseTooLargeError):
                await stream(client)


FLOODS = {
    "comments": [Chunk((b": " + b"x" * 1000 + b"\n") * 1000)],
    "comments, each on its own": [Chunk((b": " + b"x" * 1000 + b"\n\n") * 1000)],
    "ids": [Chunk((b"id: " + b"x" * 1000 + b"\n") * 1000)],
    "unknown fields": [Chunk((b"unknown: " + b"x" * 1000 + b"\n") * 1000)],
    "one endless comment": [Chunk(b": " + b"x" * MIB)],
    "blank lines": [Chunk(b"\n" * 16 * 1024)],
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_what_is_no_data_takes_no_memory(kind: str) -> None:
    """Tens of mebibytes of comments and keep-alives pass, and the reply behind them is whole."""
    reply = sse([CHUNK, *repeated(FLOODS[kind], 24), b"\n\n", CHUNK, "[DONE]"])
    with FaultServer([reply]) as server:
        async with client_for(server) as client:
            with little_memory(12 * MIB):
                whole = await stream(client)
    assert whole.text == "HelHel"  # type: ignore[attr-defined]


async def test_what_follows_the_terminal_event_is_not_read_for_ever() -> None:
    """The reply is there; a server that goes on talking talks to itself."""
    reply = (*sse([CHUNK, "[DONE]"])[:-1], *repeated([Chunk(b": more\n" * 65536)], 256))
    with FaultServer([reply]) as server:
        async with client_for(server) as client:
            with little_memory(12 * MIB):
                whole = await stream(client)
    assert whole.text == "Hel"  # type: ignore[attr-defined]


# ---- what is large, and legitimate


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_reply_of_33_mebibytes_passes(compressed: bool, streamed: bool) -> None:
    """The default bounds stop bombs, not books: a long reply, or a long event, arrives whole."""
    text = "It was the best of times. " * (33 * MIB // 26)
    choice = {"index": 0, "finish_reason": "stop"}
    if streamed:
        body = (
            b"data: %b\n\ndata: [DONE]\n\n"
            % json.dumps({"id": "chatcmpl-1", "choices": [{**choice, "delta": {"content": text}}]}).encode()
        )
    else:
        body = json.dumps({"id": "chatcmpl-1", "choices": [{**choice, "message": {"content": text}}]}).encode()
    headers = {"content-type": "text/event-stream" if streamed else "application/json"}
    if compressed:
        body, headers["content-encoding"] = gzip.compress(body, 1), "gzip"
    with FaultServer([respond(200, body, headers)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            whole = await (stream if streamed else create)(client)
    assert whole.text == text  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [BOUND - 1, BOUND, BOUND + 1])
async def test_the_bound_is_exact(size: int) -> None:
    """A body of exactly `max_response_bytes` passes, one byte more does not."""
    reply = {"id": "chatcmpl-1", "choices": [], "filler": ""}
    reply["filler"] = "x" * (size - len(json.dumps(reply)))
    with FaultServer([json_reply(reply)]) as server:
        async with client_for(server) as client:
            if size > BOUND:
                with pytest.raises(ResponseTooLargeError):
                    await create(client)
            else:
                await create(client)
