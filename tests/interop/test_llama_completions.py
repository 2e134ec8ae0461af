"""A real engine: text completions and embeddings over llama.cpp's own HTTP server."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async import AsyncClient

from .conftest import LlamaServer

SAYS = "grüße 🦙 from the engine"
GRAMMAR = {"grammar": f'root ::= "{SAYS}"'}


@pytest.fixture
def client(llama_server: LlamaServer) -> AsyncClient:
    """A client of the engine, which checks no key. It is closed by the end of its event loop."""
    return AsyncClient(api_key="unused", base_url=llama_server.base_url, max_retries=2)


async def test_a_completion_is_typed_and_keeps_the_engines_own_fields(client: AsyncClient) -> None:
    """Text, finish reason and usage; `timings`, which only this engine has, is kept."""
    reply = await client.completions.create(model="tiny", prompt="Hello", max_tokens=64, extra_body=GRAMMAR)
    assert (reply.text, reply.choices[0].finish_reason) == (SAYS, "stop")
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert reply.extra["timings"]["predicted_n"] == reply.usage.completion_tokens


async def test_a_stream_folds_to_the_completion_that_is_not_streamed(client: AsyncClient) -> None:
    """Text, finish reason, usage and log probabilities, which this engine has in the form of chat."""
    # Text without a token that is half a character: the engine leaves those out of a stream's figures.
    grammar = {"grammar": 'root ::= "the small red moon and the old ship over the hill at night"'}
    params: dict[str, Any] = {"model": "tiny", "prompt": "the", "max_tokens": 9, "temperature": 0, "logprobs": 2}
    whole = await client.completions.create(**params, extra_body=grammar)
    async with client.completions.stream(**params, extra_body=grammar) as stream:
        pieces = [piece async for piece in stream.text]
        folded = await stream.final()
    assert "".join(pieces) == folded.text == whole.text
    assert folded.choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert folded.usage is not None
    assert whole.usage is not None
    assert folded.usage.completion_tokens == whole.usage.completion_tokens == 9
    for reply in (folded, whole):
        assert reply.choices[0].logprobs is not None
        assert "".join(each["token"] for each in reply.choices[0].logprobs.extra["content"]) == whole.text


async def test_prompts_of_tokens_and_several_prompts_are_taken(client: AsyncClient) -> None:
    """The engine's own tokens go in as they are; of several prompts each has its text."""
    texts = await client.completions.create(model="tiny", prompt=["a", "b"], max_tokens=64, extra_body=GRAMMAR)
    assert [choice.text for choice in texts.choices] == [SAYS, SAYS]
    reply = await client.completions.create(model="tiny", prompt=[300, 301, 302], max_tokens=2)
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2


async def test_a_stop_text_ends_a_completion(client: AsyncClient) -> None:
    """It is not part of the text."""
    reply = await client.completions.create(model="tiny", prompt="x", max_tokens=64, stop=[" from"], extra_body=GRAMMAR)
    assert reply.text == "grüße 🦙"


async def test_embeddings_are_the_same_in_both_encodings(client: AsyncClient) -> None:
    """base64, which is asked for unless told otherwise, and floats: the same vectors, of length 1."""
    packed = await client.embeddings.create(model="tiny", input=["the red moon", "a small ship"])
    plain = await client.embeddings.create(
        model="tiny", input=["the red moon", "a small ship"], encoding_format="float"
    )
    assert packed.usage is not None
    assert packed.usage.prompt_tokens > 0
    assert [item.index for item in packed] == [0, 1]
    for one, other in zip(packed, plain, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-5)
        assert sum(x * x for x in one.embedding) == pytest.approx(1, abs=1e-3)
    raw = await client.embeddings.create(model="tiny", input="the red moon", encoding_format="base64")
    assert isinstance(raw.data[0].embedding, str)
