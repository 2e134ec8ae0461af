"""Servers that count in UTF-16 cut a character in two: into two events, or where a reply was cut off.

JSON has an escape for each half. UTF-8 has none, so half a character can neither be printed nor sent again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from openai_async import Client
from openai_async.errors import BadRequestError, StreamInterrupted
from openai_async.testing import FaultServer, json_reply, respond, sse

from .conftest import MakeClient
from .replies import CALL, COMPLETION, EVENTS, chunk, ok

HIGH, LOW = "\ud83d", "\ude00"
WHOLE = "😀"
ALONE = "\ufffd"
END = chunk(finish_reason="stop")


def other(piece: str, **choice: Any) -> dict[str, Any]:
    """A piece of the second choice."""
    return {"id": "c1", "choices": [{**choice, "index": 1, "delta": {"content": piece}}]}


def unescaped(event: dict[str, Any]) -> bytes:
    """An event that holds half a character as three bytes, which Python lets a program write."""
    return b"data: " + json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n\n"


#: What is streamed, and the text that it amounts to.
CUTS: dict[str, tuple[Sequence[Any], str]] = {
    "between two events": ([chunk("Good " + HIGH), chunk(LOW + " day")], f"Good {WHOLE} day"),
    "each half an event": ([chunk("Good "), chunk(HIGH), chunk(LOW), chunk(" day")], f"Good {WHOLE} day"),
    "twice in a row": ([chunk(HIGH), chunk(LOW + HIGH), chunk(LOW)], WHOLE * 2),
    "with another choice between": ([chunk("a" + HIGH), other("b"), other("c"), chunk(LOW)], f"a{WHOLE}"),
    "while another choice ends": ([chunk(HIGH), other("c", finish_reason="stop"), chunk(LOW)], WHOLE),
    "with an empty piece between": ([chunk("a" + HIGH), chunk(""), chunk(), chunk(LOW)], f"a{WHOLE}"),
    "with keep-alives between": ([chunk(HIGH), b": ping\n\n", chunk(LOW)], WHOLE),
    "the other half with the end": ([chunk("a" + HIGH), chunk(LOW, finish_reason="stop")], f"a{WHOLE}"),
    "no other half": ([chunk("a" + HIGH), chunk("b")], f"a{ALONE}b"),
    "a second half alone": ([chunk("a"), chunk(LOW + "b")], f"a{ALONE}b"),
    "the last piece": ([chunk("a" + HIGH)], f"a{ALONE}"),
    "the last piece, with the end": ([chunk("a" + HIGH, finish_reason="length")], f"a{ALONE}"),
    "halves that stand the wrong way round": ([chunk(LOW + HIGH), chunk("b")], f"{ALONE * 2}b"),
    "beside what only Python reads": (
        [chunk("a" + HIGH, logprobs={"content": [{"token": HIGH, "logprob": float("-inf")}]}), chunk(LOW)],
        f"a{WHOLE}",
    ),
    "as bytes that are no UTF-8": ([unescaped(chunk("a" + HIGH)), unescaped(chunk(LOW))], f"a{WHOLE}"),
}


@pytest.mark.parametrize("name", CUTS)
async def test_a_character_that_was_cut_becomes_whole(name: str, make_client: MakeClient) -> None:
    """Two halves of one text become the character, one alone becomes U+FFFD; each piece can be printed as it comes."""
    events, text = CUTS[name]
    with FaultServer([sse([*events, END, "[DONE]"])]) as server:
        async with make_client(server.base_url) as client, client.chat.completions.stream(**CALL) as stream:
            choices = [choice async for event in stream for choice in event.choices]
            whole = await stream.final()
    pieces = [choice.delta.content or "" for choice in choices if choice.index == 0]
    assert b"".join(piece.encode("utf-8") for piece in pieces).decode() == whole.text == text
    assert whole.choices[0].finish_reason in ("stop", "length")


def calls(*pieces: tuple[int, str]) -> dict[str, Any]:
    """One event with pieces of the arguments of tool calls."""
    deltas = [{"index": index, "id": f"t{index}", "function": {"arguments": piece}} for index, piece in pieces]
    return {"id": "c1", "choices": [{"index": 0, "delta": {"tool_calls": deltas}}]}


async def test_arguments_of_tools_that_were_cut_become_whole(make_client: MakeClient) -> None:
    """Each call has halves of its own, in whatever order and company the calls come."""
    events = [
        calls((0, '{"a": "' + HIGH), (1, '{"b": "' + HIGH)),
        calls((1, LOW + '"}')),
        calls((0, LOW)),
        calls((0, '"}')),
    ]
    with FaultServer([sse([*events, END, "[DONE]"])]) as server:
        async with make_client(server.base_url) as client, client.chat.completions.stream(**CALL) as stream:
            whole = await stream.final()
    found = whole.choices[0].message.tool_calls or []
    assert [json.loads(call.function.arguments) for call in found if call.function] == [{"a": WHOLE}, {"b": WHOLE}]


def delta(piece: str, item: str = "m1") -> dict[str, Any]:
    place = {"item_id": item, "output_index": 0, "content_index": 0}
    return {"type": "response.output_text.delta", "delta": piece, **place}


async def test_a_response_that_was_cut_becomes_whole(make_client: MakeClient) -> None:
    """Typed events say what they belong to in other words; what stays alone is there before the text is done."""
    done = {"type": "response.output_text.done", "item_id": "m1", "output_index": 0, "content_index": 0}
    text = f"a{HIGH}{LOW}b{HIGH}"
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"id": "m1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    reply = {"id": "r1", "status": "completed", "output": [message]}
    events = [
        delta("a" + HIGH),
        delta("x" + HIGH, item="m2"),
        delta(LOW + "b" + HIGH),
        {**done, "text": text},
        delta(LOW, item="m2"),
        {"type": "response.completed", "response": reply},
    ]
    with FaultServer([sse(events)]) as server:
        client = make_client(server.base_url)
        async with client, client.responses.stream(model="m", input="Hi") as stream:
            seen = [event.to_dict() async for event in stream]
            whole = await stream.final()
    pieces = [event["delta"] for event in seen if event.get("item_id") == "m1" and "delta" in event]
    assert "".join(pieces) == whole.output_text == f"a{WHOLE}b{ALONE}"
    assert "".join(event["delta"] for event in seen if event.get("item_id") == "m2") == f"x{WHOLE}"
    assert [event["type"].rpartition(".")[2] for event in seen] == [*["delta"] * 4, "done", "delta", "completed"]


async def test_a_cut_reply_can_be_sent_again(make_client: MakeClient) -> None:
    """A whole reply with half a character is a message of the next request, as every other reply is."""
    message = {"role": "assistant", "content": "Good " + HIGH, "tool_calls": None, "reasoning": LOW}
    reply = {**COMPLETION, "choices": [{"index": 0, "message": message, "finish_reason": "length"}]}
    with FaultServer([json_reply(reply), ok()]) as server:
        async with make_client(server.base_url) as client:
            first = await client.chat.completions.create(**CALL)
            history = [*CALL["messages"], first.choices[0].message]
            await client.chat.completions.create(model="m", messages=history)
    assert first.text == f"Good {ALONE}"
    assert server.requests[1].json()["messages"][1]["content"] == first.text
    assert server.requests[1].json()["messages"][1]["reasoning"] == ALONE


async def test_an_error_with_half_a_character_says_what_it_means(make_client: MakeClient) -> None:
    """The body of an error, and an error inside a stream, are read as replies are."""
    body = json.dumps({"error": {"message": "no " + HIGH, "code": "c", "more": [float("nan")]}})
    scripts = [respond(400, body.encode()), sse([EVENTS[0], body.replace('"c"', "400")])]
    with FaultServer(scripts) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            with pytest.raises(BadRequestError, match=f"no {ALONE}") as caught:
                await client.chat.completions.create(**CALL)
            assert caught.value.code == "c"
            with pytest.raises(BadRequestError, match=f"no {ALONE}"):
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()


async def test_an_interrupted_stream_keeps_what_came_before_the_half(make_client: MakeClient) -> None:
    """Half a character that nothing follows is nothing to keep; all before it is."""
    with FaultServer([sse([chunk("Good " + HIGH)])]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            with pytest.raises(StreamInterrupted) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
    assert caught.value.partial.text == "Good "


def test_the_synchronous_client_joins_them_too() -> None:
    """It decodes ahead, many events at a time."""
    with FaultServer([sse([chunk("a" + HIGH), chunk(LOW), chunk("b" + HIGH), END, "[DONE]"])]) as server:
        client = Client(api_key="k", base_url=server.base_url, trust_env=False)
        with client, client.chat.completions.stream(**CALL) as stream:
            assert "".join(stream.text) == f"a{WHOLE}b{ALONE}"
