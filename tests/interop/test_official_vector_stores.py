"""The official client's way through the emulated vector stores: create, list, poll, search, delete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from openai_async.emulator import Emulator


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    with (
        Emulator().run() as server,
        openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client,
    ):
        yield client


def valid(value: Any) -> Any:
    """The official model accepts what the emulator said, down to its enumerations."""
    type(value).model_validate(value.to_dict())
    return value


def test_a_store_is_made_filled_searched_and_deleted(client: openai.OpenAI) -> None:
    """The official helpers upload and poll; results are ranked; what was deleted is gone."""
    stores = client.vector_stores
    store = valid(stores.create(name="zoo", metadata={"a": "b"}, expires_after={"anchor": "last_active_at", "days": 2}))
    fox = stores.files.upload_and_poll(vector_store_id=store.id, file=("fox.txt", b"the quick brown fox jumps"))
    assert (valid(fox).status, fox.last_error, fox.usage_bytes) == ("completed", None, 25)
    uploaded = client.files.create(file=("hen.txt", b"a hen lays eggs in the yard"), purpose="assistants")
    hen = stores.files.create_and_poll(uploaded.id, vector_store_id=store.id, attributes={"kind": "bird", "legs": 2})
    assert (valid(hen).status, hen.attributes) == ("completed", {"kind": "bird", "legs": 2})

    found = [valid(hit) for hit in stores.search(store.id, query="the quick fox")]
    assert [hit.filename for hit in found] == ["fox.txt", "hen.txt"]
    assert 1 > found[0].score > found[1].score > 0
    birds = stores.search(store.id, query="the", filters={"type": "eq", "key": "kind", "value": "bird"})
    assert [hit.content[0].text for hit in birds] == ["a hen lays eggs in the yard"]
    assert len(list(stores.search(store.id, query="the", max_num_results=1))) == 1

    assert {file.id for file in stores.files.list(store.id, filter="completed")} == {fox.id, hen.id}
    assert [part.text for part in stores.files.content(hen.id, vector_store_id=store.id)] == [
        "a hen lays eggs in the yard"
    ]
    assert stores.files.update(hen.id, vector_store_id=store.id, attributes={"kind": "x"}).attributes == {"kind": "x"}
    assert stores.files.delete(hen.id, vector_store_id=store.id).deleted
    kept = valid(stores.retrieve(store.id))
    assert (kept.name, kept.status, kept.file_counts.total, kept.metadata) == ("zoo", "completed", 1, {"a": "b"})
    assert valid(stores.update(store.id, name="ark")).name == "ark"
    assert [one.name for one in stores.list(limit=1)] == ["ark"]
    assert stores.delete(store.id).deleted
    with pytest.raises(openai.NotFoundError):
        stores.retrieve(store.id)
    assert client.files.retrieve(hen.id).id == hen.id


def test_batches_of_files_are_polled_and_cancelled(client: openai.OpenAI) -> None:
    """Counts add up, a file that is no text fails alone, and a cancelled batch processes nothing more."""
    batches = client.vector_stores.file_batches
    store = client.vector_stores.create()
    batch = batches.upload_and_poll(store.id, files=[("a.txt", b"text"), ("b.bin", b"\xff\xfe\x00\xff")])
    assert valid(batch).status == "completed"
    assert (batch.file_counts.completed, batch.file_counts.failed, batch.file_counts.total) == (1, 1, 2)
    failed = next(iter(batches.list_files(batch.id, vector_store_id=store.id, filter="failed")))
    assert valid(failed).last_error.code == "unsupported_file"
    waiting = batches.create(store.id, files=[{"file_id": failed.id, "attributes": {"n": 1}}])
    assert waiting.status == "in_progress"
    assert batches.cancel(waiting.id, vector_store_id=store.id).file_counts.cancelled == 1
    assert batches.poll(waiting.id, vector_store_id=store.id).status == "cancelled"
