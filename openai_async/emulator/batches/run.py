"""The execution of a batch: check its file, answer its rows one by one, write its output files.

Rows are answered by the emulator's own endpoints, at the pace of `Emulator.batch_delay`. Their order differs from that
of the input, and is always the same for the same number of rows. If a batch is cancelled or its server stops, the
finished rows are kept. A batch always reaches a final state, so no client polls forever.
"""

from __future__ import annotations

from itertools import chain
from random import Random
from typing import IO, TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import orjson
from starlette.routing import Route

from openai_async.emulator.batches.input import BatchInput, Breath, read_input
from openai_async.emulator.batches.store import ENDED, Batch
from openai_async.emulator.call import Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import internal
from openai_async.emulator.files.store import spool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai_async.emulator.backend import Backend

__all__ = ["endpoint_at", "run"]

# A waiting batch looks this often (seconds) whether it was cancelled or its pace changed: it may be told from
# another thread, which cannot wake it. It is also how far it may fall behind its pace and catch up.
_GLANCE = 0.05


def endpoint_at(emulator: Backend, path: str) -> Endpoint | None:
    """Get the emulator's endpoint of this path, if there is one."""
    for route in emulator.app.routes:
        if isinstance(route, Route) and route.path == path and isinstance(route.endpoint, Endpoint):
            return route.endpoint
    return None


async def run(emulator: Backend, batch: Batch) -> None:
    """Run a batch from `validating` to its end. Cancelling ends it as `cancelled`."""
    outcome = _Outcome(emulator, batch)
    try:
        batch_input = await read_input(emulator, batch)
        if batch.status != "validating":
            return
        if batch_input.errors:
            outcome.fail(batch_input)
        else:
            await _run_rows(emulator, batch, batch_input, outcome)
    except Exception as error:  # a defect of the emulator's own; the client must hear of it, and not poll for ever
        broken = BatchInput()
        broken.refuse(internal(error))
        outcome.fail(broken)
    finally:
        if batch.status not in ENDED:
            outcome.end("cancelled")


async def _run_rows(emulator: Backend, batch: Batch, batch_input: BatchInput, outcome: _Outcome) -> None:
    endpoint, file = endpoint_at(emulator, batch.path), batch_input.file
    assert endpoint is not None
    assert file is not None
    assert batch_input.model is not None
    batch.model = emulator.catalog.find(batch_input.model).snapshot
    batch.enqueued, batch.total = batch_input.tokens, len(batch_input.offsets)
    batch.reach("in_progress")
    pace = _Pace(emulator, batch)
    rows = (orjson.loads(file.line_at(offset)) for offset in _order(batch_input.offsets))
    for row in rows:
        if not await pace.next():
            if batch.status == "in_progress":  # it was not cancelled, so it is out of time
                for left in chain((row,), rows):
                    outcome.expire(left)
                outcome.end("expired")
            return
        outcome.perform(endpoint, row)
    batch.reach("finalizing")
    await anyio.lowlevel.checkpoint()
    outcome.end("completed")


def _order(offsets: Sequence[int]) -> list[int]:
    """Shuffle the rows, always the same way for the same number. Two or more never keep their order."""
    order = list(offsets)
    Random(len(order)).shuffle(order)  # the seeds from 2 to 11 were looked at, and n! is large after that
    return order


class _Pace:
    """The times at which the rows of a batch are due."""

    def __init__(self, emulator: Backend, batch: Batch) -> None:
        self._emulator = emulator
        self._batch = batch
        self._last = anyio.current_time()
        self._breath = Breath()

    async def next(self) -> bool:
        """Wait for the next row's time. False if there is none: the batch is cancelled or out of time."""
        emulator = self._emulator
        await self._breath.take()
        while self._batch.status == "in_progress" and emulator.clock() < self._batch.deadline:
            now = anyio.current_time()
            due = self._last + emulator.batch_delay
            if due <= now:
                self._last = max(due, now - _GLANCE)
                return True
            await anyio.sleep(min(due - now, _GLANCE))
        return False


class _Outcome:
    """The finished rows, as lines of the two output files of a batch."""

    def __init__(self, emulator: Backend, batch: Batch) -> None:
        self._emulator = emulator
        self._batch = batch
        self._output = spool()
        self._errors = spool()

    def perform(self, endpoint: Endpoint, row: Any) -> None:
        """Answer one row. It is in the request log like any request."""
        emulator, batch = self._emulator, self._batch
        entry = emulator.ledger.open(emulator.clock(), "POST", batch.path)
        entry.key, entry.batch_id, entry.custom_id = batch.key, batch.id, row["custom_id"]
        answer = endpoint.perform(Call(entry, {}, body=orjson.dumps(row["body"])))
        entry.status = answer.status
        emulator.ledger.close(entry)
        response = {
            "status_code": answer.status,
            "request_id": entry.request_id,
            "body": orjson.Fragment(answer.body),
        }
        if answer.status < 400:
            batch.completed += 1
            batch.usage.add(orjson.loads(answer.body).get("usage") or {})
            self._write(self._output, row, response, None)
        else:
            batch.failed += 1
            self._write(self._errors, row, response, None)

    def expire(self, row: Any) -> None:
        """Add a row that was not run in time."""
        self._batch.failed += 1
        message = "This request could not be executed before the completion window expired."
        self._write(self._errors, row, None, {"code": "batch_expired", "message": message})

    def fail(self, batch_input: BatchInput) -> None:
        """End a batch that did not run, with the errors."""
        self._batch.errors = batch_input.errors
        self.end("failed")

    def end(self, status: str) -> None:
        """Store the files that are not empty, and then enter the final state."""
        batch = self._batch
        batch.output_file_id = self._store(self._output, f"{batch.id}_output.jsonl")
        batch.error_file_id = self._store(self._errors, f"{batch.id}_error.jsonl")
        batch.reach(status)

    def _store(self, content: IO[bytes], name: str) -> str | None:
        if content.tell() == 0:
            content.close()
            return None
        return self._emulator.files.add(content, name, "batch_output", self._batch.output_seconds).id

    def _write(self, file: IO[bytes], row: Any, response: object, error: object) -> None:
        batch = self._batch
        number = batch.completed + batch.failed
        line = {
            "id": f"batch_req_{batch.id[-16:]}{number:08x}",
            "custom_id": row["custom_id"],
            "response": response,
            "error": error,
        }
        file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
