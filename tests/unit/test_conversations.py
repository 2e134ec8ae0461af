"""`client.conversations` against the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from openai_async import AsyncClient, Client, InvalidParameterError, NotFoundError
from openai_async.emulator import Emulator, Latency
from openai_async.errors import BadRequestError
from openai_async.testing import FaultServer, json_reply

MODEL = "emulated-mini"


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    with Emulator().run() as server:
        async with AsyncClient(api_key="sk-test", base_url=server.base_url, trust_env=False, max_retries=0) as client:
            yield client


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


async def test_a_conversation_lives(client: AsyncClient) -> None:
    """Create, look up, change, delete."""
    made = await client.conversations.create(metadata={"topic": "rain"}, items=[said("one")])
    assert (made.object, made.metadata) == ("conversation", {"topic": "rain"})
    assert await client.conversations.retrieve(made.id) == made
    assert (await client.conversations.update(made.id, metadata={})).metadata == {}
    assert (await client.conversations.delete(made.id)).deleted
    with pytest.raises(NotFoundError):
        await client.conversations.retrieve(made.id)


async def test_items_come_and_go(client: AsyncClient) -> None:
    """Added, listed in both orders and in pages, found and deleted one by one."""
    conversation = await client.conversations.create()
    added = await client.conversations.items.create(conversation.id, items=[said(str(number)) for number in range(5)])
    assert [item.text for item in added] == [str(number) for number in range(5)]
    assert (added.first_id, added.last_id, len(added)) == (added.data[0].id, added.data[-1].id, 5)
    listing = client.conversations.items.list
    assert [item.text async for item in listing(conversation.id, limit=2)] == ["4", "3", "2", "1", "0"]
    assert [item.text async for item in listing(conversation.id, limit=2, order="asc")] == ["0", "1", "2", "3", "4"]
    assert [item.text async for item in listing(conversation.id, after=added.data[1].id)] == ["0"]
    gone = added.data[2].id or ""
    item = await client.conversations.items.retrieve(gone, conversation_id=conversation.id)
    assert (item.text, bool(item.request_id)) == ("2", True)
    assert (
        await client.conversations.items.delete(conversation_id=conversation.id, item_id=gone)
    ).id == conversation.id
    assert [item.text async for item in listing(conversation.id)] == ["4", "3", "1", "0"]
    with pytest.raises(NotFoundError):
        await client.conversations.items.retrieve(gone, conversation_id=conversation.id)


async def test_responses_add_their_turns(client: AsyncClient) -> None:
    """Whole, streamed or in the background: each turn goes on from all before it."""
    conversation = await client.conversations.create(items=[said("Begin.")])
    create, used = client.responses.create, list[int]()
    one = await create(model=MODEL, input="One.", conversation=conversation.id)
    async with client.responses.stream(model=MODEL, input="Two.", conversation={"id": conversation.id}) as stream:
        two = await stream.final()
    three = await create(model=MODEL, input="Three.", conversation=conversation.id, background=True)
    three = await client.responses.wait(three.id)
    for reply in (one, two, three):
        assert reply.usage is not None
        assert reply.conversation is not None
        assert reply.conversation.id == conversation.id
        used.append(reply.usage.input_tokens)
    assert used == sorted(set(used))
    items = await client.conversations.items.list(conversation.id, order="asc")
    expected = ["Begin.", "One.", one.output_text, "Two.", two.output_text, "Three.", three.output_text]
    assert [item.text for item in items] == expected


async def test_a_stream_that_is_left_adds_nothing() -> None:
    """A turn counts when it is whole."""
    with Emulator(latency=Latency(tokens_per_second=1e-6)).run() as server:
        async with AsyncClient(api_key="sk-test", base_url=server.base_url, trust_env=False) as client:
            conversation = await client.conversations.create()
            async with client.responses.stream(model=MODEL, input="One.", conversation=conversation.id) as stream:
                assert (await anext(stream)).type == "response.created"
            assert [item async for item in client.conversations.items.list(conversation.id)] == []


async def test_a_turn_is_added_once_and_only_when_it_has_ended() -> None:
    """Items of a turn that were deleted stay away; a turn that was cancelled never comes."""
    now = [0.0]
    with Emulator(latency=Latency(first_token=10.0), clock=lambda: now[0]).run() as server:
        async with AsyncClient(api_key="sk-test", base_url=server.base_url, trust_env=False) as client:
            conversation = await client.conversations.create()
            listing = client.conversations.items.list
            asked = [
                await client.responses.create(model=MODEL, input=text, conversation=conversation.id, background=True)
                for text in ("One.", "Two.")
            ]
            assert [item async for item in listing(conversation.id)] == []
            await client.responses.cancel(asked[1].id)
            now[0] = 60.0
            answer, question = [item async for item in listing(conversation.id)]
            assert (question.text, answer.text) == ("One.", (await client.responses.retrieve(asked[0].id)).output_text)
            await client.conversations.items.delete(answer.id or "", conversation_id=conversation.id)
            assert [item.text async for item in listing(conversation.id)] == ["One."]


async def test_what_cannot_be_is_refused(client: AsyncClient) -> None:
    """Items that are none, before anything is sent; too many, and unknown conversations, by the server."""
    with FaultServer([json_reply({"id": "conv_1"})]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as unheard:
            for items in ("text", {"role": "user"}, ["text"], iter([said("x")])):
                with pytest.raises(InvalidParameterError):
                    await unheard.conversations.create(items=items)  # type: ignore[arg-type]
                with pytest.raises(InvalidParameterError):
                    await unheard.conversations.items.create("conv_1", items=items)  # type: ignore[arg-type]
        assert not server.requests
    with pytest.raises(BadRequestError):
        await client.conversations.create(items=[said("x")] * 21)
    with pytest.raises(NotFoundError):
        await client.responses.create(model=MODEL, input="x", conversation="conv_gone")


def test_threads_have_the_same() -> None:
    """Create, add, list, delete."""
    with Emulator().run() as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        conversation = client.conversations.create(items=[said("one")])
        client.conversations.items.create(conversation.id, items=[said("two")])
        items = list(client.conversations.items.list(conversation.id))
        assert [item.text for item in items] == ["two", "one"]
        client.conversations.items.delete(items[0].id or "", conversation_id=conversation.id)
        assert [item.text for item in client.conversations.items.list(conversation.id)] == ["one"]
        assert client.conversations.delete(conversation.id).deleted
