"""Batch APIs that differ from the documented one: what was paid for reaches OUT, and is paid for once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from openai_async import AsyncClient
from openai_async.batch import BatchLockedError, BatchSummary, RemoteBatchError
from openai_async.testing import FaultServer, Request, Script, json_reply, respond
from tests.batch.files import read_lines, write_lines

FAST = (0.005, 0.02)
REFUSED_FILE = "The file is not in the processed state"


def row(number: int) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": f"Say {number}."}]}
    return {"custom_id": f"r{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


def answered(custom_id: str) -> dict[str, Any]:
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return {
        "id": "x",
        "custom_id": custom_id,
        "response": {"status_code": 200, "request_id": "r", "body": body},
        "error": None,
    }


def lines(objects: Iterable[object]) -> bytes:
    return b"".join(json.dumps(found).encode() + b"\n" for found in objects)


@attrs.define
class OddBatchApi:
    """Answers like the Batch API, but for what is set here. Every batch has ended when it is first asked for."""

    #: Fields of the batch that has ended; they win.
    ended: dict[str, Any] = attrs.field(factory=dict[str, Any])
    #: States of the uploaded file, one for each look; the last one stays.
    file_states: list[str] = attrs.field(factory=lambda: ["processed"])
    #: Refusals of creating a batch before one is accepted.
    refusals: list[Script] = attrs.field(factory=list[Script])
    #: Looks at a file of results that find nothing.
    missing: int = 0
    extra_lines: bytes = b""
    uploads: int = 0
    created: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    looks: Counter[str] = attrs.field(factory=Counter[str])
    _ids: list[str] = attrs.field(factory=list[str])

    def __call__(self, request: Request) -> Script:
        path = request.target.partition("?")[0].removeprefix("/v1")
        name = f"{request.method} {path}"
        self.looks[name] += 1
        if name == "POST /files":
            self.uploads += 1
            self._ids = [f"r{number}" for number in range(3) if f'"r{number}"'.encode() in request.body]
            return json_reply(self._file())
        if name == "GET /files/file-in":
            return json_reply(self._file())
        if name == "POST /batches":
            if self.refusals:
                return self.refusals.pop(0)
            self.created.append(json.loads(request.body))
            return json_reply(self._batch("validating"))
        if name in ("GET /files", "GET /batches"):
            known = [self._batch("completed")] if self.created and name == "GET /batches" else []
            return json_reply({"object": "list", "data": known, "has_more": False})
        if path.startswith("/batches/"):
            return json_reply({**self._batch("completed"), "output_file_id": "file-out", **self.ended})
        if self.missing:
            self.missing -= 1
            return json_reply({"error": {"message": "No such File object", "code": None}}, 404)
        return respond(200, lines(map(answered, self._ids)) + self.extra_lines)

    def _file(self) -> dict[str, Any]:
        status = self.file_states.pop(0) if len(self.file_states) > 1 else self.file_states[0]
        return {"id": "file-in", "object": "file", "bytes": 1, "filename": "x", "purpose": "batch", "status": status}

    def _batch(self, status: str) -> dict[str, Any]:
        metadata = self.created[-1]["metadata"]
        return {"id": f"batch_{len(self.created)}", "object": "batch", "status": status, "metadata": metadata}


Run = Callable[[OddBatchApi], Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    source = write_lines(tmp_path / "in.jsonl", [row(number) for number in range(3)])

    async def run_once(api: OddBatchApi) -> BatchSummary:
        with FaultServer(api) as server:
            async with AsyncClient(api_key="sk-invented", base_url=server.base_url, max_retries=0) as client:
                return await client.batch.remote(source, tmp_path / "out.jsonl", poll=FAST)

    return run_once


@pytest.mark.parametrize("nothing", ["", [], {}], ids=repr)
async def test_an_empty_error_file_is_no_error_file(run: Run, nothing: object) -> None:
    """The answers of a batch are collected, whatever the server writes for "no file" and "no errors"."""
    summary = await run(OddBatchApi(ended={"error_file_id": nothing, "errors": nothing, "request_counts": nothing}))
    assert summary.ok


async def test_a_file_that_is_processed_later_is_waited_for(run: Run) -> None:
    """A batch is created once its file is processed; the file is uploaded once."""
    api = OddBatchApi(file_states=["pending", "pending", "running", "processed"])
    assert (await run(api)).ok
    assert (api.uploads, len(api.created), api.looks["GET /files/file-in"]) == (1, 1, 3)


async def test_a_refusal_for_a_file_that_is_not_ready_is_tried_again(run: Run) -> None:
    """A server that refuses a file which it calls processed is asked again, with the same file."""
    api = OddBatchApi(refusals=[json_reply({"error": {"message": REFUSED_FILE, "code": "invalidPayload"}}, 400)] * 2)
    assert (await run(api)).ok
    assert (api.uploads, len(api.created), api.looks["POST /batches"]) == (1, 1, 3)


async def test_a_file_that_the_server_refuses_is_told(run: Run) -> None:
    """A file that ends in another state than a usable one is an error that names the state; no batch is created."""
    api = OddBatchApi(file_states=["pending", "error"])
    with pytest.raises(RemoteBatchError, match="'error'"):
        await run(api)
    assert not api.created


async def test_a_state_that_is_not_known_ends_the_wait(run: Run, tmp_path: Path) -> None:
    """A last state of another server's making ends the wait with an error that names it; the answers are in OUT."""
    with pytest.raises(RemoteBatchError, match="'paused'") as caught:
        await run(OddBatchApi(ended={"status": "paused"}))
    assert caught.value.reason == "paused"
    assert len(read_lines(tmp_path / "out.jsonl")) == 3


async def test_results_that_are_not_found_are_looked_for_again(run: Run) -> None:
    """A 404 for the results, which may be there a moment later, does not have the rows paid for twice."""
    api = OddBatchApi(missing=2)
    assert (await run(api)).ok
    assert len(api.created) == 1


async def test_lines_of_no_row_are_counted_and_shown(run: Run) -> None:
    """A result without a usable custom_id costs nothing else, and is in the summary."""
    summary = await run(OddBatchApi(extra_lines=b'{"error": "lost"}\n\xef\xbb\xbf{torn'))
    assert (summary.ok, summary.unmatched) == (True, 2)
    assert summary.unmatched_lines[0] == '{"error": "lost"}'


async def test_two_remote_runs_of_one_input_do_not_pay_twice(run: Run, tmp_path: Path) -> None:
    """A second run of the same IN on this machine is refused before it sends anything, whatever its OUT is."""
    api = OddBatchApi(file_states=["pending", "processed"])
    with FaultServer(api) as server:
        async with AsyncClient(api_key="sk-invented", base_url=server.base_url, max_retries=0) as client:
            batch = client.batch
            second: list[int] = []

            async def try_another(_: object) -> None:
                requests = sum(api.looks.values())
                with pytest.raises(BatchLockedError, match="paid for twice"):
                    await batch.remote(tmp_path / "in.jsonl", tmp_path / "other.jsonl", poll=FAST)
                second.append(sum(api.looks.values()) - requests)

            progress: list[Any] = []
            async with anyio.create_task_group() as tasks:

                def on_progress(now: Any) -> None:
                    if not progress:
                        tasks.start_soon(try_another, None)
                    progress.append(now)

                summary = await batch.remote(
                    tmp_path / "in.jsonl", tmp_path / "out.jsonl", poll=FAST, on_progress=on_progress
                )
    assert summary.ok
    assert len(api.created) == 1
