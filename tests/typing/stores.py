"""What type checkers say of vector stores and assistants. Never run: mypy and pyright, both strict, read it.

A line that must be an error carries a `type: ignore`, which both obey, and which both report when one of them finds
nothing to ignore.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import assert_type

from openai_async import NULL, AsyncClient, AsyncStream, Client, Stream
from openai_async.types.assistants import Assistant, Message, Run, RunEvent, Thread
from openai_async.types.vector_stores import VectorStore, VectorStoreFile, VectorStoreSearchResult


async def vector_stores(client: AsyncClient) -> None:
    stores = client.vector_stores
    assert_type(await stores.create(name="x", file_ids=["f"], timeout=3), VectorStore)
    assert_type(await stores.update("vs", expires_after=NULL), VectorStore)
    assert_type([store async for store in stores.list(order="asc")], list[VectorStore])
    file = await stores.files.upload_and_wait("vs", file=b"x", attributes={"a": 1, "b": True}, max_wait=3)
    assert_type(file, VectorStoreFile)
    found = stores.search("vs", query="x", filters={"type": "and", "filters": [{"type": "eq", "key": "a", "value": 1}]})
    assert_type([result async for result in found], list[VectorStoreSearchResult])
    await stores.files.create("vs")  # type: ignore[call-arg]
    stores.search("vs")  # type: ignore[call-arg]
    await stores.create(files=["f"])  # type: ignore[call-arg]
    await stores.files.create("vs", file_id="f", attributes={"a": []})  # type: ignore[dict-item]


async def assistants(client: AsyncClient) -> None:
    beta = client.beta
    assert_type(await beta.assistants.create(model="m", tools=[{"type": "file_search"}]), Assistant)
    assert_type(await beta.threads.create(messages=[{"role": "user", "content": "x"}]), Thread)
    assert_type([message async for message in beta.threads.messages.list("t")], list[Message])
    runs = beta.threads.runs
    assert_type(await runs.create("t", assistant_id="a"), Run)
    assert_type(await runs.create("t", assistant_id="a", stream=True), AsyncStream[RunEvent, Run])
    async with runs.submit_tool_outputs_stream("r", thread_id="t", tool_outputs=[]) as stream:
        assert_type(await stream.final(), Run)
    await beta.assistants.create(name="x")  # type: ignore[call-arg]
    await runs.create("t")  # type: ignore[call-overload]
    await beta.threads.messages.update("m", thread_id="t", content="x")  # type: ignore[call-arg]


def for_threads(client: Client) -> None:
    assert_type(client.vector_stores.create(), VectorStore)
    assert_type([result.score for result in client.vector_stores.search("vs", query="x")], list[float | None])
    runs = client.beta.threads.runs
    assert_type(runs.wait("r", thread_id="t", max_wait=1), Run)
    assert_type(runs.create("t", assistant_id="a", stream=True), Stream[RunEvent, Run])
