"""Conversations with the service that were written down once, replayed: what was sent, and what came back.

Those of chat (D1, D2, D5, D6), of text completions (D3, D4, E1, E2), of files (E4) and of the old fine-tuning (E5).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from openai_async import NULL, AsyncClient
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, Script, json_reply, sse

HELLO = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "Hello!"}]


def usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def chat(text: str, counted: dict[str, int]) -> Script:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-3.5-turbo-0613"}
    return json_reply({**body, "choices": [choice], "usage": counted})


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 2, "model": "gpt-3.5-turbo-0613"}
    return {**body, "choices": [choice]}


def said(*pieces: str) -> Script:
    """A chat stream: the role alone, the text in pieces, a last delta without content, the end."""
    words = [chunk({"content": piece}) for piece in pieces]
    return sse([chunk({"role": "assistant"}), *words, chunk({"content": None}, "stop"), "[DONE]"])


def text(piece: str, index: int = 0, finish: str | None = None) -> dict[str, Any]:
    choice = {"text": piece, "index": index, "logprobs": None, "finish_reason": finish}
    return {"id": "cmpl-1", "object": "text_completion", "created": 3, "model": "m", "choices": [choice]}


@pytest.fixture
async def emulated() -> AsyncIterator[AsyncClient]:
    with Emulator().run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            yield client


async def test_d1_a_greeting() -> None:
    """One answer, its usage, and the snapshot that the alias stands for."""
    with FaultServer([chat("Hello! How can I assist you today?", usage(19, 9))]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            reply = await client.chat.completions.create(model="gpt-3.5-turbo", messages=HELLO)
    (choice,) = reply.choices
    assert (choice.message.role, reply.text) == ("assistant", "Hello! How can I assist you today?")
    assert (choice.finish_reason, reply.model) == ("stop", "gpt-3.5-turbo-0613")
    assert reply.usage is not None
    assert reply.usage.to_dict() == usage(19, 9)


async def test_d2_four_turns_streamed() -> None:
    """A delta with a role alone, text, a last delta with a null: they fold to the answer."""
    history = [
        *HELLO[:1],
        {"role": "user", "content": "Who won the world series in 2020?"},
        {"role": "assistant", "content": "The Los Angeles Dodgers won the World Series in 2020."},
        {"role": "user", "content": "Where was it played?"},
    ]
    with FaultServer([said("In ", "Arlington", ", Texas.")]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            stream = await client.chat.completions.create(model="m", messages=history, stream=True)
            async with stream:
                reply = await stream.final()
    sent = json.loads(server.requests[0].body)
    assert (sent["messages"], sent["stream"]) == (history, True)
    assert (reply.text, reply.choices[0].finish_reason) == ("In Arlington, Texas.", "stop")


async def test_d3_every_field_of_a_text_completion_reaches_the_wire() -> None:
    """Also the null that is meant; pieces of three texts that take turns fold by their index."""
    params: dict[str, Any] = {
        "model": "m",
        "prompt": "1+1",
        "max_tokens": 1965,
        "temperature": 1,
        "top_p": 1,
        "n": 3,
        "stop": ["\n20", "20.", "20."],
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "suffix": NULL,
        "logprobs": 5,
        "echo": True,
        "logit_bias": {"50256": -100},
    }
    pieces = [text("1+1", at) for at in range(3)] + [text("=2", 2), text("=", 0), text(" is", 1), text("2", 0)]
    ends = [text(" two", 1, "length"), text("", 0, "stop"), text("!", 2, "stop")]
    with FaultServer([sse([*pieces, *ends, "[DONE]"])]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            stream = await client.completions.create(**params, stream=True)
            reply = await stream.final()
    sent = json.loads(server.requests[0].body)
    assert sent == {**params, "suffix": None, "stream": True}
    assert b'"suffix":null' in server.requests[0].body.replace(b" ", b"")
    assert [choice.text for choice in reply.choices] == ["1+1=2", "1+1 is two", "1+1=2!"]
    assert [choice.finish_reason for choice in reply.choices] == ["stop", "length", "stop"]


async def test_d3_and_d4_against_the_emulator(emulated: AsyncClient) -> None:
    """It takes the same request; the count ends before 20, and echo puts the prompt first."""
    async with emulated.completions.stream(
        model="emulated-mini", prompt="1+1", max_tokens=1965, n=3, stop=["\n20", "20.", "20."], suffix=NULL,
        logprobs=5, echo=True, logit_bias={"50256": -100},
    ) as stream:  # fmt: skip
        reply = await stream.final()
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert all(choice.text.startswith("1+1") and choice.logprobs for choice in reply.choices)
    prompt = "count number from 1 to 30: 1,2,3,4,5,"
    async with emulated.completions.stream(
        model="emulated-mini", prompt=prompt, stop=["20", "20,", ",20"], echo=True, max_tokens=100
    ) as stream:
        reply = await stream.final()
    assert reply.text == prompt + ",".join(map(str, range(6, 20)))
    assert reply.choices[0].finish_reason == "stop"


async def test_d5_a_count_to_a_hundred() -> None:
    """The contents join to the whole, and every chunk has the same id, time and model."""
    question = "Count to 100, with a comma between each number and no newlines. E.g., 1, 2, 3, ..."
    pieces = [f"{number}, " for number in range(1, 100)] + ["100."]
    with FaultServer([said(*pieces)]) as server:
        async with (
            AsyncClient(api_key="k", base_url=server.base_url) as client,
            client.chat.completions.stream(
                model="m", messages=[{"role": "user", "content": question}], temperature=0
            ) as stream,
        ):
            chunks = [each async for each in stream]
            reply = await stream.final()
    assert "".join(each.choices[0].delta.content or "" for each in chunks) == reply.text == "".join(pieces)
    assert len({(each.id, each.created, each.model) for each in chunks}) == 1


async def test_d6_three_calls_of_a_tool_and_their_answers() -> None:
    """Three calls with their ids, an answer to each in order, and a second call without tools that says it in words."""
    tool = {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "parameters": {
                "type": "object",
                "properties": {"location": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
                "required": ["location"],
            },
        },
    }
    calls = [
        {
            "id": f"call_{city}",
            "type": "function",
            "function": {"name": "get_current_weather", "arguments": json.dumps({"location": city})},
        }
        for city in ("San Francisco", "Tokyo", "Paris")
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    first = {"id": "c", "created": 1, "model": "m", "usage": usage(88, 77)}
    first |= {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    prose = "It is 10 C in San Francisco, 12 C in Tokyo and 22 C in Paris."
    with FaultServer([json_reply(first), chat(prose, usage(160, 20))]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            messages: list[Any] = [
                {"role": "user", "content": "What is the weather like in San Francisco, Tokyo, Paris?"}
            ]
            asked = await client.chat.completions.create(model="m", messages=messages, tools=[tool], tool_choice="auto")
            messages.append(asked.choices[0].message)
            for call in asked.choices[0].message.tool_calls or []:
                assert call.function is not None
                assert json.loads(call.function.arguments or "").keys() == {"location"}
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "22 C"})
            answered = await client.chat.completions.create(model="m", messages=messages)
    assert asked.usage is not None
    assert asked.usage.to_dict() == usage(88, 77)
    assert asked.usage.total_tokens == 165
    sent = json.loads(server.requests[1].body)
    assert "tools" not in sent
    assert {name: value for name, value in message.items() if value is not None} == sent["messages"][1]
    ids = ["call_San Francisco", "call_Tokyo", "call_Paris"]
    assert [each["tool_call_id"] for each in sent["messages"][2:]] == ids
    assert answered.text == prose


async def test_e1_a_text_completion(emulated: AsyncClient) -> None:
    """Cut at seven tokens; the emulator counts the same and ends for the same reason."""
    request: dict[str, Any] = {"prompt": "Say this is a test", "max_tokens": 7, "temperature": 0}
    body = {**text("\n\nThis is indeed a test", finish="length"), "usage": usage(5, 7)}
    with FaultServer([json_reply(body)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            reply = await client.completions.create(model="text-davinci-003", **request)
    assert reply.text == "\n\nThis is indeed a test"
    for each in (reply, await emulated.completions.create(model="emulated-mini", **request)):
        assert each.choices[0].finish_reason == "length"
        assert each.usage is not None
        assert each.usage.to_dict() == usage(5, 7)


async def test_e2_a_chat() -> None:
    """The line breaks before the answer are part of it."""
    with FaultServer([chat("\n\nHello there, how may I assist you today?", usage(9, 12))]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            reply = await client.chat.completions.create(model="gpt-3.5-turbo", messages=HELLO[1:])
    assert reply.text == "\n\nHello there, how may I assist you today?"
    assert reply.usage is not None
    assert reply.usage.total_tokens == 21


async def test_e4_a_file_from_its_upload_to_its_end(emulated: AsyncClient) -> None:
    """140 bytes go up and are described; a listed file may have a purpose that nobody knows any more."""
    content = b'{"prompt": "' + b"a" * 108 + b'", "completion": ""}'
    file = await emulated.files.create(file=("mydata.jsonl", content), purpose="fine-tune")
    assert (file.bytes, file.filename, file.purpose) == (140, "mydata.jsonl", "fine-tune")
    assert [each.id async for each in emulated.files.list()] == [file.id]
    gone = await emulated.files.delete(file.id)
    assert (gone.id, gone.deleted) == (file.id, True)
    old = {"id": "file-ccdDZrC3iZVNiQVeEA6Z66wf", "object": "file", "bytes": 175, "created_at": 1613677385}
    listed = {"object": "list", "data": [{**old, "filename": "train.jsonl", "purpose": "search"}]}
    with FaultServer([json_reply(listed)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            (known,) = await client.files.list().collect()
    assert (known.filename, known.bytes, known.purpose) == ("train.jsonl", 175, "search")


async def test_e5_a_fine_tune_of_a_file_alone(emulated: AsyncClient) -> None:
    """The defaults of then; a suffix is part of the new model's name, as it is of a job's."""
    file = await emulated.files.create(
        file=("mydata.jsonl", b'{"prompt": "a", "completion": "b"}'), purpose="fine-tune"
    )
    tune = await emulated.fine_tunes.create(training_file=file.id)
    assert tune.hyperparams is not None
    assert tune.model == "curie"
    assert (tune.hyperparams["n_epochs"], tune.hyperparams["prompt_loss_weight"]) == (4, 0.01)
    named = await emulated.fine_tunes.create(training_file=file.id, model="ada", suffix="custom-model-name")
    done = await emulated.fine_tunes.wait(named.id, poll_interval=0.01)
    assert done.fine_tuned_model is not None
    base, organization, rest = done.fine_tuned_model.split(":")
    assert (base, organization) == ("ada", "ft-emulated")
    assert rest.startswith("custom-model-name-")
