"""A whole reply where a stream was due: some models and servers ignore `stream=True`. Nothing of it is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest

from openai_async import AsyncClient, Client
from openai_async.errors import APIConnectionError, APIError, RateLimitError, StreamInterrupted
from openai_async.testing import FaultServer, Fin, Script, every_offset, json_reply, no_leaks, respond, wire

from .conftest import MakeClient

Object: TypeAlias = dict[str, Any]
USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
CALLS = [{"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": f"[{n}]"}} for n in range(2)]
CHAT: Object = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 5,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Grüße", "thought": "x"}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "tool_calls": CALLS}, "finish_reason": "tool_calls"},
    ],
    "usage": USAGE,
    "of_tomorrow": [1],
}
TEXT: Object = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 5,
    "model": "m",
    "choices": [{"index": 0, "text": "Grüße", "finish_reason": "stop"}],
    "usage": USAGE,
}
SAID = [{"type": "output_text", "text": "Grü", "annotations": []}, {"type": "output_text", "text": "ße"}]
RESPONSE: Object = {
    "id": "resp_1",
    "object": "response",
    "created_at": 5,
    "model": "m",
    "status": "completed",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": SAID},
    ],
    "usage": {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "total_tokens": 2_000_000},
}
HEARD: Object = {
    "text": "Grüße",
    "task": "transcribe",
    "duration": 2.5,
    "segments": [{"id": 0, "text": "Grüße", "start": 0.0, "end": 2.5}],
    "words": [{"word": "Grüße", "start": 0.0, "end": 2.5}],
    "usage": {"type": "tokens", "input_tokens": 1_000_000, "output_tokens": 1_000_000, "total_tokens": 2_000_000},
    "of_tomorrow": [1],
}
REPLIES: Mapping[str, Object] = {"chat": CHAT, "completions": TEXT, "responses": RESPONSE, "transcriptions": HEARD}


def nouns(client: Any) -> Mapping[str, tuple[Any, Object]]:
    """What has streams, and what it is asked."""
    return {
        "chat": (client.chat.completions, {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}),
        "completions": (client.completions, {"model": "m", "prompt": "Hello"}),
        "responses": (client.responses, {"model": "m", "input": "Hello"}),
        "transcriptions": (client.audio.transcriptions, {"model": "m", "file": b"RIFF"}),
    }


async def asked(client: AsyncClient, name: str) -> tuple[str, Any]:
    """The pieces of text, and the whole."""
    noun, given = nouns(client)[name]
    async with noun.stream(**given) as stream:
        text = "".join([piece async for piece in stream.text])
        return text, await stream.final()


@pytest.mark.parametrize("name", REPLIES)
async def test_a_whole_reply_is_the_stream_that_it_would_have_been(name: str, make_client: MakeClient) -> None:
    """Iterating misses nothing, the end is the reply as it was sent, and it is billed; whatever it is laid out in."""
    right = json.dumps(REPLIES[name], ensure_ascii=False).encode()
    scripts: list[Script] = [
        json_reply(REPLIES[name]),
        respond(body=right, headers={"content-type": "text/event-stream"}),
        respond(body=json.dumps(REPLIES[name], indent=2).encode() + b"\n\n", framing="chunked"),
        json_reply(REPLIES[name]),
    ]
    with FaultServer(scripts) as server:
        async with no_leaks(), make_client(server.base_url, prices={"m": (1, 2)}) as client:
            found = [await asked(client, name) for _ in scripts[:-1]]
            noun, given = nouns(client)[name]
            expected = await noun.create(**given)
            assert client.statistics().in_flight == 0
        assert len(server.requests) == len(scripts)
    for text, whole in found:
        assert text == "Grüße"
        assert {**whole.to_dict(), "object": None} == {**expected.to_dict(), "object": None}
        assert whole.cost == expected.cost == 3


@pytest.mark.parametrize("name", REPLIES)
async def test_a_whole_reply_that_was_cut_is_none(name: str, make_client: MakeClient) -> None:
    """Where the body just ends, at whatever byte, it is an error: half a reply is never taken for one."""
    reply = wire(json_reply(REPLIES[name], framing="close"))
    cuts = [cut.script for cut in every_offset(reply, end=Fin(), step=7)]
    with FaultServer([*cuts, json_reply(REPLIES[name])]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            for _ in cuts:
                with pytest.raises(APIConnectionError):
                    await asked(client, name)
            assert (await asked(client, name))[0] == "Grüße"


async def test_a_piece_without_its_blank_line_is_no_whole_reply(make_client: MakeClient) -> None:
    """A stream of text that was cut in its only event has the form of a reply, but is none."""
    scripts = [respond(body=b"data: " + json.dumps(TEXT).encode(), headers={"content-type": "application/json"})]
    with FaultServer(scripts) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(StreamInterrupted):
                await asked(client, "completions")


@pytest.mark.parametrize("name", REPLIES)
async def test_an_error_is_no_whole_reply(name: str, make_client: MakeClient) -> None:
    """What is an error stays one, also beside what looks like a reply; other objects are no replies."""
    problem = {"error": {"message": "slow down", "type": "rate_limit_error"}}
    with FaultServer([json_reply({**REPLIES[name], **problem}), json_reply({"id": "x"}), json_reply([])]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(RateLimitError):
                await asked(client, name)
            for _ in range(2):
                with pytest.raises(APIError):
                    await asked(client, name)


@pytest.mark.parametrize("name", REPLIES)
def test_threads_get_whole_replies_as_streams(name: str) -> None:
    """The same, without asyncio."""
    with (
        FaultServer([json_reply(REPLIES[name])]) as server,
        Client(api_key="k", base_url=server.base_url, trust_env=False) as client,
    ):
        noun, given = nouns(client)[name]
        with noun.stream(**given) as stream:
            assert "".join(stream.text) == "Grüße"
            assert stream.final().to_dict()


# ---- pictures

PICTURES: Object = {
    "created": 5,
    "data": [{"b64_json": "aGk=", "revised_prompt": "A cat"}, {"url": "https://pictures/2.png", "of_tomorrow": 1}],
    "output_format": "png",
    "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
}


@pytest.mark.parametrize("kind", ["generate", "edit"])
async def test_whole_pictures_are_the_events_that_they_would_have_been(kind: str, make_client: MakeClient) -> None:
    """Each is there, by its bytes or its address; the tokens are counted once."""
    given: Object = {"model": "m", "prompt": "A cat", "n": 2}
    if kind == "edit":
        given["image"] = b"png"
    with FaultServer([json_reply(PICTURES)]) as server:
        async with no_leaks(), make_client(server.base_url) as client:
            stream = await getattr(client.images, kind)(**given, stream=True)
            events = [event async for event in stream]
            made = stream.partial
    assert [event.type.partition(".")[::2] for event in events] == [(events[0].type.split(".")[0], "completed")] * 2
    assert events[0].type.startswith({"generate": "image_gen", "edit": "image_edit"}[kind])
    assert [event.usage is None for event in events] == [True, False]
    assert made is not None
    assert (made.created, made.output_format, made.usage and made.usage.total_tokens) == (5, "png", 3)
    assert [(image.b64_json, image.url, image.revised_prompt) for image in made] == [
        ("aGk=", None, "A cat"),
        (None, "https://pictures/2.png", None),
    ]


@pytest.mark.parametrize("reply", [{"created": 5, "data": []}, {"data": [{}]}, {"data": [1]}, {"data": None}])
async def test_no_pictures_are_no_stream(reply: Object, make_client: MakeClient) -> None:
    """What holds no picture is an error, and never an empty success."""
    with FaultServer([json_reply(reply)]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(APIError):
                async for _ in await client.images.generate(prompt="A cat", stream=True):
                    pass
