"""A stream where a whole reply was due: what was paid for is read, and the server is told what it wants to hear."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from openai_async import (
    AsyncClient,
    BadRequestError,
    Client,
    DecodeError,
    RateLimitError,
    StreamInterrupted,
)
from openai_async._wire.accumulators import synthesize
from openai_async._wire.unexpected_stream import collect_stream, is_stream
from openai_async.testing import FaultServer, Request, Script, json_reply, no_leaks, respond, sse
from openai_async.types.api_object import APIObject
from openai_async.types.chat import ChatCompletion

from .conftest import MakeClient
from .test_complete_replies import CHAT, HEARD, RESPONSE, TEXT

pytestmark = pytest.mark.usefixtures("no_backoff")

Object: TypeAlias = dict[str, Any]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
PICTURES: Object = {
    "created": 5,
    "data": [{"b64_json": PNG}, {"b64_json": PNG}],
    "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
}
REPLIES: Mapping[str, Object] = {
    "chat": CHAT,
    "completions": TEXT,
    "responses": RESPONSE,
    "transcriptions": HEARD,
    "images": PICTURES,
    "edits": PICTURES,
}
UNFOLD: Mapping[str, synthesize.EventSynthesizer] = {
    "chat": synthesize.chat,
    "completions": synthesize.completion,
    "responses": synthesize.response,
    "transcriptions": synthesize.transcript,
    "images": synthesize.generated,
    "edits": synthesize.edited,
}
PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "responses": "/responses",
    "transcriptions": "/audio/transcriptions",
    "images": "/images/generations",
    "edits": "/images/edits",
}
DONE = ("chat", "completions")  # streams that end by it


def events(name: str) -> list[str]:
    """The stream that a reply would have been."""
    found = [event.decode() for event in UNFOLD[name](json.dumps(REPLIES[name]).encode())]
    return [*found, "[DONE]"] if name in DONE else found


def asked(client: Any, name: str) -> tuple[Callable[..., Any], Object]:
    """What gives a whole reply, and what it is asked."""
    return {
        "chat": (
            client.chat.completions.create,
            {"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 2},
        ),
        "completions": (client.completions.create, {"model": "m", "prompt": "x"}),
        "responses": (client.responses.create, {"model": "m", "input": "x"}),
        "transcriptions": (client.audio.transcriptions.create, {"model": "m", "file": b"RIFF"}),
        "images": (client.images.generate, {"model": "m", "prompt": "x", "n": 2}),
        "edits": (client.images.edit, {"model": "m", "prompt": "x", "n": 2, "image": b"x"}),
    }[name]


def said(request: Request) -> bool | None:
    """What a request says of `stream`."""
    if request.body.startswith(b"{"):
        word: bool | None = request.json().get("stream")
        return word
    return b'name="stream"\r\n\r\nfalse' not in request.body and (True if b'name="stream"' in request.body else None)


async def ask(client: AsyncClient, name: str, **further: Any) -> Any:
    method, given = asked(client, name)
    return await method(**given, **further)


@pytest.mark.parametrize("name", REPLIES)
async def test_a_stream_that_was_not_asked_for_is_the_reply(name: str, make_client: MakeClient) -> None:
    """All of it, priced and recorded; from then on the server is told not to stream."""
    kinds = ["text/event-stream", "application/json", "text/plain"]
    body = b"".join(f": ping\n\ndata: {event}\n\n".encode() for event in events(name))
    scripts: list[Script] = [respond(body=body, headers={"content-type": kind}) for kind in kinds]
    with FaultServer([*scripts, sse(events(name)), json_reply(REPLIES[name])]) as server:
        async with no_leaks(), make_client(server.base_url, prices={"m": (1, 2)}) as client:
            found = [await ask(client, name) for _ in range(4)]
            expected = await ask(client, name)
            assert client.statistics().in_flight == 0
    assert server.accepted_connections == 1
    assert [said(request) for request in server.requests] == [None, *[False] * 4]
    for reply in found:
        assert {**reply.to_dict(), "object": 0} == {**expected.to_dict(), "object": 0}
        assert reply.cost == expected.cost
        assert [attempt.outcome for attempt in reply.meta.attempts] == ["completed"]


@pytest.mark.parametrize("name", REPLIES)
async def test_a_whole_reply_in_one_event_is_the_reply(name: str, make_client: MakeClient) -> None:
    """Some servers only put their framing around it, or only `[DONE]` behind it."""
    right = json.dumps(REPLIES[name])
    bodies = [f"data: {right}\n\ndata: [DONE]\n\n", f"{right}\n\ndata: [DONE]\n\n", f"data: {right}\n\n", right]
    headers = {"content-type": "text/event-stream"}
    with FaultServer([respond(body=body.encode(), headers=headers) for body in bodies]) as server:
        async with make_client(server.base_url) as client:
            found = [await ask(client, name) for _ in bodies]
    assert [reply.to_dict() for reply in found] == [found[-1].to_dict()] * len(bodies)


@pytest.mark.parametrize("name", REPLIES)
async def test_a_stream_without_its_end_is_no_reply(name: str, make_client: MakeClient) -> None:
    """What had come is in the error; the call is made again where it may be, and the reply is whole then."""
    *before, _ = events(name)
    cut = sse(before, framing="close")
    with FaultServer([cut, cut, sse(events(name))]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            with pytest.raises(StreamInterrupted) as caught:
                await ask(client, name)
        assert caught.value.partial is not None
        assert caught.value.possibly_billed
        async with make_client(server.base_url, max_retries=1) as client:
            reply = await ask(client, name)
    assert [attempt.outcome for attempt in reply.meta.attempts] == ["ambiguous", "completed"]


async def test_a_chat_without_its_last_event_is_whole_where_nothing_is_missing(make_client: MakeClient) -> None:
    """As a stream is: every choice has its reason, and the body is known to be synthesize."""
    first = events("chat")[0]
    with FaultServer([sse([first], framing="length"), sse([first], framing="close")]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            assert (await ask(client, "chat")).text == "Grüße"
            with pytest.raises(StreamInterrupted) as caught:
                await ask(client, "chat")
    assert caught.value.partial.text == "Grüße"


@pytest.mark.parametrize("name", REPLIES)
async def test_an_error_inside_is_raised(name: str, make_client: MakeClient) -> None:
    """As it would be of a stream; an event that is damaged ends it, and both keep what had come."""
    error = {"error": {"message": "slow down", "type": "rate_limit_error"}}
    first = events(name)[0]
    with FaultServer([sse([json.dumps(error)]), sse([first, json.dumps(error)]), sse([first, first[:-5]])]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            for kind in (RateLimitError, RateLimitError, DecodeError):
                with pytest.raises(kind) as caught:
                    await ask(client, name)
            assert caught.value.partial is not None


async def test_whatever_makes_the_call_gets_the_reply(make_client: MakeClient, tmp_path: Path) -> None:
    """Raw posts, maps, batches, threads; and bytes stay bytes."""
    streamed = sse(events("chat"))
    with FaultServer([streamed]) as server:
        async with make_client(server.base_url) as client:
            _, given = asked(client, "chat")
            thing = await client.post("/chat/completions", body=given)
            assert isinstance(thing, APIObject)
            assert thing.choices[0]["message"]["content"] == "Grüße"
            typed = await client.post("/chat/completions", body=given, cast_to=ChatCompletion)
            assert typed.text == "Grüße"
            assert (await client.post("/chat/completions", body=given, cast_to=bytes)).startswith(b"data: ")
            async with client.chat.completions.map([given]) as results:
                assert [result.unwrap().text async for result in results] == ["Grüße"]
            (tmp_path / "in").write_text(json.dumps(given) + "\n")
            summary = await client.batch.run(tmp_path / "in", tmp_path / "out", input_format="bodies")
            assert (summary.done, summary.failed) == (1, 0)
        line = json.loads((tmp_path / "out").read_text())
        assert line["response"]["body"]["choices"][0]["message"]["content"] == "Grüße"


def test_threads_get_the_reply() -> None:
    """The same, without asyncio."""
    with (
        FaultServer([sse(events("chat"))]) as server,
        Client(api_key="k", base_url=server.base_url, trust_env=False) as client,
    ):
        method, given = asked(client, "chat")
        assert method(**given).text == "Grüße"


async def test_subtitles_in_events_are_read(make_client: MakeClient) -> None:
    """Where the reply is text, a stream is no text."""
    with FaultServer([sse(events("transcriptions"))]) as server:
        async with make_client(server.base_url) as client:
            assert (await ask(client, "transcriptions", response_format="srt")).text == "Grüße"


# ---- servers that refuse what does not stream

ONLY_STREAMS = [
    {"detail": "Stream must be set to true"},
    {"error": {"message": "This model only support stream mode, please enable the stream parameter to access it."}},
    {"error": {"message": "Non-streaming requests are not supported.", "param": "stream"}},
    {"error": {"message": "only supports streaming responses"}},
    {"error": {"message": "stream=false is not supported for this model"}},
    {"error": {"message": "expected true at params.stream"}},
]
REQUIRES = [
    {"detail": [{"loc": ["body", "stream"], "msg": "Field required", "type": "missing"}]},
    {"error": {"message": "Failed to deserialize the JSON body: missing field `stream` at line 1"}},
    {"error": {"message": "'stream' is a required property"}},
]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("problem", "word"), [*[(p, True) for p in ONLY_STREAMS], *[(p, False) for p in REQUIRES]], ids=str
)
async def test_a_server_that_insists_is_told_what_it_wants(
    problem: Object, word: bool, make_client: MakeClient
) -> None:
    """Once more for the same call, and at once from then on, for this model alone. Both attempts are recorded."""

    def answer(request: Request) -> Script:
        body = request.json()
        if body["model"] == "m" and (not body.get("stream") if word else "stream" not in body):
            return json_reply(problem, 400 if "error" in problem else 422)
        return sse(events("chat")) if body.get("stream") else json_reply(CHAT)

    with FaultServer(answer) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            replies = [await ask(client, "chat") for _ in range(3)]
            await client.chat.completions.create(model="other", messages=[{"role": "user", "content": "x"}])
            async with client.chat.completions.stream(**asked(client, "chat")[1]) as stream:
                await stream.final()
    assert [said(request) for request in server.requests[:5]] == [None, word, word, word, None]
    assert [reply.text for reply in replies] == ["Grüße"] * 3
    assert [attempt.outcome for attempt in replies[0].attempts] == ["rejected", "completed"]
    assert [attempt.status for attempt in replies[0].attempts][-1:] == [200]


@pytest.mark.parametrize("stream", [False, None])
async def test_a_caller_who_wants_no_stream_gets_none(stream: bool | None, make_client: MakeClient) -> None:
    """`stream=False` asks for a whole reply: how the server makes it is not the caller's concern."""
    with FaultServer(
        lambda request: sse(events("chat")) if said(request) else json_reply(ONLY_STREAMS[0], 400)
    ) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            for _ in range(2):
                assert (await ask(client, "chat", stream=stream)).text == "Grüße"
    assert len(server.requests) == 3


async def test_other_refusals_are_not_sent_again(make_client: MakeClient) -> None:
    """Also where a server refuses what it has just asked for."""
    others = [
        {"error": {"message": "Unsupported value: 'stream' does not support true with this model."}},
        {"error": {"message": "messages: Field required; upstream must be set"}},
        {"error": {"message": "stream must be set to false"}},
    ]
    with FaultServer([*[json_reply(other, 400) for other in others], json_reply(ONLY_STREAMS[0], 400)]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            for count in (1, 2, 3, 5, 6):
                with pytest.raises(BadRequestError):
                    await ask(client, "chat")
                assert len(server.requests) == count


# ---- the reading itself


@pytest.mark.parametrize("name", REPLIES)
def test_gathering_undoes_unfolding(name: str) -> None:
    """A reply that becomes a stream, and that one a reply, is the same reply."""
    body = b"".join(b"data: " + event.encode() + b"\r\n\r\n" for event in events(name))
    found = collect_stream(PATHS[name], body, choices=2, states_end=True)
    assert found is not None
    assert found.reply is not None
    there, back = dict(REPLIES[name]), json.loads(found.reply)
    for each in (there, back):
        each.pop("object", None)
    assert back == there


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'"data:"', b"<html>data:", b"data", b":", b"nothing\ndata: {}"])
def test_what_is_no_stream_is_left_alone(body: bytes) -> None:
    """JSON, pages and damage are told as what they are."""
    assert not is_stream(body)
    assert collect_stream("/chat/completions", body, choices=1, states_end=True) is None
    assert collect_stream("/embeddings", b"data: {}\n\n", choices=1, states_end=True) is None
