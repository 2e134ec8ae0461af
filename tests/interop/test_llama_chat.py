"""A real engine: chat over llama.cpp's own HTTP server, with a tiny model of random weights."""

from __future__ import annotations

import anyio
import pytest

from openai_async import AsyncClient, BadRequestError, ContextLengthExceededError, NotFoundError

from .conftest import LlamaServer
from .tiny_llama import CONTEXT, ONE_TOOL_CALL

HELLO = [{"role": "user", "content": "Hello!"}]
#: A grammar makes random weights say exactly this, across several tokens and multi-byte characters.
SAYS = "grüße 🦙 from the engine"
GRAMMAR = {"grammar": f'root ::= "{SAYS}"'}


@pytest.fixture
def client(llama_server: LlamaServer) -> AsyncClient:
    """A client of the engine, which checks no key. It is closed by the end of its event loop."""
    return AsyncClient(api_key="unused", base_url=llama_server.base_url, max_retries=2)


async def test_create_gives_a_typed_reply_with_usage_and_keeps_the_engines_own_fields(client: AsyncClient) -> None:
    """A reply decodes; fields only this engine has (`timings`) are kept and reachable."""
    reply = await client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=64, extra_body=GRAMMAR)

    assert reply.text == SAYS
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert reply.extra["timings"]["predicted_n"] == reply.usage.completion_tokens
    assert [attempt.outcome for attempt in reply.attempts][-1] == "completed"


async def test_a_stream_folds_to_the_reply_that_is_not_streamed(client: AsyncClient) -> None:
    """Text, finish reason and usage of a stream equal those of the whole reply."""
    settings = {"model": "tiny", "messages": HELLO, "max_tokens": 48, "temperature": 0}
    whole = await client.chat.completions.create(**settings)  # type: ignore[arg-type]

    async with client.chat.completions.stream(**settings) as stream:  # type: ignore[arg-type]
        pieces = [piece async for piece in stream.text]
        folded = await stream.final()

    assert "".join(pieces) == folded.text == whole.text
    assert folded.choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert folded.usage is not None
    assert whole.usage is not None
    assert folded.usage.completion_tokens == whole.usage.completion_tokens == 48


async def test_models_are_listed_with_what_the_engine_says_of_them(
    client: AsyncClient, llama_server: LlamaServer
) -> None:
    """`models.list` reads the engine's list; its own `meta` block does not get in the way."""
    models = await client.models.list()

    assert [model.id for model in models] == [llama_server.model]
    assert models.data[0].owned_by == "llamacpp"


async def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(client: AsyncClient) -> None:
    """`stop` cuts where it should, streamed or not."""
    settings = {"model": "tiny", "messages": HELLO, "max_tokens": 64, "stop": " from", "extra_body": GRAMMAR}
    reply = await client.chat.completions.create(**settings)  # type: ignore[arg-type]
    async with client.chat.completions.stream(**settings) as stream:  # type: ignore[arg-type]
        streamed = await stream.final()

    assert reply.text == streamed.text == "grüße 🦙"


async def test_several_choices_come_back_by_index(client: AsyncClient) -> None:
    """`n` gives as many choices, in order, whole and streamed (where the engine interleaves them)."""
    settings = {"model": "tiny", "messages": HELLO, "max_tokens": 64, "n": 3, "extra_body": GRAMMAR}
    reply = await client.chat.completions.create(**settings)  # type: ignore[arg-type]
    async with client.chat.completions.stream(**settings) as stream:  # type: ignore[arg-type]
        streamed = await stream.final()

    for whole in (reply, streamed):
        assert [choice.index for choice in whole.choices] == [0, 1, 2]
        assert [choice.message.content for choice in whole.choices] == [SAYS] * 3


async def test_a_tool_call_is_put_together_from_its_pieces(client: AsyncClient) -> None:
    """Streamed arguments of a tool call fold to the same call, with its id."""
    tool = {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "enum": ["Oslo"]}},
                "required": ["city"],
            },
        },
    }
    async with client.chat.completions.stream(
        model="tiny",
        messages=HELLO,
        tools=[tool],
        tool_choice="required",
        parallel_tool_calls=False,
        logit_bias=ONE_TOOL_CALL,
        max_tokens=200,
    ) as stream:
        reply = await stream.final()

    calls = reply.choices[0].message.tool_calls
    assert reply.choices[0].finish_reason == "tool_calls"
    assert calls is not None
    assert len(calls) == 1
    assert calls[0].id
    assert calls[0].function is not None
    assert calls[0].function.name == "weather"
    assert "Oslo" in (calls[0].function.arguments or "")


async def test_leaving_a_stream_stops_the_engine(client: AsyncClient) -> None:
    """After a stream of thousands of tokens is left at its second chunk, the engine answers the next call at once."""
    async with client.chat.completions.stream(model="tiny", messages=HELLO, max_tokens=CONTEXT - 200) as stream:
        await anext(stream)
        await anext(stream)

    reply = await client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=64, extra_body=GRAMMAR)

    assert reply.text == SAYS
    assert client.statistics().in_flight == 0


async def test_thirty_two_streams_at_once_all_end_whole(client: AsyncClient) -> None:
    """More streams than the engine has slots: each gives its own text to the end."""
    texts: dict[int, str] = {}

    async def one(number: int) -> None:
        grammar = {"grammar": f'root ::= "stream number {number}"'}
        async with client.chat.completions.stream(
            model="tiny", messages=HELLO, max_tokens=64, extra_body=grammar
        ) as stream:
            texts[number] = (await stream.final()).text

    async with anyio.create_task_group() as group:
        for number in range(32):
            group.start_soon(one, number)

    assert texts == {number: f"stream number {number}" for number in range(32)}


async def test_map_runs_many_calls_against_the_engine_in_order(client: AsyncClient) -> None:
    """`map` keeps the order of the requests on a real engine that closes connections whenever it likes."""
    requests = [{"messages": HELLO, "extra_body": {"grammar": f'root ::= "call {n}"'}} for n in range(64)]

    async with client.chat.completions.map(requests, model="tiny", max_tokens=64, max_in_flight=16) as results:
        texts = [result.unwrap().text async for result in results]

    assert texts == [f"call {n}" for n in range(64)]


async def test_the_engines_errors_have_their_classes(client: AsyncClient) -> None:
    """A prompt over the context, a bad parameter and an unknown path are told apart."""
    with pytest.raises(ContextLengthExceededError):
        await client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x" * 5000}])
    with pytest.raises(BadRequestError):
        await client.chat.completions.create(model="tiny", messages=HELLO, n=9)
    with pytest.raises(NotFoundError):
        await client.models.retrieve("tiny")
