"""Streams and replies of servers that speak the API in their own way are read as what they mean."""

from __future__ import annotations

import base64
import json
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, strategies as st

from openai_async import (
    APIStatusError,
    AsyncClient,
    BadRequestError,
    Client,
    DecodeError,
    StreamInterrupted,
    UnprocessableEntityError,
)
from openai_async._wire.accumulators.chat import ChatAccumulator
from openai_async._wire.codec import structure
from openai_async._wire.float32_base64 import unpack
from openai_async.testing import FaultServer, Gate, Request, Step, json_reply, respond
from openai_async.types._base64 import decoded
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk, ToolCall
from openai_async.types.files import FileObject

ASK: Any = [{"role": "user", "content": 'not ours: ,"stream_options":{"include_usage":true}'}]


def connect(server: FaultServer, **settings: Any) -> AsyncClient:
    return AsyncClient(**{"api_key": "sk-test", "base_url": server.base_url, "max_retries": 0} | settings)


def events(*chunks: dict[str, Any]) -> list[Step]:
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    return respond(200, body, {"content-type": "text/event-stream"})


SAID = {"index": 0, "delta": {"content": "Hi"}, "text": "Hi", "finish_reason": "stop"}
HELLO = events({"id": "c", "choices": [SAID]})

# ---- a question that we add


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "not permitted"}]}),
        (422, {"detail": "Unprocessable"}),
        (400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}),
        (400, {"error": {"message": "Unknown field", "param": "stream_options"}}),
        (400, {"message": "include_usage is not supported"}),
    ],
)
@pytest.mark.parametrize("endpoint", ["chat", "completions"])
async def test_a_question_of_ours_that_is_refused_is_left_out(endpoint: str, status: int, body: Any) -> None:
    """The stream comes all the same, once asked again; later ones do not ask. The refusal is no attempt of the call."""
    with FaultServer([json_reply(body, status), HELLO, HELLO]) as server:
        async with connect(server) as client:
            for _ in range(2):
                opened: Any = (
                    client.chat.completions.stream(model="m", messages=ASK)
                    if endpoint == "chat"
                    else client.completions.stream(model="m", prompt=ASK[0]["content"])
                )
                async with opened as stream:
                    assert (await stream.final()).text == "Hi"
                    assert len(stream.meta.attempts) == 1
    bodies = [json.loads(request.body) for request in server.requests]
    assert ["stream_options" in body for body in bodies] == [True, False, False]
    first, second, third = bodies
    assert first.pop("stream_options") == {"include_usage": True}
    assert first == second == third


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "temperature is too high"}}),
        (422, {"detail": [{"loc": ["body", "temperature"], "msg": "too high"}]}),
        (422, {"error": {"message": "too high", "param": "temperature"}}),
    ],
)
async def test_what_is_refused_for_another_reason_is_not_sent_again(status: int, body: Any) -> None:
    """Nor what the caller asked for in so many words."""
    with FaultServer([json_reply(body, status), json_reply({"message": "no stream_options"}, 400), HELLO]) as server:
        async with connect(server) as client:
            with pytest.raises((BadRequestError, UnprocessableEntityError)):
                async with client.chat.completions.stream(model="m", messages=ASK):
                    pass
            with pytest.raises(BadRequestError):
                async with client.chat.completions.stream(
                    model="m", messages=ASK, stream_options={"include_usage": True}
                ):
                    pass
            async with client.chat.completions.stream(model="m", messages=ASK) as stream:
                await stream.final()
    assert all("stream_options" in json.loads(request.body) for request in server.requests)


ODD: list[Step] = json_reply({"detail": "Unprocessable"}, 422)
LATER: list[Step] = json_reply({}, 429, {"retry-after-ms": "1"})


async def streamed(client: AsyncClient, endpoint: str = "chat") -> str:
    """What became of a stream: its text, or the status of its refusal."""
    try:
        if endpoint == "chat":
            async with client.chat.completions.stream(model="m", messages=ASK) as stream:
                return (await stream.final()).text
        async with client.completions.stream(model="m", prompt="x") as texts:
            return (await texts.final()).text
    except APIStatusError as error:
        return str(error.status_code)


@pytest.mark.parametrize(
    ("answers", "found", "asked"),
    [
        # refused with and without the question: that was not the reason, and is remembered
        ([ODD, ODD, ODD, ODD, HELLO], ["422", "422", "422", "Hi"], [True, False, True, True, True]),
        # taken before: a refusal has another reason
        ([HELLO, ODD, HELLO], ["Hi", "422", "Hi"], [True, True, True]),
        # the second answer tells nothing: the next one is waited for
        ([ODD, LATER, ODD, HELLO, HELLO], ["429", "Hi", "Hi"], [True, False, True, False, False]),
        # named after it was taken: it is not asked any more
        (
            [HELLO, json_reply({"message": "stream_options"}, 400), HELLO, HELLO],
            ["Hi", "Hi", "Hi"],
            [True, True, False, False],
        ),
        # named, and refused for another reason as well
        ([json_reply({"message": "stream_options"}, 400), ODD, ODD], ["422", "422"], [True, False, False]),
    ],
)
@pytest.mark.parametrize("second", ["chat", "completions"])
async def test_a_refusal_that_names_nothing_is_looked_into_once(
    answers: list[list[Step]], found: list[str], asked: list[bool], second: str
) -> None:
    """The request is sent once more while nobody knows what the server takes, and never after that."""
    with FaultServer(answers) as server:
        async with connect(server) as client:
            endpoints = ["chat", *[second] * (len(found) - 1)]
            assert [await streamed(client, endpoint) for endpoint in endpoints] == found
    assert ["stream_options" in json.loads(request.body) for request in server.requests] == asked


@pytest.mark.parametrize("refuses", ["the question", "everything"])
async def test_refusals_at_once_are_looked_into_once(refuses: str) -> None:
    """Streams that were refused together wait for the one that finds out why."""

    def answer(request: Request) -> list[Step]:
        asks = "stream_options" in request.json()
        return ODD if asks or refuses == "everything" else HELLO

    found: list[str] = []
    with FaultServer(answer) as server:
        async with connect(server) as client, anyio.create_task_group() as group:

            async def one() -> None:
                found.append(await streamed(client))

            for _ in range(10):
                group.start_soon(one)
    said = ["stream_options" in request.json() for request in server.requests]
    assert (said.count(True), said.count(False)) == (10, 10 if refuses == "the question" else 1)
    assert found == ["Hi" if refuses == "the question" else "422"] * 10


async def test_a_look_that_is_given_up_is_taken_over() -> None:
    """Whoever waits for it finds out itself."""
    looks = iter([[Gate("looking"), *HELLO], HELLO])

    def answer(request: Request) -> list[Step]:
        return ODD if "stream_options" in request.json() else next(looks)

    found: list[str] = []
    with FaultServer(answer) as server:
        async with connect(server) as client, anyio.create_task_group() as group:
            scope = anyio.CancelScope()

            async def one(scope: anyio.CancelScope) -> None:
                with scope:
                    found.append(await streamed(client))

            group.start_soon(one, scope)
            await server.until_mark("looking")
            group.start_soon(one, anyio.CancelScope())
            await server.until(lambda server: len(server.requests) == 3)
            scope.cancel()
    assert ["stream_options" in request.json() for request in server.requests] == [True, False, True, False]
    assert found == ["Hi"]


def test_threads_are_not_asked_either() -> None:
    """The synchronous client has the same memory."""
    refusal = json_reply({"message": "stream_options"}, 400)
    with FaultServer([refusal, HELLO, HELLO]) as server, Client(api_key="k", base_url=server.base_url) as client:
        for _ in range(2):
            with client.chat.completions.stream(model="m", messages=ASK) as stream:
                assert stream.final().text == "Hi"
    assert len(server.requests) == 3


# ---- tool calls


def piece(
    index: int | None = 0, name: str | None = None, arguments: str | None = None, id: str | None = None
) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    stated = {"index": index, "id": id, "function": function}
    return {key: value for key, value in stated.items() if value is not None}


def calls_of(*pieces: dict[str, Any]) -> list[tuple[str | None, str | None, str | None]]:
    fold = ChatAccumulator()
    for found in pieces:
        fold.add(structure(ChatCompletionChunk, {"choices": [{"delta": {"tool_calls": [found]}}]}))
    whole = fold.result()
    assert whole is not None
    return [_told(call) for call in whole.choices[0].message.tool_calls or []]


def _told(call: ToolCall) -> tuple[str | None, str | None, str | None]:
    assert call.function is not None
    return call.id, call.function.name, call.function.arguments


X1, X2 = '{"x":1}', '{"x":2}'


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        # every piece has an index of its own
        ([piece(0, "f", "", "a"), piece(1, arguments='{"x":'), piece(2, arguments="1}")], [("a", "f", X1)]),
        (
            [piece(0, "f", "", "a"), piece(1, arguments=X1), piece(2, "g", "", "b"), piece(3, arguments=X2)],
            [("a", "f", X1), ("b", "g", X2)],
        ),
        # all calls are number 0, without ids: another name, or arguments that are whole
        ([piece(0, "f", X1), piece(0, "g", X2)], [(None, "f", X1), (None, "g", X2)]),
        ([piece(0, "f", X1), piece(0, "f", X2)], [(None, "f", X1), (None, "f", X2)]),
        (
            [piece(0, "f", '{"x":'), piece(0, arguments="1}"), piece(0, "f", '{"x":'), piece(0, arguments="2}")],
            [(None, "f", X1), (None, "f", X2)],
        ),
        ([piece(0, "f", "{}"), piece(0, "f", "{}", "b")], [("b", "f", "{}")]),
        # the name again with every piece, and names in pieces
        ([piece(0, "f", '{"x":', "a"), piece(0, "f", "1}", "a")], [("a", "f", X1)]),
        ([piece(0, "f", '{"x":"}'), piece(0, "f", '"}')], [(None, "f", '{"x":"}"}')]),
        ([piece(0, "get_", "", "a"), piece(0, "it", ""), piece(0, arguments=X1)], [("a", "get_it", X1)]),
        # the arguments so far with every piece, or all of them again at the end
        ([piece(0, "f", '{"x"', "a"), piece(0, arguments='{"x":'), piece(0, arguments=X1)], [("a", "f", X1)]),
        ([piece(0, "f", '{"x":', "a"), piece(0, arguments="1}"), piece(0, arguments=X1)], [("a", "f", X1)]),
        ([piece(0, "f", '{"x":', "a"), piece(0, arguments='{"x":1}}')], [("a", "f", '{"x":{"x":1}}')]),
        # as the API sends them: interleaved, or without a number
        (
            [piece(0, "f", "", "a"), piece(1, "g", "", "b"), piece(0, arguments=X1), piece(1, arguments=X2)],
            [("a", "f", X1), ("b", "g", X2)],
        ),
        ([piece(None, "f", X1, "a"), piece(None, "g", X2, "b")], [("a", "f", X1), ("b", "g", X2)]),
        # what breaks off stays as it came
        ([piece(0, "f", '{"x":', "a"), piece(0, arguments='"')], [("a", "f", '{"x":"')]),
    ],
)
def test_pieces_belong_to_the_call_they_mean(pieces: list[Any], calls: list[Any]) -> None:
    """Whatever numbers a server gives, each call has its own name and its own arguments, once."""
    assert calls_of(*pieces) == calls


arguments = st.dictionaries(st.text(max_size=4), st.text('{}[]"\\ x', max_size=6) | st.integers(0, 9), max_size=3)


@given(st.lists(st.tuples(st.sampled_from("fg"), arguments), min_size=1, max_size=4), st.data())
def test_calls_of_the_api_are_never_mistaken(calls: list[tuple[str, dict[str, Any]]], data: st.DataObject) -> None:
    """However the arguments are cut, calls with indexes and ids come out as they are."""
    pieces = []
    for index, (name, fields) in enumerate(calls):
        text = json.dumps(fields)
        cut = data.draw(st.integers(0, len(text)))
        pieces.append(piece(index, name, "", f"id{index}"))
        pieces += [piece(index, arguments=part) for part in (text[:cut], text[cut:])]
    assert calls_of(*pieces) == [(f"id{n}", name, json.dumps(fields)) for n, (name, fields) in enumerate(calls)]


# ---- shapes


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ([{"id": "a", "created": 1}], ["a"]),
        ([], []),
        ({"object": "list", "data": None}, []),
        ({"data": [{"id": 7, "created": "2026-01-01T00:00:00Z"}]}, ["7"]),
    ],
)
async def test_lists_in_other_shapes(body: Any, ids: list[str]) -> None:
    """Bare arrays, and null for none: of models, and of lists that are read page by page."""
    with FaultServer([json_reply(body)]) as server:
        async with connect(server) as client:
            assert [model.id for model in await client.models.list()] == ids
            assert [file.id async for file in client.files.list()] == ids


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-01T00:00:00Z", 1767225600),
        ("2026-01-01", 1767225600),
        ("2026-01-01T01:00:00+01:00", 1767225600),
        ("1767225600", 1767225600),
        (1767225600.5, 1767225600.5),
        ("", None),
        (None, None),
    ],
)
def test_dates_and_ids_in_other_forms(written: Any, read: Any) -> None:
    """A date as text is its second since 1970, an id as a number is its text, in every kind of object."""
    file = structure(FileObject, {"id": 5, "created_at": written, "expires_at": written, "bytes": "12"})
    assert (file.id, file.created_at, file.expires_at, file.bytes) == ("5", read, read, 12)


def test_what_is_no_date_stays_an_error() -> None:
    """Nothing is made up."""
    for written in ("soon", True, [1]):
        with pytest.raises(DecodeError, match="created_at"):
            structure(FileObject, {"id": "f", "created_at": written})


@given(st.binary(max_size=300))
def test_base64_in_other_forms(content: bytes) -> None:
    """With line ends, and without padding; what is cut off is no base64."""
    text = base64.b64encode(content).decode()
    for form in (text, base64.encodebytes(content).decode(), text.rstrip("="), text.replace("", "\r\n")):
        assert decoded(form) == content
    with pytest.raises(ValueError):
        decoded(text.rstrip("=") + "*")
    assert unpack(base64.encodebytes(b"\0\0\x80?" * 40).decode()) == [1.0] * 40


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "identity", "none", "", "identity, utf-8"])
async def test_what_is_no_content_encoding_is_not_one(encoding: str) -> None:
    """Servers write the charset there; the body is as it is, over each transport."""
    body = json.dumps({"id": "c", "choices": []}).encode()
    headers = {"content-type": "application/json", "content-encoding": encoding}
    with FaultServer([respond(200, body, headers)] * 2) as server:
        async with httpx.AsyncClient() as http:
            for settings in ({}, {"http_client": http}):
                async with connect(server, **settings) as client:
                    assert (await client.chat.completions.create(model="m", messages=ASK)).id == "c"


def test_an_empty_content_stays_what_it_is() -> None:
    """`content: []` goes back to the server as it came."""
    reply = structure(ChatCompletion, {"id": "c", "choices": [{"message": {"role": "assistant", "content": []}}]})
    assert reply.choices[0].message.to_dict()["content"] == []
    assert reply.text == ""


# ---- streams without a terminal event


def said(*reasons: str | None, choice: int = 0) -> bytes:
    """One event with a piece of text for each reason."""
    chunks = [
        {"id": "c", "choices": [{"index": choice, "delta": {"content": "x"}, "finish_reason": reason}]}
        for reason in reasons
    ]
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


EVENTS = {"content-type": "text/event-stream"}


@pytest.mark.parametrize(
    ("body", "n", "whole"),
    [
        (said(None, "stop"), None, True),
        (said("stop") + b'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n', None, True),
        (said("length") + said("stop", choice=1), 2, True),
        (said(None, "stop") + b": bye\n\n", None, True),
        (said(None, None), None, False),
        (said("stop"), 2, False),
        (said("stop") + said(None, choice=1), 2, False),
        (said("stop") + b"data: {", None, False),
        (b"", None, False),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_stream_without_its_terminal_event(body: bytes, n: int | None, whole: bool, framing: Any) -> None:
    """It is whole if every choice has ended, and the body where its framing says; otherwise it was cut off."""
    with FaultServer([respond(200, body, EVENTS, framing=framing)]) as server:
        async with httpx.AsyncClient() as http:
            for settings in ({}, {"http_client": http}):
                async with (
                    connect(server, **settings) as client,
                    client.chat.completions.stream(model="m", messages=ASK, n=n) as stream,
                ):
                    if whole and framing != "close":
                        reply = await stream.final()
                        assert {choice.finish_reason for choice in reply.choices} <= {"stop", "length"}
                    else:
                        with pytest.raises(StreamInterrupted):
                            await stream.final()
