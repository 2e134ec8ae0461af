"""Batches at Azure's addresses: the Batch API there takes rows with or without the version, and local ones run too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_async import AsyncAzureClient
from openai_async.batch import RemoteBatchError
from openai_async.emulator import Emulator, Model, Serving
from tests.batch.files import ids, write_lines

DATED = "2024-10-21"
FAST = (0.005, 0.02)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(models=[Model("mine")])


@pytest.fixture
def server(emulator: Emulator) -> Iterator[Serving]:
    with emulator.run() as serving:
        yield serving


def rows(url: str, count: int = 5, model: str = "mine") -> list[dict[str, Any]]:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}
    return [{"custom_id": f"row-{n}", "method": "POST", "url": url, "body": body} for n in range(count)]


def azure(server: Serving, version: str) -> AsyncAzureClient:
    return AsyncAzureClient(azure_endpoint=server.origin, api_version=version, api_key="k", max_retries=0)


@pytest.mark.parametrize("url", ["/chat/completions", "/v1/chat/completions"])
@pytest.mark.parametrize("version", [DATED, "v1"])
async def test_remote(emulator: Emulator, server: Serving, tmp_path: Path, version: str, url: str) -> None:
    """Every row is answered once, in order, over the paths of the version; the next run sends nothing."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_lines(source, rows(url))
    async with azure(server, version) as client:
        summary = await client.batch.remote(source, out, poll=FAST)
        assert (summary.done, summary.failed, summary.complete) == (5, 0, True)
        assert (await client.batch.remote(source, out, poll=FAST)).skipped == 5
    assert ids(out) == [f"row-{n}" for n in range(5)]
    assert len(emulator.batches.listed()) == 1
    base = "/openai/v1" if version == "v1" else "/openai"
    asked = {entry.path for entry in emulator.ledger.entries() if entry.batch_id is None}
    assert {f"{base}/files", f"{base}/batches"} <= asked
    assert all(path.startswith(base) for path in asked)


@pytest.mark.parametrize("url", ["/chat/completions", "/v1/chat/completions"])
@pytest.mark.parametrize("version", [DATED, "v1"])
async def test_local(emulator: Emulator, server: Serving, tmp_path: Path, version: str, url: str) -> None:
    """A local batch sends each row to its deployment."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_lines(source, rows(url))
    async with azure(server, version) as client:
        summary = await client.batch.run(source, out)
    assert (summary.done, summary.failed) == (5, 0)
    assert sorted(ids(out)) == [f"row-{n}" for n in range(5)]
    path = "/openai/v1/chat/completions" if version == "v1" else "/openai/deployments/mine/chat/completions"
    assert {entry.path for entry in emulator.ledger.entries()} == {path}


async def test_a_deployment_that_is_not_there(server: Serving, tmp_path: Path) -> None:
    """The batch fails with the reason, and OUT stays as it was."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_lines(source, rows("/chat/completions", model="other"))
    async with azure(server, DATED) as client:
        with pytest.raises(RemoteBatchError, match="other"):
            await client.batch.remote(source, out, poll=FAST)
