"""Answers that are none: whatever a server says with status 200, the outcome is the right value or an error of ours."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from openai_async.errors import (
    APIConnectionError,
    APIError,
    DecodeError,
    InvalidResponseError,
    UnexpectedRedirectError,
)
from openai_async.testing import FaultServer, Fin, Script, Send, Sleep, Stall, respond, sse

from .conftest import MakeClient
from .replies import CALL, COMPLETION, TEXT, ok

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
    "tool-calls-object": choices({"message": {"tool_calls": {"a": 1}}}),
    "id-object": completion(id={}),
    "usage-array": completion(usage=[1]),
    "usage-strings": completion(usage={"prompt_tokens": "many"}),
    "truncated": RIGHT[:-1],
    "doubled": RIGHT + RIGHT,
    "trailing": RIGHT + b"\n<!-- served by proxy -->",
    "two-lines": RIGHT + b"\n" + RIGHT,
    "single-quotes": RIGHT.replace(b'"', b"'"),
    "bad-utf8": RIGHT.replace(b"Hello", b"H\xff\xfello"),
    "overlong-utf8": RIGHT.replace(b"Hello", b"H\xc0\xafllo"),
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
    """A 200 whose body is not the JSON of a reply is a DecodeError that shows nothing of the body; it was paid for."""
    with FaultServer([respond(body=BODIES[name], headers={**JSON, "x-request-id": "r1"})]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(DecodeError) as caught:
                await client.chat.completions.create(**CALL)
    error = caught.value
    assert (error.status_code, error.request_id, error.partial) == (200, "r1", None)
    assert [attempt.outcome for attempt in error.attempts] == ["completed"]
    assert error.complete
    assert error.possibly_billed
    assert error.__cause__ is None
    assert "Hello" not in str(error)


ODD_BUT_RIGHT: dict[str, Script] = {
    "in an event": respond(body=b"data: " + RIGHT + b"\n\n", headers=JSON),
    "no content-type": respond(body=RIGHT),
    "text content-type": respond(body=RIGHT, headers={"content-type": "text/plain"}),
    "wrong charset": respond(body=RIGHT, headers={"content-type": "application/json; charset=utf-16"}),
    "white space around": respond(body=b"\r\n " + RIGHT + b" \n", headers=JSON),
    "huge integer": respond(body=completion(created=10**30), headers=JSON),
    "integer of 200 digits": respond(body=RIGHT[:-1] + b', "seed": %b}' % (b"9" * 200), headers=JSON),
    "integer of 5,000 digits": respond(body=RIGHT[:-1] + b', "created": %b}' % (b"9" * 5_000), headers=JSON),
    "a float beyond all floats": respond(body=RIGHT[:-1] + b', "created": 1e999}', headers=JSON),
    "nan": respond(body=RIGHT[:-1] + b', "created": NaN, "more": {"a": [NaN]}}', headers=JSON),
    "infinity": respond(body=RIGHT[:-1] + b', "created": -Infinity, "more": Infinity}', headers=JSON),
    "numbers of no size in the usage": respond(
        body=RIGHT[:-1] + b', "usage": {"prompt_tokens": 1e999, "completion_tokens": NaN, "total_tokens": Infinity}}',
        headers=JSON,
    ),
    "half of a pair": respond(body=RIGHT[:-1] + rb', "more": {"a\ud83d": ["\ude00"]}}', headers=JSON),
    "half of a pair in UTF-8": respond(body=RIGHT[:-1] + b', "more": "\xed\xa0\xbd"}', headers=JSON),
    "a byte order mark": respond(body=b"\xef\xbb\xbf" + RIGHT, headers=JSON),
    "a byte order mark, and half of a pair": respond(
        body=b"\xef\xbb\xbf" + RIGHT[:-1] + rb', "a": "\ud83d"}', headers=JSON
    ),
    "utf-16": respond(body=RIGHT.decode().encode("utf-16"), headers=JSON),
    "utf-32 without a mark": respond(body=RIGHT.decode().encode("utf-32-le"), headers=JSON),
    "unknown fields": respond(body=completion(new={"a": [1]}), headers=JSON),
    "nulls for what may be absent": respond(body=completion(usage=None, created=None), headers=JSON),
    "gzip": respond(body=gzip.compress(RIGHT), headers={**JSON, "content-encoding": "gzip"}),
    "interim answers before": (Send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n"), *ok()),
    "an interim answer long before": (Send(b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n"), Sleep(0.05), *ok()),
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
        respond(
            body=gzip.compress(RIGHT[:50]) + gzip.compress(RIGHT[50:]), headers={**JSON, "content-encoding": "gzip"}
        ),
        InvalidResponseError,
    ),
    "upgrade": (
        (Send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), Fin()),
        APIError,
    ),
    "not http": ((Send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Fin()), APIConnectionError),
    "http/2": (
        (Send(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff"), Fin()),
        APIConnectionError,
    ),
    "two lengths": (
        respond(body=RIGHT, headers=[("content-length", "5"), ("content-length", "6")]),
        APIConnectionError,
    ),
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
            assert client.statistics().in_flight == 0


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
