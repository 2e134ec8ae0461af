"""Stored chat completions: kept when asked for, found by metadata, filed anew, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from openai_async import NULL, AsyncClient, NotFoundError
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, json_reply

SAID: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hello!"}], "name": "ann"},
]


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    with Emulator().run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            yield client


async def stored(client: AsyncClient, **params: Any) -> Any:
    return await client.chat.completions.create(model="emulated-mini", messages=SAID, store=True, **params)


async def test_a_stored_completion_is_what_was_given(client: AsyncClient) -> None:
    """The same choices and usage, with its metadata; one that was not to be stored is not there."""
    reply = await stored(client, metadata={"team": "a"}, temperature=0.5)
    kept = await client.chat.completions.retrieve(reply.id)
    assert (kept.choices, kept.usage, kept.model) == (reply.choices, reply.usage, reply.model)
    assert kept.metadata == {"team": "a"}
    assert kept.extra["temperature"] == 0.5
    other = await client.chat.completions.create(model="emulated-mini", messages=SAID)
    with pytest.raises(NotFoundError):
        await client.chat.completions.retrieve(completion_id=other.id)


async def test_a_streamed_completion_is_stored_whole(client: AsyncClient) -> None:
    """`store=True` and a stream: what is kept is what the stream folds to."""
    async with client.chat.completions.stream(model="emulated-mini", messages=SAID, store=True, n=2) as stream:
        folded = await stream.final()
    kept = await client.chat.completions.retrieve(folded.id)
    assert [choice.message.content for choice in kept.choices] == [choice.message.content for choice in folded.choices]
    assert (kept.object, kept.usage) == ("chat.completion", folded.usage)


async def test_stored_completions_are_listed_in_pages_and_by_what_they_are_filed_under(client: AsyncClient) -> None:
    """Oldest first or newest first, page after page, by metadata and by model."""
    replies = [await stored(client, metadata={"number": str(number % 2)}, seed=number) for number in range(5)]
    ids = [reply.id for reply in replies]
    listing = client.chat.completions.list
    assert [each.id async for each in listing(limit=2)] == ids
    assert [each.id async for each in listing(limit=2, order="desc")] == ids[::-1]
    assert [each.id async for each in listing(metadata={"number": "1"})] == [ids[1], ids[3]]
    assert [each.id async for each in listing(model="emulated-mini")] == ids
    assert len(await listing(model="emulated-large")) == 0


async def test_messages_of_a_stored_completion_are_listed(client: AsyncClient) -> None:
    """In their order, each with an id; content that came in parts is in parts."""
    reply = await stored(client)
    messages = await client.chat.completions.messages.list(reply.id, limit=1).collect()
    assert [(each.role, each.content, each.name) for each in messages] == [
        ("system", "Be brief.", None),
        ("user", None, "ann"),
    ]
    assert messages[1].content_parts == SAID[1]["content"]
    assert len({each.id for each in messages}) == 2


async def test_metadata_is_all_that_changes(client: AsyncClient) -> None:
    """Given anew, and taken away by a null; a deleted completion is gone with its messages."""
    reply = await stored(client, metadata={"a": "b"})
    changed = await client.chat.completions.update(reply.id, metadata={"c": "d"})
    assert (changed.metadata, changed.choices) == ({"c": "d"}, reply.choices)
    assert not (await client.chat.completions.update(reply.id, metadata=NULL)).metadata
    gone = await client.chat.completions.delete(reply.id)
    assert (gone.id, gone.deleted, gone.object) == (reply.id, True, "chat.completion.deleted")
    for call in (client.chat.completions.retrieve, client.chat.completions.delete):
        with pytest.raises(NotFoundError):
            await call(reply.id)
    with pytest.raises(NotFoundError):
        await client.chat.completions.messages.list(reply.id)


async def test_nulls_and_unknown_fields_are_read() -> None:
    """Metadata that is null, fields of tomorrow."""
    body = {"id": "c", "choices": [], "metadata": None, "input_user": "x", "object": "chat.completion.of_tomorrow"}
    with FaultServer([json_reply(body)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            found = await client.chat.completions.retrieve("c")
    assert (found.metadata, found.extra, found.object) == (None, {"input_user": "x"}, "chat.completion.of_tomorrow")
