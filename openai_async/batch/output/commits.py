"""Group commit: lines are written at once, and synced to the disk together, every 50 ms or 64 rows.

A line that is written survives the process. A line that is synced survives the machine; only then is its row counted
and reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import anyio

from openai_async import _concurrency
from openai_async.batch.output.output_file import Journal
from openai_async.batch.output.output_lines import Outcome
from openai_async.batch.output.threads import Threads

SYNC_SECONDS = 0.05
SYNC_ROWS = 64


class Commits:
    """The one writer of OUT.

    Args:
        on_disk: called with the rows that are on the disk now.
    """

    def __init__(self, journal: Journal, threads: Threads, on_disk: Callable[[list[Outcome]], None]) -> None:
        self._journal = journal
        self._threads = threads
        self._on_disk = on_disk
        self._pending: list[tuple[Outcome, int | None]] = []
        self._writing = 0
        self._unsynced: list[Outcome] = []
        self._synced = _concurrency.now()
        self._arrival = anyio.Event()

    @property
    def uncounted(self) -> int:
        """Rows that are not on the disk yet."""
        return self.unwritten + len(self._unsynced)

    @property
    def unwritten(self) -> int:
        """Rows that a kill would lose: their lines wait to be written, or are being written."""
        return len(self._pending) + self._writing

    def put(self, outcome: Outcome, slot: int | None) -> None:
        """Queue the outcome of a row. `slot` is its slot in the in-flight journal; None if this run did not send it."""
        self._pending.append((outcome, slot))
        self._arrival.set()

    async def run(self) -> None:
        """Commit outcomes as they come, until cancelled. Call `flush` afterwards for the rest.

        Raises:
            BatchOutputError: the rows of the last commit may be lost.
        """
        while True:
            due = self._synced + SYNC_SECONDS
            if not self._pending:
                with anyio.CancelScope(deadline=due if self._unsynced else float("inf")):
                    await self._arrival.wait()
            many = len(self._unsynced) + len(self._pending) >= SYNC_ROWS
            await self.flush(sync=many or _concurrency.now() >= due)

    async def flush(self, *, sync: bool = True) -> None:
        """Write the outcomes so far. With `sync`, they are also on the disk and reported when this returns."""
        batch, self._pending = self._pending, []
        self._arrival = anyio.Event()
        if not batch and not (sync and self._unsynced):
            return
        lines = [(outcome.row.index, outcome.line) for outcome, _ in batch]
        self._writing = len(batch)
        await self._threads.run(partial(self._journal.append, lines, sync=sync))
        self._writing = 0
        for outcome, slot in batch:
            if slot is None:
                self._journal.inflight.settled(outcome.row.index)
            else:
                self._journal.inflight.written(slot)
            self._unsynced.append(outcome)
        if sync:
            self._synced = _concurrency.now()
            committed, self._unsynced = self._unsynced, []
            self._on_disk(committed)
