"""Streams that are none, or go bad: an error of its own meaning, and in `partial` what had been delivered before it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from openai_async.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContextLengthExceededError,
    DecodeError,
    FirstTokenTimeoutError,
    IdleTimeoutError,
    InternalServerError,
    InvalidResponseError,
    QuotaExhaustedError,
    RateLimitError,
    ResponseTooLargeError,
    StreamInterrupted,
    UnexpectedRedirectError,
)
from openai_async.testing import Chunk, FaultServer, Gate, Script, Send, Sleep, Stall, respond, sse
from openai_async.types.settings import Timeout

from .conftest import MakeClient
from .replies import CALL, CHUNKS, COMPLETION, EVENTS, PIECES, TEXT, error_reply, raw_stream, without_end

HTML = b"<html><body><h1>Welcome to the guest network</h1></body></html>"
RIGHT = json.dumps(COMPLETION).encode()

#: Delivered before the junk: the first piece of the text.
FIRST = CHUNKS[0]
BEFORE = PIECES[0]


def pretty(value: object) -> bytes:
    """JSON over several lines, without `data:` before them."""
    return json.dumps(value, indent=2).encode() + b"\n\n"


JUNK_EVENTS: dict[str, bytes | str] = {
    "text": "not json",
    "null": "null",
    "number": "5",
    "string": '""',
    "array": "[]",
    "array of chunks": json.dumps([FIRST]),
    "object": "{}",
    "truncated": json.dumps(FIRST)[:-1],
    "two texts": f"{json.dumps(FIRST)}\n{json.dumps(FIRST)}",
    "two texts on a line": json.dumps(FIRST) * 2,
    "done in small letters": "[done]",
    "done quoted": '"[DONE]"',
    "choices string": '{"choices": "none"}',
    "choice null": '{"choices": [null]}',
    "delta string": '{"choices": [{"delta": "x"}]}',
    "content number": '{"choices": [{"delta": {"content": 1}}]}',
    "tool calls object": '{"choices": [{"delta": {"tool_calls": {"a": 1}}}]}',
    "index string": '{"choices": [{"index": "first", "delta": {}}]}',
    "bad utf-8": b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
    "deep 2,000": "[" * 2_000 + "]" * 2_000,
    "deep 200,000": "[" * 200_000 + "]" * 200_000,
    "html line": b"data: " + HTML + b"\n\n",
    "error event without an error": b"event: error\ndata: {}\n\n",
}


@pytest.mark.parametrize("name", JUNK_EVENTS)
async def test_a_junk_event_is_a_decode_error_with_the_text_before_it(name: str, make_client: MakeClient) -> None:
    """An event that is no chunk ends the stream with a DecodeError; what was delivered is in `partial`."""
    with FaultServer([sse([FIRST, JUNK_EVENTS[name], *EVENTS[1:]])]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(DecodeError) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
            assert client.statistics().in_flight == 0
    assert caught.value.partial.text == BEFORE
    assert caught.value.possibly_billed


ERRORS: dict[str, tuple[dict[str, Any], type[APIStatusError], int]] = {
    "rate limit": ({"message": "slow down", "type": "rate_limit_error"}, RateLimitError, 429),
    "rate limit by code": ({"message": "slow", "code": "rate_limit_exceeded", "type": "requests"}, RateLimitError, 429),
    "quota": ({"message": "empty", "type": "insufficient_quota"}, QuotaExhaustedError, 429),
    "quota by code": ({"message": "empty", "code": "credit_balance_exhausted"}, QuotaExhaustedError, 429),
    "server error": ({"message": "oops", "type": "server_error"}, InternalServerError, 500),
    "overloaded": ({"message": "busy", "type": "server_is_overloaded"}, InternalServerError, 503),
    "status as number": ({"message": "bad gateway", "code": 502}, InternalServerError, 502),
    "invalid request": ({"message": "bad", "type": "invalid_request_error"}, BadRequestError, 400),
    "context length": (
        {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"},
        ContextLengthExceededError,
        400,
    ),
    "authentication": ({"message": "expired", "type": "authentication_error"}, AuthenticationError, 401),
    "unknown": ({"message": "who knows", "type": "of tomorrow"}, InternalServerError, 500),
}


def _frames(error: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    whole = {"error": error}
    line = json.dumps(whole).encode()
    yield "data", b"data: " + line + b"\n\n"
    yield "named event", b"event: error\ndata: " + line + b"\n\n"
    yield "named event, bare error", b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"
    yield "beside empty choices", b"data: " + json.dumps({**whole, "choices": []}).encode() + b"\n\n"
    yield "pretty", pretty(whole)
    yield "pretty after data:", b"data: " + pretty(whole)
    data_lines = b"".join(b"data: " + text + b"\n" for text in pretty(whole).rstrip().split(b"\n"))
    yield "pretty in data lines", data_lines + b"\n"
    yield "pretty with CRLF", pretty(whole).replace(b"\n", b"\r\n")
    yield "without a blank line", b"data: " + line


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_inside_a_stream_raises_what_it_means(name: str, make_client: MakeClient) -> None:
    """An error frame, in any layout that servers use, raises the class of its meaning, with the text before it."""
    fields, wanted, status = ERRORS[name]
    frames = list(_frames(fields))
    scripts = [
        sse([FIRST, frame]) if title == "without a blank line" else sse([FIRST, frame, *EVENTS[1:]])
        for title, frame in frames
    ]
    with FaultServer(scripts) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            for title, _ in frames:
                with pytest.raises(wanted) as caught:
                    async with client.chat.completions.stream(**CALL) as stream:
                        await stream.final()
                error = caught.value
                assert type(error) is wanted, title
                assert (error.status_code, error.code, error.body) == (status, _code(fields), fields), title
                assert error.partial.text == BEFORE, title
    assert len(server.requests) == len(frames)  # after the first event nothing is sent again


def _code(fields: dict[str, Any]) -> str | None:
    code = fields.get("code")
    return None if code is None else str(code)


@pytest.mark.parametrize("layout", ["bare", "pretty"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_a_json_error_where_a_stream_was_due_raises_what_it_means(
    layout: str, kind: str, make_client: MakeClient
) -> None:
    """Status 200 with the JSON body of an error, in place of a stream, is that error."""
    body = json.dumps({"error": {"message": "m", "type": "rate_limit_error"}}, indent=2 if layout == "pretty" else None)
    with FaultServer([respond(body=body.encode(), headers={"content-type": kind})]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(RateLimitError) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
    assert caught.value.partial is None


NO_STREAMS: dict[str, tuple[Script, type[APIError]]] = {
    "html": (respond(body=HTML, headers={"content-type": "text/html; charset=utf-8"}), DecodeError),
    "html called a stream": (respond(body=HTML, headers={"content-type": "text/event-stream"}), APIError),
    "half a reply": (respond(body=RIGHT[:-1], headers={"content-type": "application/json"}), StreamInterrupted),
    "another object": (respond(body=b'{"choices": [], "id": "x"}'), StreamInterrupted),
    "empty": (respond(), StreamInterrupted),
    "comments only": (raw_stream(b": ping\n\n" * 3), StreamInterrupted),
    "ids and names only": (raw_stream(b"id: 1\n\nevent: x\n\nretry: 5\n\n"), StreamInterrupted),
    "half a blank line": (raw_stream(b"data: [DONE"), APIError),
    "null body": (respond(body=b"null", headers={"content-type": "application/json"}), StreamInterrupted),
    "an event without its blank line": (raw_stream(b"data: " + json.dumps(FIRST).encode() + b"\n"), StreamInterrupted),
    "204": (respond(204, headers={"content-length": "0"}), StreamInterrupted),
    "302": (respond(302, headers={"location": "/"}), UnexpectedRedirectError),
    "unknown encoding": (sse(EVENTS, headers={"content-encoding": "zstd"}), InvalidResponseError),
    "not gzip": (sse(EVENTS, headers={"content-encoding": "gzip"}), InvalidResponseError),
    "error status": (error_reply(429), RateLimitError),
    "error status as a stream": (sse([{"error": {"message": "m"}}], status=503), InternalServerError),
}


@pytest.mark.parametrize("name", NO_STREAMS)
async def test_what_is_no_stream_is_a_typed_error(name: str, make_client: MakeClient) -> None:
    """A page, a whole reply, nothing at all: where a stream was due they are errors, without any text."""
    script, wanted = NO_STREAMS[name]
    with FaultServer([script]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(wanted) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
            assert client.statistics().in_flight == 0
    assert caught.value.partial is None
    assert len(caught.value.attempts) == 1


def _gzip_stream(cut: int | None = None) -> Script:
    body = b"".join(step.data for step in sse(EVENTS) if isinstance(step, Chunk))
    return raw_stream(gzip.compress(body)[:cut], {"content-encoding": "gzip"})


ODD_STREAMS: dict[str, Script] = {
    "gzip": _gzip_stream(),
    "crlf": raw_stream(b"".join(s.data for s in sse(EVENTS) if isinstance(s, Chunk)).replace(b"\n", b"\r\n")),
    "cr": raw_stream(b"".join(s.data for s in sse(EVENTS) if isinstance(s, Chunk)).replace(b"\n", b"\r")),
    "byte order mark": sse([b"\xef\xbb\xbf", *EVENTS]),
    "comments between": sse([part for event in EVENTS for part in (b": keep-alive\n\n", event)]),
    "names and ids": sse([part for event in EVENTS for part in (b"event: chunk\nid: 1\nretry: 9\n", event)]),
    "no space after data:": sse([f"data:{json.dumps(e)}\n\n".encode() for e in CHUNKS] + ["[DONE]"]),
    "pretty chunks": sse([*(b"data: " + pretty(event) for event in CHUNKS), "[DONE]"]),
    "a byte at a time": sse([bytes([b]) for s in sse(EVENTS) if isinstance(s, Chunk) for b in s.data]),
    "no content-type": (Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), *sse(EVENTS)[1:]),
    "done without a blank line": sse([*CHUNKS, b"data: [DONE]"]),
    "usage and nothing else": sse([*CHUNKS, {"choices": [], "usage": {"total_tokens": 3}}, "[DONE]"]),
    "null choices": sse([{"choices": None}, *EVENTS]),
    "more after done": sse([*EVENTS, {"choices": []}, "[DONE]"]),
}


@pytest.mark.parametrize("name", ODD_STREAMS)
async def test_an_oddly_written_stream_is_read(name: str, make_client: MakeClient) -> None:
    """Every spelling of a stream that the rules, or known servers, allow gives the same text."""
    with FaultServer([ODD_STREAMS[name]]) as server:
        async with make_client(server.base_url) as client, client.chat.completions.stream(**CALL) as stream:
            whole = await stream.final()
    assert whole.text == TEXT
    assert whole.choices[0].finish_reason == "stop"


async def test_truncated_gzip_is_never_a_whole_stream(make_client: MakeClient) -> None:
    """A compressed stream that breaks off is an error, even if its terminal event may already be inside."""
    with FaultServer([_gzip_stream(-12)]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(APIConnectionError) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
    assert caught.value.partial is None or TEXT.startswith(caught.value.partial.text)


COMMENTS: dict[str, Script] = {
    "drip": (Chunk(b": ping\n\n"), Sleep(0.005)) * 2_000,
    "flood": (Chunk(b": ping\n\n" * 8_000),) * 20_000,
    "one that never ends": (Chunk(b":" * 64_000),) * 20_000,
}


@pytest.mark.parametrize("pace", COMMENTS)
@pytest.mark.parametrize("before", [0, 1], ids=["at the start", "after an event"])
async def test_comments_do_not_keep_a_stream_alive(before: int, pace: str, make_client: MakeClient) -> None:
    """The idle bound counts events: comments without end run into it, with the text that came before them."""
    drip = COMMENTS[pace]
    timeout = Timeout(first_token=30 if before else 0.1, idle=0.1)
    with FaultServer([without_end(sse([*CHUNKS[:before], *drip]))]) as server:
        async with make_client(server.base_url, timeout=timeout) as client:
            with pytest.raises(IdleTimeoutError if before else FirstTokenTimeoutError) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
    partial = caught.value.partial
    assert (partial.text if partial else "") == BEFORE * before


@pytest.mark.parametrize("piece", [b"x\ndata: ", b"x" * 100], ids=["many lines", "one line"])
@pytest.mark.parametrize("gate", [(Gate("first"),), ()], ids=["after a pause", "at once"])
async def test_an_event_without_end_is_refused_at_its_bound(
    piece: bytes, gate: tuple[Gate, ...], make_client: MakeClient
) -> None:
    """An event over max_event_bytes ends the stream before it fills the memory; the events before it are delivered."""
    script = without_end(sse([FIRST, *gate, b"data: ", *[piece] * 400, Stall()]))
    with FaultServer([script]) as server:
        async with (
            make_client(server.base_url, max_event_bytes=2_000) as client,
            client.chat.completions.stream(**CALL) as stream,
        ):
            first = await anext(stream)
            assert first.text == BEFORE
            server.open_gate("first")
            with pytest.raises(ResponseTooLargeError) as caught:
                await stream.final()
    assert caught.value.partial.text == BEFORE
