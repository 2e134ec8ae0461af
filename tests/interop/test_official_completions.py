"""The official client, its own way, against the emulator: text completions, embeddings, moderations, stored chats."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from openai_async.emulator import Emulator


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with Emulator().run() as server, openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        yield client


def test_completions_whole_and_streamed(client: openai.OpenAI) -> None:
    """Several prompts, echo, log probabilities; a stream has the same texts."""
    params: dict[str, Any] = {"model": "emulated-mini", "prompt": ["1,2,", "a b"], "n": 2, "echo": True, "logprobs": 2}
    whole = client.completions.create(**params)
    assert [choice.index for choice in whole.choices] == [0, 1, 2, 3]
    assert whole.choices[0].logprobs is not None
    texts = ["", "", "", ""]
    for chunk in client.completions.create(**params, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in whole.choices]
    assert client.completions.create(model="emulated-mini", prompt=[1, 2, 3]).usage.prompt_tokens == 3  # type: ignore[union-attr]
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="emulated-mini", prompt="x", n=3, best_of=2)


def test_embeddings_in_both_encodings(client: openai.OpenAI) -> None:
    """It asks for base64 on its own, as ours does; floats are the same numbers."""
    params: dict[str, Any] = {"model": "emulated-mini", "input": ["one", "two"], "dimensions": 32}
    packed = client.embeddings.create(**params)
    plain = client.embeddings.create(**params, encoding_format="float")
    assert [item.embedding for item in packed.data] == [item.embedding for item in plain.data]
    assert all(math.hypot(*item.embedding) == pytest.approx(1, abs=1e-6) for item in plain.data)
    assert plain.usage.prompt_tokens == 2


def test_moderations(client: openai.OpenAI) -> None:
    """Texts, and parts."""
    reply = client.moderations.create(input=["I will kill you", "hello"], model="omni-moderation-latest")
    assert [result.flagged for result in reply.results] == [True, False]
    assert reply.results[0].categories.violence
    assert reply.results[0].category_scores.violence > 0.5
    parts: Any = [{"type": "text", "text": "hello"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    (result,) = client.moderations.create(input=parts).results
    assert result.category_applied_input_types.violence == ["text", "image"]


def test_stored_chats(client: openai.OpenAI) -> None:
    """Created, listed in pages and by metadata, read with their messages, filed anew, deleted."""
    messages: Any = [{"role": "user", "content": "Hello!"}]
    ids = [
        client.chat.completions.create(
            model="emulated-mini", messages=messages, store=True, metadata={"number": str(number)}
        ).id
        for number in range(3)
    ]
    stored = client.chat.completions
    assert [each.id for each in stored.list(limit=1)] == ids
    assert [each.id for each in stored.list(metadata={"number": "1"})] == [ids[1]]
    assert stored.retrieve(ids[0]).choices[0].message.content
    assert [each.content for each in stored.messages.list(ids[0])] == ["Hello!"]
    assert stored.update(ids[0], metadata={"a": "b"}).id == ids[0]
    assert [each.id for each in stored.list(metadata={"a": "b"})] == [ids[0]]
    assert stored.delete(ids[0]).deleted
    with pytest.raises(openai.NotFoundError):
        stored.retrieve(ids[0])
