"""Fixtures of the batch tests: an emulator, and batches that run against it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_async import AsyncClient
from openai_async.batch import BatchSummary
from openai_async.emulator import Emulator, Serving


class Place:
    """A directory with IN and OUT, and a batch between them."""

    def __init__(self, directory: Path, client: AsyncClient) -> None:
        self.source = directory / "in.jsonl"
        self.out = directory / "out.jsonl"
        self.batch = client.batch

    async def run(self, **options: Any) -> BatchSummary:
        return await self.batch.run(self.source, self.out, **options)


@pytest.fixture
def emulator() -> Emulator:
    """The service that batches are sent to."""
    return Emulator(any_model=False)


@pytest.fixture
def server(emulator: Emulator) -> Iterator[Serving]:
    with emulator.run() as serving:
        yield serving


@pytest.fixture
async def client(server: Serving) -> AsyncIterator[AsyncClient]:
    """A client of it that does not try again."""
    async with AsyncClient(api_key="sk-invented", base_url=server.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def place(tmp_path: Path, client: AsyncClient) -> Place:
    return Place(tmp_path, client)
