"""Vector stores: made, filled, waited for, searched and deleted, over sockets and with both faces."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from openai_async import AsyncClient, Client
from openai_async.emulator import Emulator
from openai_async.errors import BadRequestError, InvalidParameterError, NotFoundError, WaitTimeoutError
from openai_async.testing import FaultServer, json_reply
from openai_async.types.settings import NULL


@pytest.fixture
def emulated() -> Iterator[str]:
    with Emulator().run() as server:
        yield server.base_url


@pytest.fixture
async def client(emulated: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(api_key="k", base_url=emulated, max_retries=0, trust_env=False) as client:
        yield client


async def test_a_store_is_changed_listed_and_deleted(client: AsyncClient) -> None:
    """What is not given stays, NULL takes away; lists go over pages in both orders, and from both sides."""
    stores = client.vector_stores
    made = [await stores.create(name=str(number), metadata={"n": "1"}) for number in range(5)]
    changed = await stores.update(made[0].id, name="zero", expires_after={"anchor": "last_active_at", "days": 3})
    assert (changed.name, changed.metadata) == ("zero", {"n": "1"})
    assert changed.expires_after is not None
    assert changed.last_active_at is not None
    assert (changed.expires_after.days, changed.expires_at) == (3, changed.last_active_at + 3 * 86_400)
    assert (await stores.update(made[0].id, expires_after=NULL)).expires_at is None
    assert [store.name async for store in stores.list(limit=2)] == ["4", "3", "2", "1", "zero"]
    assert [store.name async for store in stores.list(limit=2, order="asc")] == ["zero", "1", "2", "3", "4"]
    page = await stores.list(limit=2, before=made[1].id)
    assert [store.name for store in page] == ["3", "2"]
    gone = await stores.delete(made[0].id)
    assert (gone.id, gone.deleted, gone.object) == (made[0].id, True, "vector_store.deleted")
    with pytest.raises(NotFoundError):
        await stores.retrieve(made[0].id)


async def test_files_are_uploaded_and_waited_for(client: AsyncClient) -> None:
    """One call uploads, attaches and waits; each state is told; a file that fails says why."""
    store = await client.vector_stores.create()
    files = client.vector_stores.files
    states: list[str | None] = []
    file = await files.upload_and_wait(
        store.id,
        file=("a.txt", b"some text"),
        attributes={"year": 2026, "draft": False},
        chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}},
        on_poll=lambda state: states.append(state.status),
        deadline=30,
    )
    assert states == ["in_progress", "completed"]
    assert (file.attributes, file.usage_bytes) == ({"year": 2026, "draft": False}, 9)
    assert file.chunking_strategy is not None
    assert file.chunking_strategy.static.max_chunk_size_tokens == 100
    assert [part.text async for part in files.content(file.id, vector_store_id=store.id)] == ["some text"]
    failed = await files.upload_and_wait(store.id, file=("b.bin", b"\xff\xfe"))
    assert failed.status == "failed"
    assert failed.last_error is not None
    assert failed.last_error.code == "unsupported_file"
    assert [one.id async for one in files.list(store.id, filter="failed")] == [failed.id]
    assert (await files.update(file.id, vector_store_id=store.id, attributes={"year": 1})).attributes == {"year": 1}
    again = await files.create_and_wait(store.id, file_id=file.id)
    assert (again.id, again.status) == (file.id, "completed")
    assert (await files.delete(file.id, vector_store_id=store.id)).object == "vector_store.file.deleted"
    with pytest.raises(NotFoundError):
        await files.retrieve(file.id, vector_store_id=store.id)


async def test_a_wait_ends_in_time() -> None:
    """A file, or a batch, that is still processed is an error that carries its state."""
    with FaultServer(lambda request: json_reply({"id": "x", "status": "in_progress"})) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0, trust_env=False) as client:
            stores = client.vector_stores
            for wait in (stores.files.wait, stores.file_batches.wait):
                with pytest.raises(WaitTimeoutError) as caught:
                    await wait("x", vector_store_id="vs", max_wait=0.01, poll_interval=0.001)
                assert caught.value.last.status == "in_progress"


async def test_many_files_are_attached_together(client: AsyncClient) -> None:
    """Uploads run at the same time and keep their order; settings are for all files, or for each."""
    store = await client.vector_stores.create()
    batches = client.vector_stores.file_batches
    earlier = await client.files.create(file=("z.txt", b"earlier"), purpose="assistants")
    batch = await batches.upload_and_wait(
        store.id,
        files=[(f"{number}.txt", b"text") for number in range(8)],
        file_ids=[earlier.id],
        max_in_flight=3,
        attributes={"all": True},
    )
    assert batch.status == "completed"
    assert batch.file_counts is not None
    assert (batch.file_counts.completed, batch.file_counts.total) == (9, 9)
    listed = await batches.list_files(batch.id, vector_store_id=store.id, order="asc", limit=3).collect()
    assert [file.attributes for file in listed] == [{"all": True}] * 9
    assert listed[0].id == earlier.id
    names = [(await client.files.retrieve(file.id)).filename for file in listed[1:]]
    assert names == [f"{number}.txt" for number in range(8)]
    each = await batches.create_and_wait(store.id, files=[{"file_id": earlier.id, "attributes": {"own": 1}}])
    assert [file.attributes async for file in batches.list_files(each.id, vector_store_id=store.id)] == [{"own": 1}]
    waiting = await batches.create(store.id, file_ids=[earlier.id])
    assert (await batches.cancel(waiting.id, vector_store_id=store.id)).status == "cancelled"
    assert (await batches.wait(waiting.id, vector_store_id=store.id)).status == "cancelled"
    with pytest.raises(BadRequestError):
        await batches.cancel(waiting.id, vector_store_id=store.id)


async def test_the_first_upload_that_fails_ends_the_others(client: AsyncClient) -> None:
    """Nothing is attached then."""
    store = await client.vector_stores.create()
    with pytest.raises(BadRequestError):
        await client.vector_stores.file_batches.upload_and_wait(
            store.id, files=[("a.txt", b"a"), ("b.txt", b"b")], extra_headers={"content-type": "multipart/form-data"}
        )
    assert (await client.vector_stores.retrieve(store.id)).file_counts == type(store.file_counts)(total=0)


async def test_a_search_gives_the_best_parts_first(client: AsyncClient) -> None:
    """Scores fall, bounds hold, filters choose files, and the query is part of the page."""
    store = await client.vector_stores.create()
    for name, text, year in (("a", "red red fish", 1), ("b", "red bird", 2), ("c", "green bird", 3)):
        await client.vector_stores.files.upload_and_wait(
            store.id, file=(f"{name}.txt", text.encode()), attributes={"year": year}
        )

    async def names(**params: Any) -> str:
        results = await client.vector_stores.search(store.id, **params).collect()
        scores = [result.score or 0 for result in results]
        assert scores == sorted(scores, reverse=True)
        return "".join((result.filename or "")[0] for result in results)

    assert await names(query="red fish") == "ab"
    assert await names(query=["green", "bird"]) == "cb"
    assert await names(query="green bird", max_num_results=1) == "c"
    assert await names(query="red fish", ranking_options={"score_threshold": 0.5}) == "a"
    assert await names(query="blue") == ""
    for filters, expected in (
        ({"type": "gte", "key": "year", "value": 2}, "bc"),
        ({"type": "ne", "key": "year", "value": 2}, "ac"),
        ({"type": "in", "key": "year", "value": [1, 3]}, "ac"),
        (
            {
                "type": "or",
                "filters": [{"type": "lt", "key": "year", "value": 2}, {"type": "eq", "key": "x", "value": 1}],
            },
            "a",
        ),
        ({"type": "gt", "key": "year", "value": "2"}, ""),
    ):
        assert sorted(await names(query="red green", filters=filters)) == sorted(expected), filters
    page = await client.vector_stores.search(store.id, query="red fish")
    assert page.extra["search_query"] == ["red fish"]
    assert page.data[0].text == "red red fish"


async def test_what_cannot_be_right_is_not_sent() -> None:
    """Empty ids, a single id where a list belongs, no query, neither or both kinds of files."""
    async with AsyncClient(api_key="k", base_url="http://127.0.0.1:9", max_retries=0) as client:
        stores = client.vector_stores
        bad: Any = "file_1"
        for field, call in (
            ("vector_store_id", lambda: stores.retrieve("")),
            ("file_id", lambda: stores.files.retrieve("..", vector_store_id="vs")),
            ("file_id", lambda: stores.files.create("vs", file_id="")),
            ("file_ids", lambda: stores.create(file_ids=bad)),
            ("file_ids", lambda: stores.file_batches.create("vs")),
            ("file_ids", lambda: stores.file_batches.create("vs", file_ids=["a"], files=[{"file_id": "b"}])),
            ("query", lambda: stores.search("vs", query="").collect()),
            ("max_wait", lambda: stores.files.wait("f", vector_store_id="vs", max_wait=-1)),
            ("max_wait", lambda: stores.files.create_and_wait("vs", file_id="f", max_wait=-1)),
            ("poll_interval", lambda: stores.files.upload_and_wait("vs", file=b"f", poll_interval=0)),
            ("max_wait", lambda: stores.file_batches.create_and_wait("vs", file_ids=["f"], max_wait=-1)),
            ("max_wait", lambda: stores.file_batches.upload_and_wait("vs", files=[b"f"], max_wait=-1)),
            ("file_ids", lambda: stores.file_batches.upload_and_wait("vs", files=[b"f"], file_ids=bad)),
        ):
            with pytest.raises(InvalidParameterError) as caught:
                await call()
            assert caught.value.field == field


async def test_replies_of_other_servers_are_read() -> None:
    """Nulls, states of tomorrow and unknown fields are values; an unknown state ends a wait."""
    odd = {
        "id": "x",
        "status": "polishing",
        "file_counts": {"completed": 1, "polished": 2},
        "expires_after": {"anchor": "tomorrow", "weeks": 1},
        "attributes": None,
        "shade": "blue",
    }
    with FaultServer(lambda request: json_reply(odd)) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0, trust_env=False) as client:
            store = await client.vector_stores.retrieve("x")
            assert store.file_counts is not None
            assert (store.status, store.extra, store.file_counts.extra) == (
                "polishing",
                {"attributes": None, "shade": "blue"},
                {"polished": 2},
            )
            assert store.expires_after is not None
            assert (store.expires_after.weeks, store.to_dict()["expires_after"]) == (1, odd["expires_after"])
            assert (await client.vector_stores.files.wait("y", vector_store_id="x")).attributes is None
            sent = server.requests[-1]
            assert sent.header("openai-beta") == "assistants=v2"
            await client.vector_stores.files.create("x", file_id="y", attributes={"a": 1}, extra_body={"b": 2})
            assert json.loads(server.requests[-1].body) == {"file_id": "y", "attributes": {"a": 1}, "b": 2}


def test_threads_have_the_same(emulated: str) -> None:
    """The synchronous face uploads, waits, searches and lists."""
    with Client(api_key="k", base_url=emulated, trust_env=False) as client:
        store = client.vector_stores.create(name="s")
        file = client.vector_stores.files.upload_and_wait(store.id, file=("a.txt", b"red fish"))
        assert [hit.file_id for hit in client.vector_stores.search(store.id, query="fish")] == [file.id]
        assert client.vector_stores.file_batches.create_and_wait(store.id, file_ids=[file.id]).status == "completed"
        assert [one.name for one in client.vector_stores.list()] == ["s"]
