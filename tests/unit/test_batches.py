"""Batches of the API, call by call: created, listed, waited for and cancelled."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from openai_async import (
    AsyncClient,
    BadRequestError,
    Client,
    ConflictError,
    InvalidParameterError,
    NotFoundError,
    WaitTimeoutError,
    validate_jsonl,
)
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, json_reply
from openai_async.types.batches import Batch

STATED: dict[str, Any] = {"endpoint": "/v1/chat/completions"}


def rows(count: int, **changed: Any) -> bytes:
    body = {"model": "small", "messages": [{"role": "user", "content": "Hello!"}]}
    row = {"method": "POST", "url": "/v1/chat/completions", "body": body, **changed}
    return b"".join(json.dumps({"custom_id": f"r{number}", **row}).encode() + b"\n" for number in range(count))


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(any_model=True)


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[AsyncClient]:
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            yield client


async def uploaded(client: AsyncClient, content: bytes) -> str:
    return (await client.files.create(file=("in.jsonl", content), purpose="batch")).id


async def test_a_batch_runs_to_its_end(client: AsyncClient) -> None:
    """Created, waited for, and its answers downloaded; each state on the way is shown."""
    content = rows(5)
    assert [*validate_jsonl(content.splitlines(), "batch")] == []
    file_id = await uploaded(client, content)
    batch = await client.batches.create(input_file_id=file_id, metadata={"job": "mine"}, **STATED)
    assert (batch.input_file_id, batch.completion_window, batch.metadata) == (file_id, "24h", {"job": "mine"})
    assert batch.created_at
    seen: list[Batch] = []
    done = await client.batches.wait(batch.id, poll_interval=0.005, max_wait=30, on_poll=seen.append)
    assert (done.status, done.ended, seen[-1]) == ("completed", True, done)
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (5, 5, 0)
    assert done.usage is not None
    assert done.usage["total_tokens"] > 0
    assert done.output_file_id is not None
    answers = (await client.files.content(done.output_file_id)).text.splitlines()
    assert sorted(json.loads(answer)["custom_id"] for answer in answers) == [f"r{number}" for number in range(5)]


async def test_a_batch_whose_file_is_wrong_fails_and_says_where(client: AsyncClient) -> None:
    """Its errors name the lines, as the validator does before."""
    content = rows(2) + rows(1)
    assert [problem.number for problem in validate_jsonl(content.splitlines(), "batch")] == [3]
    batch = await client.batches.create(input_file_id=await uploaded(client, content), **STATED)
    done = await client.batches.wait(batch.id, poll_interval=0.005, max_wait=30)
    assert done.status == "failed"
    assert done.errors is not None
    assert done.errors.data is not None
    assert [(error.line, error.code) for error in done.errors.data] == [(3, "duplicate_custom_id")]


async def test_a_batch_is_cancelled(emulator: Emulator, client: AsyncClient) -> None:
    """It ends as cancelled; one that has ended cannot be."""
    emulator.batch_delay = 60.0
    batch = await client.batches.create(input_file_id=await uploaded(client, rows(3)), **STATED)
    with pytest.raises(WaitTimeoutError) as caught:
        await client.batches.wait(batch.id, max_wait=0.02, poll_interval=0.005)
    assert not caught.value.last.ended
    assert (await client.batches.cancel(batch.id)).status in ("cancelling", "cancelled")
    assert (await client.batches.wait(batch.id, poll_interval=0.005, max_wait=30)).status == "cancelled"
    emulator.batch_delay = 0.0
    other = await client.batches.create(input_file_id=await uploaded(client, rows(1)), **STATED)
    await client.batches.wait(other.id, poll_interval=0.005, max_wait=30)
    with pytest.raises(ConflictError):
        await client.batches.cancel(other.id)


async def test_batches_are_listed_the_newest_first(client: AsyncClient) -> None:
    """Over any number of pages."""
    file_id = await uploaded(client, rows(1))
    made = [(await client.batches.create(input_file_id=file_id, **STATED)).id for _ in range(5)]
    assert [batch.id async for batch in client.batches.list(limit=2)] == made[::-1]
    first = await client.batches.list(limit=2)
    assert ([batch.id for batch in first], first.has_more) == (made[:2:-1], True)
    assert [batch.id for batch in await client.batches.list(after=made[1])] == [made[0]]


async def test_what_is_wrong_is_refused(client: AsyncClient) -> None:
    """By the API in its words, and by the client before anything is sent."""
    with pytest.raises(BadRequestError) as caught:
        await client.batches.create(input_file_id="file-1", endpoint="/v1/nothing")
    assert caught.value.param == "endpoint"
    with pytest.raises(NotFoundError):
        await client.batches.retrieve("batch_none")
    for call in (client.batches.retrieve, client.batches.cancel, client.batches.wait):
        with pytest.raises(InvalidParameterError):
            await call("../files")
    with pytest.raises(InvalidParameterError):
        await client.batches.wait("batch_none", max_wait=-1)


def test_threads_do_the_same(emulator: Emulator) -> None:
    """The synchronous client has the same methods, with the same results."""
    with emulator.run() as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        file = client.files.create(file=("in.jsonl", rows(2)), purpose="batch")
        batch = client.batches.create(input_file_id=file.id, **STATED)
        done = client.batches.wait(batch.id, poll_interval=0.005, max_wait=30)
        assert done.status == "completed"
        assert [found.id for found in client.batches.list()] == [batch.id]
        assert client.batches.retrieve(batch.id) == done


async def test_a_batch_of_tomorrow_is_a_batch() -> None:
    """Fields more and fewer, and nulls are read and kept. A state that is not known ends a wait: none is endless."""
    odd = {"id": "b", "status": "dreaming", "errors": {"data": None}, "request_counts": None, "mood": 1}
    with FaultServer([json_reply(odd)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            batch = await client.batches.retrieve("b")
    assert (batch.status, batch.ended, batch.request_counts, batch.extra) == ("dreaming", True, None, {"mood": 1})
    assert batch.errors is not None
    assert batch.errors.data is None
