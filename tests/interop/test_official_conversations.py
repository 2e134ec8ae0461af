"""The official client runs its own way against the emulated conversations."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI, NotFoundError

from openai_async.emulator import Emulator

MODEL = "emulated-mini"


@pytest.fixture
async def official() -> AsyncIterator[AsyncOpenAI]:
    with Emulator().run() as server:
        async with AsyncOpenAI(api_key="sk-test", base_url=server.base_url, max_retries=0) as client:
            yield client


async def test_create_update_and_delete(official: AsyncOpenAI) -> None:
    """A conversation is made, changed and deleted."""
    made = await official.conversations.create(metadata={"a": "b"}, items=[{"role": "user", "content": "one"}])
    assert (await official.conversations.retrieve(made.id)).metadata == {"a": "b"}
    assert (await official.conversations.update(made.id, metadata={"c": "d"})).metadata == {"c": "d"}
    assert (await official.conversations.delete(made.id)).deleted
    with pytest.raises(NotFoundError):
        await official.conversations.retrieve(made.id)


async def test_items_and_turns(official: AsyncOpenAI) -> None:
    """Items are added, listed, found and deleted; responses add their own."""
    conversation = await official.conversations.create()
    added = await official.conversations.items.create(
        conversation.id,
        items=[{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]}],
    )
    reply = await official.responses.create(model=MODEL, input="two", conversation=conversation.id)
    assert reply.conversation is not None
    assert reply.conversation.id == conversation.id
    listed = [item async for item in official.conversations.items.list(conversation.id, order="asc", limit=1)]
    assert [(item.type, getattr(item, "role", None)) for item in listed] == [
        ("message", "user"),
        ("message", "user"),
        ("message", "assistant"),
    ]
    first = added.data[0]
    assert first.type == "message"
    found = await official.conversations.items.retrieve(first.id, conversation_id=conversation.id)
    assert found.type == "message"
    await official.conversations.items.delete(first.id, conversation_id=conversation.id)
    with pytest.raises(NotFoundError):
        await official.conversations.items.retrieve(first.id, conversation_id=conversation.id)
