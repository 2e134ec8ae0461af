"""`text` is that of one reply, however many were asked for and in whatever order their pieces come."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openai_async import AsyncClient, Client
from openai_async._wire.codec import structure
from openai_async.testing import FaultServer, sse
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk

TEXTS = ("one two", "uno dos", "eins zwei")
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 3}
TEXT: dict[str, Any] = {"model": "m", "prompt": "x", "n": 3}


def pieces(order: list[int], *, chat: bool) -> list[dict[str, Any]]:
    """The choices in which each text comes letter by letter, in this order of indices."""
    given: Counter[int] = Counter()
    found: list[dict[str, Any]] = []
    for index in order:
        letter = TEXTS[index][given[index] : given[index] + 1]
        given[index] += 1
        found.append({"index": index, **({"delta": {"content": letter}} if chat else {"text": letter})})
    return [*found, *({"index": index, "delta": {}, "text": "", "finish_reason": "stop"} for index in range(3))]


def connect(server: FaultServer) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=server.base_url, trust_env=False)


def events(choices: list[list[dict[str, Any]]]) -> list[str]:
    return [*(json.dumps({"id": "c", "choices": each}) for each in choices), "[DONE]"]


INTERLEAVED = [index for turn in range(9) for index in (2, 0, 1) if turn < len(TEXTS[index])]
PIECES = pieces(INTERLEAVED, chat=True)
ONE_EACH = events([[piece] for piece in PIECES])
TOGETHER = events([PIECES[at : at + 2] for at in range(0, len(PIECES), 2)])


@pytest.mark.parametrize("chunks", [ONE_EACH, TOGETHER], ids=["one choice an event", "two"])
async def test_the_text_of_a_stream_is_that_of_its_first_choice(chunks: list[str]) -> None:
    """Pieces of other choices are in the chunks and in the end, and in no text."""
    with FaultServer([sse(chunks)]) as server:
        async with connect(server) as client:
            async with client.chat.completions.stream(**CHAT) as stream:
                text = "".join([piece async for piece in stream.text])
                whole = await stream.final()
            async with client.chat.completions.stream(**CHAT) as stream:
                by_chunks = "".join([chunk.text async for chunk in stream])
    assert text == by_chunks == whole.text == TEXTS[0]
    assert tuple(choice.message.content for choice in whole.choices) == TEXTS


async def test_the_text_of_text_completions_is_that_of_the_first_one() -> None:
    """The same in the API before chat."""
    chunks = events([[piece] for piece in pieces(INTERLEAVED, chat=False)])
    with FaultServer([sse(chunks)]) as server:
        async with connect(server) as client, client.completions.stream(**TEXT) as stream:
            text = "".join([piece async for piece in stream.text])
            whole = await stream.final()
    assert text == whole.text == TEXTS[0]
    assert tuple(choice.text for choice in whole.choices) == TEXTS


def test_threads_get_the_first_choice_too() -> None:
    """The same, without asyncio."""
    with (
        FaultServer([sse(ONE_EACH)]) as server,
        Client(api_key="k", base_url=server.base_url) as client,
        client.chat.completions.stream(**CHAT) as stream,
    ):
        assert "".join(stream.text) == stream.final().text == TEXTS[0]


async def test_the_text_of_a_response_is_that_of_its_output() -> None:
    """All of its messages, in the order in which they are written; nothing else that grows by deltas."""
    said = [
        {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "thought"},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "one "},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 1, "delta": "two "},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"},
        {"type": "response.output_text.delta", "output_index": 3, "content_index": 0, "delta": "three"},
    ]
    end = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}
    with FaultServer([sse([json.dumps(event) for event in (*said, end)])]) as server:
        async with connect(server) as client, client.responses.stream(model="m", input="x") as stream:
            text = "".join([piece async for piece in stream.text])
            whole = await stream.final()
    assert text == whole.output_text == "one two three"


@given(st.permutations(range(3)))
def test_the_text_of_a_reply_does_not_depend_on_the_order_of_its_choices(order: list[int]) -> None:
    """Of a whole reply and of a chunk: the choice with index 0."""
    whole = [{"index": index, "message": {"role": "assistant", "content": TEXTS[index]}} for index in order]
    assert structure(ChatCompletion, {"id": "c", "choices": whole}).text == TEXTS[0]
    pieces_ = [{"index": index, "delta": {"content": TEXTS[index]}} for index in order]
    assert structure(ChatCompletionChunk, {"id": "c", "choices": pieces_}).text == TEXTS[0]


def test_a_reply_whose_only_choice_has_another_index_has_its_text() -> None:
    """Of a whole one. An event of another choice adds nothing, and so does one without choices."""
    only = {"index": 1, "message": {"role": "assistant", "content": "x"}}
    assert structure(ChatCompletion, {"id": "c", "choices": [only]}).text == "x"
    assert structure(ChatCompletionChunk, {"choices": [{"index": 1, "delta": {"content": "x"}}]}).text == ""
    assert structure(ChatCompletionChunk, {"choices": []}).text == ""
    assert structure(ChatCompletion, {"id": "c", "choices": []}).text == ""
