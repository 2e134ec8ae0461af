"""The official client, its own way, against the emulator: chat completions, whole, streamed, typed and with tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from openai_async.emulator import Emulator

_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Forecast(pydantic.BaseModel):
    """What a reply is to be."""

    city: str
    degrees: list[int]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    emulator = Emulator(any_model=False)
    with emulator.run() as server, openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        yield client


def asked(text: str) -> dict[str, Any]:
    return {"model": "emulated-mini", "messages": [{"role": "user", "content": text}]}


def test_chats_are_the_same_whole_and_streamed(client: openai.OpenAI) -> None:
    """Several choices with log probabilities; a stream has the same texts, piece by piece, and the same usage."""
    params = asked("Hello!") | {"n": 2, "seed": 7, "logprobs": True, "top_logprobs": 2}
    whole = client.chat.completions.create(**params)
    texts, usage = ["", ""], None
    for chunk in client.chat.completions.create(**params, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in whole.choices]
    assert all(texts)
    assert usage == whole.usage
    first = whole.choices[0].logprobs
    assert first is not None
    assert first.content is not None
    assert "".join(each.token for each in first.content) == texts[0]
    assert {len(each.top_logprobs) for each in first.content} == {2}


def test_a_conversation_with_a_tool(client: openai.OpenAI) -> None:
    """The call's arguments fit the tool; a stream accumulates to the same; the tool's result is answered."""
    params = asked("How is the weather?") | {"tools": [_TOOL], "tool_choice": "required", "seed": 1}
    choice = client.chat.completions.create(**params).choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments).keys() == {"city"}
    with client.chat.completions.stream(**params) as stream:
        (streamed,) = stream.get_final_completion().choices[0].message.tool_calls or ()
    assert streamed.function.arguments == call.function.arguments
    said = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages = [*params["messages"], choice.message, said]
    reply = client.chat.completions.create(model="emulated-mini", messages=messages, tools=[_TOOL])
    assert reply.choices[0].finish_reason == "stop"
    assert "sunny" in (reply.choices[0].message.content or "")


def test_a_reply_of_a_type(client: openai.OpenAI) -> None:
    """What is asked for by a class is of it, whole and streamed."""
    params = asked("How warm is it in Rome?") | {"response_format": Forecast}
    assert isinstance(client.chat.completions.parse(**params).choices[0].message.parsed, Forecast)
    with client.chat.completions.stream(**params) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Forecast)


def test_what_cannot_be_answered_is_refused(client: openai.OpenAI) -> None:
    """As the API refuses it: by status, code and parameter."""
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(**asked("x") | {"model": "nobody"})
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(**asked("x") | {"temperature": 3})
    assert wrong.value.param == "temperature"
