"""The official client runs its own way against the emulated responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from openai_async.emulator import Emulator, Latency

MODEL = "emulated-mini"


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def official(clock: list[float]) -> Iterator[OpenAI]:
    emulator = Emulator(clock=lambda: clock[0])
    with emulator.run() as server, OpenAI(api_key="sk-test", base_url=server.base_url, max_retries=0) as client:
        yield client


def test_create_go_on_list_and_delete(official: OpenAI) -> None:
    """A response is read, found again, gone on from, listed and deleted."""
    first = official.responses.create(model=MODEL, input="Hello", instructions="Be brief.", metadata={"a": "b"})
    assert (first.status, first.metadata, bool(first.output_text)) == ("completed", {"a": "b"}, True)
    assert first.usage is not None
    assert first.usage.output_tokens_details.reasoning_tokens == 0
    assert official.responses.retrieve(first.id).output_text == first.output_text
    second = official.responses.create(model=MODEL, input="Why?", previous_response_id=first.id)
    listed = list(official.responses.input_items.list(second.id, limit=1, order="asc"))
    assert [item.type for item in listed] == ["message"] * 3
    assert official.responses.input_tokens.count(model=MODEL, input="Hello").input_tokens > 0
    official.responses.delete(first.id)
    with pytest.raises(NotFoundError):
        official.responses.retrieve(first.id)
    with pytest.raises(BadRequestError) as caught:
        official.responses.create(model=MODEL, input="Why?", previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"


def test_stream(official: OpenAI) -> None:
    """Plain events, and the official accumulator, which checks their order as it goes."""
    events = list(official.responses.create(model="emulated-reasoner", input="Hello", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    with official.responses.stream(model="emulated-reasoner", input="Hello") as stream:
        kinds = {event.type for event in stream}
        whole = stream.get_final_response()
    assert {"response.created", "response.output_text.done", "response.completed"} <= kinds
    assert whole.output_text == text != ""


def test_calls_are_accumulated(official: OpenAI) -> None:
    """A forced function, streamed: its arguments are parsed, its output answered."""
    tool: Any = {
        "type": "function",
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"at": {"type": "string"}},
            "required": ["at"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    with official.responses.stream(model=MODEL, input="Look", tools=[tool], tool_choice="required") as stream:
        whole = stream.get_final_response()
    (call,) = whole.output
    assert call.type == "function_call"
    assert list(json.loads(call.arguments)) == ["at"]
    answered = official.responses.create(
        model=MODEL,
        previous_response_id=whole.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}],
    )
    assert "rain" in answered.output_text


def test_background(clock: list[float]) -> None:
    """Polled through its states, cancelled, and streamed from the middle."""
    latency = Latency(first_token=10, tokens_per_second=1)
    emulator = Emulator(clock=lambda: clock[0], latency=latency)
    with emulator.run() as server, OpenAI(api_key="sk-test", base_url=server.base_url, max_retries=0) as official:
        asked = official.responses.create(model=MODEL, input="Hello", background=True)
        other = official.responses.create(model=MODEL, input="Hello", background=True)
        states = [asked.status]
        while states[-1] in ("queued", "in_progress"):
            clock[0] += 9
            states.append(official.responses.retrieve(asked.id).status)
        assert states[:3] == ["queued", "queued", "in_progress"]
        assert states[-1] == "completed"
        rest = list(official.responses.retrieve(asked.id, stream=True, starting_after=3))
        assert (rest[0].sequence_number, rest[-1].type) == (4, "response.completed")
        clock[0] = 0.0
        assert official.responses.cancel(other.id).status == "cancelled"


def test_compact(official: OpenAI) -> None:
    """A compacted context is read, and can be gone on from."""
    compacted = official.responses.compact(model=MODEL, input="Hello")
    assert [item.type for item in compacted.output] == ["message", "compaction"]
