"""Answers that are none: whatever a server says with status 200, the outcome is the right value or an error of ours.

Each case is one answer and the error it means. A stream's error carries what had been delivered before it.
"""

from __future__ import annotations

import gzip
import json
import tracemalloc
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
from openai_async.testing import Chunk, FaultServer, Fin, Script, Send, Sleep, Stall, json_reply, respond, sse
from openai_async.types.settings import Timeout

from .conftest import MakeClient
from .replies import CALL, CHUNKS, COMPLETION, EVENTS, PIECES, TEXT, error_reply, ok, raw_stream, without_end

HTML = b"<html><body><h1>Welcome to the guest network</h1></body></html>"
JSON = {"content-type": "application/json"}
RIGHT = json.dumps(COMPLETION).encode()


def completion(**fields: Any) -> bytes:
    """A reply with some fields replaced."""
    return json.dumps({**COMPLETION, **fields}).encode()


def choices(choice: object) -> bytes:
    return completion(choices=[choice])


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + closing * levels


# Whole replies --------------------------------------------------------------------------------------

BODIES: dict[str, bytes] = {
    "html": HTML,
    "xml": b'<?xml version="1.0"?><error/>',
    "text": b"upstream connect error or disconnect/reset before headers",
    "empty": b"",
    "blank": b" \r\n\t ",
    "nul": b"\0" * 64,
    "null": b"null",
    "true": b"true",
    "number": b"42",
    "string": b'""',
    "array": b"[]",
    "array-of-replies": b"[" + RIGHT + b"]",
    "object": b"{}",
    "no-id": b'{"choices": []}',
    "no-choices": b'{"id": "c1"}',
    "choices-object": completion(choices={}),
    "choices-string": completion(choices="none"),
    "choice-null": choices(None),
    "choice-number": choices(1),
    "choice-empty": choices({}),
    "message-string": choices({"message": TEXT}),
    "message-array": choices({"message": [TEXT]}),
    "content-number": choices({"message": {"content": 5}}),
    "content-array": choices({"message": {"content": [TEXT]}}),
    "tool-calls-object": choices({"message": {"tool_calls": {}}}),
    "id-number": completion(id=1),
    "id-object": completion(id={}),
    "usage-array": completion(usage=[]),
    "usage-strings": completion(usage={"prompt_tokens": "many"}),
    "truncated": RIGHT[:-1],
    "doubled": RIGHT + RIGHT,
    "trailing": RIGHT + b"\n<!-- served by proxy -->",
    "two-lines": RIGHT + b"\n" + RIGHT,
    "as-event": b"data: " + RIGHT + b"\n\n",
    "nan": RIGHT[:-1] + b', "created": NaN}',
    "integer-of-5000-digits": RIGHT[:-1] + b', "created": %b}' % (b"9" * 5_000),
    "infinity": RIGHT[:-1] + b', "created": -Infinity}',
    "single-quotes": RIGHT.replace(b'"', b"'"),
    "bad-utf8": RIGHT.replace(b"Hello", b"H\xff\xfello"),
    "overlong-utf8": RIGHT.replace(b"Hello", b"H\xc0\xafllo"),
    "surrogate-utf8": RIGHT.replace(b"Hello", b"H\xed\xa0\x80llo"),
    "utf16": RIGHT.decode().encode("utf-16"),
    "control-character": RIGHT.replace(b"Hello", b"He\nllo"),
    "deep-2000": nested(2_000),
    "deep-200000": nested(200_000),
    "deep-objects": nested(200_000, b'{"a":', b"}").replace(b":}", b":0}", 1),
    "deep-unclosed": b"[" * 200_000,
    "deep-inside": RIGHT[:-1] + b', "more": ' + nested(2_000) + b"}",
    "gzip-unsaid": gzip.compress(RIGHT),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_no_reply_is_a_decode_error(name: str, make_client: MakeClient) -> None:
    """A 200 whose body is not the JSON of a reply is a DecodeError that shows nothing of the body."""
    with FaultServer([respond(body=BODIES[name], headers={**JSON, "x-request-id": "r1"})]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(DecodeError) as caught:
                await client.chat.completions.create(**CALL)
    error = caught.value
    assert (error.status_code, error.request_id, error.partial) == (200, "r1", None)
    assert [attempt.outcome for attempt in error.attempts] == ["ambiguous"]
    assert error.__cause__ is None
    assert "Hello" not in str(error)


ODD_BUT_RIGHT: dict[str, Script] = {
    "no content-type": respond(body=RIGHT),
    "text content-type": respond(body=RIGHT, headers={"content-type": "text/plain"}),
    "wrong charset": respond(body=RIGHT, headers={"content-type": "application/json; charset=utf-16"}),
    "white space around": respond(body=b"\r\n " + RIGHT + b" \n", headers=JSON),
    "huge integer": respond(body=completion(created=10**30), headers=JSON),
    "integer of 200 digits": respond(body=RIGHT[:-1] + b', "seed": %b}' % (b"9" * 200), headers=JSON),
    "unknown fields": respond(body=completion(new={"a": [1]}), headers=JSON),
    "nulls for what may be absent": respond(body=completion(usage=None, created=None), headers=JSON),
    "gzip": respond(body=gzip.compress(RIGHT), headers={**JSON, "content-encoding": "gzip"}),
    "interim answers before": (Send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"), *ok()),
    "unknown success status": respond(299, RIGHT, JSON),
}


@pytest.mark.parametrize("name", ODD_BUT_RIGHT)
async def test_an_oddly_wrapped_reply_is_read(name: str, make_client: MakeClient) -> None:
    """What is strange about an answer but leaves its meaning whole does not fail the call."""
    with FaultServer([ODD_BUT_RIGHT[name]]) as server:
        async with make_client(server.base_url) as client:
            reply = await client.chat.completions.create(**CALL)
    assert reply.text == TEXT


NO_ANSWERS: dict[str, tuple[Script, type[APIError]]] = {
    "204": (respond(204, headers={"content-length": "0"}), DecodeError),
    "205": (respond(205), DecodeError),
    "304": (respond(304), UnexpectedRedirectError),
    "300": (respond(300, RIGHT, JSON), UnexpectedRedirectError),
    "307": (respond(307, headers={"location": "/v1/elsewhere"}), UnexpectedRedirectError),
    "unknown encoding": (respond(body=RIGHT, headers={**JSON, "content-encoding": "br"}), InvalidResponseError),
    "stacked encodings": (
        respond(body=gzip.compress(gzip.compress(RIGHT)), headers={**JSON, "content-encoding": "gzip, gzip"}),
        InvalidResponseError,
    ),
    "not gzip": (respond(body=RIGHT, headers={**JSON, "content-encoding": "gzip"}), InvalidResponseError),
    "damaged gzip": (
        respond(body=gzip.compress(RIGHT)[:-8] + bytes(8), headers={**JSON, "content-encoding": "gzip"}),
        InvalidResponseError,
    ),
    "half a reply in each of two gzip members": (
        respond(body=gzip.compress(RIGHT[:50]) + gzip.compress(RIGHT[50:]), headers={**JSON, "content-encoding": "gzip"}),
        InvalidResponseError,
    ),
    "upgrade": ((Send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), Fin()), APIError),
    "not http": ((Send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Fin()), APIConnectionError),
    "http/2": ((Send(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff"), Fin()), APIConnectionError),
    "two lengths": (respond(body=RIGHT, headers=[("content-length", "5"), ("content-length", "6")]), APIConnectionError),
    "negative length": (respond(body=RIGHT, headers={"content-length": "-1"}), APIConnectionError),
    "bad chunk size": ((*sse([])[:1], Send(b"zz\r\n"), Fin()), APIConnectionError),
    "head without end": ((Send(b"HTTP/1.1 200 OK\r\n" + b"x-flood: 1\r\n" * 100_000), Stall()), APIConnectionError),
    "header without end": ((Send(b"HTTP/1.1 200 OK\r\nx-flood: " + b"1" * 1_200_000), Stall()), APIConnectionError),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_an_answer_that_cannot_be_one_is_a_typed_error(name: str, make_client: MakeClient) -> None:
    """Empty successes, redirects, unasked encodings and broken HTTP are errors of ours."""
    script, wanted = NO_ANSWERS[name]
    with FaultServer([script]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(wanted):
                await client.chat.completions.create(**CALL)
            assert client._pipeline.limiter.in_flight == 0


_MEGABYTE = 1_000_000
FLOODS: dict[str, tuple[dict[str, str], list[bytes]]] = {
    "plain": ({}, [bytes(_MEGABYTE)] * 40),
    "gzip bomb": ({"content-encoding": "gzip"}, [gzip.compress(bytes(40 * _MEGABYTE))]),
    "behind the end of gzip": ({"content-encoding": "gzip"}, [gzip.compress(RIGHT), *[bytes(_MEGABYTE)] * 40]),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_refused_before_it_fills_the_memory(name: str, make_client: MakeClient) -> None:
    """max_response_bytes bounds the decoded body, and with it what a call can take of memory."""
    headers, parts = FLOODS[name]
    (head,) = respond(headers={**headers, "content-length": str(sum(map(len, parts)))})
    with FaultServer([(head, *map(Send, parts))]) as server:
        async with make_client(server.base_url, max_response_bytes=_MEGABYTE) as client:
            tracemalloc.start()
            try:
                with pytest.raises(InvalidResponseError):
                    await client.chat.completions.create(**CALL)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert peak < 8 * _MEGABYTE


# Streams --------------------------------------------------------------------------------------------

#: Delivered before the junk: the first piece of the text.
FIRST = CHUNKS[0]
BEFORE = PIECES[0]


def pretty(value: object) -> bytes:
    """JSON over several lines, without `data:` before them."""
    return json.dumps(value, indent=2).encode() + b"\n\n"


JUNK_EVENTS: dict[str, bytes | str] = {
    "text": "not json",
    "empty data": "",
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
    "tool calls object": '{"choices": [{"delta": {"tool_calls": {}}}]}',
    "index string": '{"choices": [{"index": "first", "delta": {}}]}',
    "nan": '{"choices": [], "created": NaN}',
    "bad utf-8": b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
    "deep 2,000": nested(2_000).decode(),
    "deep 200,000": nested(200_000).decode(),
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
            assert client._pipeline.limiter.in_flight == 0
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
    "a whole reply": (ok(), StreamInterrupted),
    "a whole reply called a stream": (respond(body=RIGHT, headers={"content-type": "text/event-stream"}), StreamInterrupted),
    "empty": (respond(), StreamInterrupted),
    "comments only": (raw_stream(b": ping\n\n" * 3), StreamInterrupted),
    "ids and names only": (raw_stream(b"id: 1\n\nevent: x\n\nretry: 5\n\n"), StreamInterrupted),
    "half a blank line": (raw_stream(b"data: [DONE"), APIError),
    "null body": (respond(body=b"null", headers=JSON), StreamInterrupted),
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
            assert client._pipeline.limiter.in_flight == 0
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
    timeout = Timeout(first_token=0.1, idle=0.1)
    with FaultServer([without_end(sse([*CHUNKS[:before], *drip]))]) as server:
        async with make_client(server.base_url, timeout=timeout) as client:
            with pytest.raises(IdleTimeoutError if before else FirstTokenTimeoutError) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
    partial = caught.value.partial
    assert (partial.text if partial else "") == BEFORE * before


@pytest.mark.parametrize("piece", [b"x\ndata: ", b"x" * 100], ids=["many lines", "one line"])
async def test_an_event_without_end_is_refused_at_its_bound(piece: bytes, make_client: MakeClient) -> None:
    """An event over max_event_bytes ends the stream before it can fill the memory."""
    script = without_end(sse([FIRST, b"data: ", *[piece] * 400, Stall()]))
    with FaultServer([script]) as server:
        async with make_client(server.base_url, max_event_bytes=2_000) as client:
            with pytest.raises(ResponseTooLargeError) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
    assert caught.value.partial.text == BEFORE
