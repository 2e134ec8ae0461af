"""One run of a batch: read rows, send a bounded number of them at once, write a line for each.

    IN -> PendingRows -> Sender (at most `window` rows at a time) -> Commits -> OUT

A row is recorded in the in-flight journal just before it is sent. Its slot is free again when its line is written. A
run ends at the end of IN, by a stop, by an error or by cancelling. In each case it first commits every answer that has
arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from openai_async import _concurrency, errors
from openai_async._limits.accounting import try_accounting
from openai_async._limits.queue import QueuePosition, queue_position
from openai_async._policy.probing import PROBES, Probing
from openai_async._policy.spending import Spending
from openai_async.batch.errors import BatchError, BatchHaltedError, BatchOutputError
from openai_async.batch.input.pending_rows import PendingRows, prepare
from openai_async.batch.input.rows import Row
from openai_async.batch.input.source import InputFile
from openai_async.batch.local.row_sender import Sender
from openai_async.batch.output.commits import Commits
from openai_async.batch.output.output_file import Journal
from openai_async.batch.output.output_lines import Kind, Outcome, ambiguous
from openai_async.batch.output.threads import Threads
from openai_async.batch.report import BatchSummary, Tally
from openai_async.batch.spent import NOTHING, Spent
from openai_async.types.progress import BatchProgress

Ambiguous: TypeAlias = Literal["resend", "skip"]
#: What the bounds on tokens and cost bound.
Bounds: TypeAlias = Literal["this_run", "all_runs"]
#: No row can succeed after one of these.
_ACCOUNT = (errors.AuthenticationError, errors.QuotaExhaustedError)
#: Seconds between two reports of progress while nothing is committed.
_REPORT_EVERY = 1.0


class Stop(Protocol):
    """The event that stops a run: an `anyio.Event`, or any object with these methods."""

    def is_set(self) -> bool:
        """Return whether the run should stop."""
        ...

    async def wait(self) -> Any:
        """Wait until the event is set. Cancelling ends the waiting, and nothing else."""
        ...


class Run:
    """One run over open files. `window` bounds the rows in flight; `give_up_after` the failures in a row."""

    def __init__(
        self,
        source: InputFile,
        journal: Journal,
        sender: Sender,
        threads: Threads,
        *,
        window: int,
        ordered: bool,
        retry_failed: bool,
        ambiguous: Ambiguous,
        give_up_after: int | None,
        spending: Spending,
        bounds: Bounds,
        stop: Stop | None,
        on_progress: Callable[[BatchProgress], object] | None,
    ) -> None:
        self._source = source
        self._journal = journal
        self._sender = sender
        self._threads = threads
        self._window = window
        self._ordered = ordered
        self._retry_failed = retry_failed
        self._resend = ambiguous == "resend"
        self._give_up_after = give_up_after
        self._spending = spending
        self._bounds = bounds
        self._stop = stop
        self._on_progress = on_progress
        self._tally = Tally()
        self._commits = Commits(journal, threads, self._on_disk)
        self._began = self._reported = _concurrency.now()
        self._taken: list[Row] = []  # rows of IN that are to be started next
        self._limit_scopes: set[str] = set()  # that its rows ask for
        self._running = 0
        self._in_line: set[anyio.CancelScope] = set()  # of rows that are not sent yet
        self._failed_in_a_row = 0
        self._probing = Probing(None if give_up_after is None else min(PROBES, give_up_after))
        self._sent = 0  # rows
        self._room = anyio.Event()  # set when a row may be started, or none is to be any more
        self._stopping = False
        self._all_started = False
        self._called_back = False  # at least one row
        self._halt: Exception | None = None
        self._failure: BaseException | None = None
        self._scope = anyio.CancelScope()

    async def run(self) -> BatchSummary:
        """Run the batch until it ends or is stopped; see `AsyncBatch.run`."""
        pending = await self._threads.run_long(self._prepared)
        if self._bounds == "all_runs":
            self._book(self._tally.before, self._tally.answered_before)
        self._stopping = self._spending.stopped is not None
        self._report()
        self._taken = await self._threads.run_long(pending.take)
        if not self._taken:
            pending.check_some_are_requests()
        try:
            with self._scope:
                async with anyio.create_task_group() as background:
                    background.start_soon(self._commit)
                    if self._stop is not None:
                        background.start_soon(self._watch_stop, self._stop)
                    if self._on_progress is not None:
                        background.start_soon(self._tick)
                    async with anyio.create_task_group() as rows:
                        await self._feed(rows, pending)
                    background.cancel_scope.cancel()
        finally:
            await self._flush()
        if self._failure is not None:
            raise self._failure
        del pending  # its memory is needed for something else
        self._tally.complete = self._all_started and not self._called_back
        self._tally.stopped = None if self._tally.complete else self._spending.stopped
        if self._tally.complete:
            await self._threads.run_long(partial(self._journal.finish, ordered=self._ordered))
        self._report()
        summary = self._tally.summary(_concurrency.now() - self._began)
        if self._halt is not None:
            raise BatchHaltedError(
                _why(self._halt, self._failed_in_a_row, self._probing), summary=summary
            ) from self._halt
        return summary

    def _prepared(self, checkpoint: Callable[[], object]) -> PendingRows:
        """Check IN and OUT before a row is sent. Runs in a thread."""
        return prepare(self._source, self._journal, self._tally, checkpoint, retry_failed=self._retry_failed)

    async def _flush(self) -> None:
        """Commit what has arrived, also after an error, because OUT may still be writable."""
        try:
            await self._commits.flush()
        except BatchOutputError:
            if self._failure is None:
                raise

    async def _feed(self, rows: TaskGroup, pending: PendingRows) -> None:
        """Start rows as there is room for them, until none is left or the run is stopped."""
        try:
            await self._start_all(rows, pending)
        except BaseException as error:
            self._fail(error)

    async def _start_all(self, rows: TaskGroup, pending: PendingRows) -> None:
        while self._taken:
            for row in self._taken:
                while self._is_full() and not self._stopping:
                    self._room = anyio.Event()
                    await self._room.wait()
                if self._stopping or (self._stop is not None and self._stop.is_set()):
                    return
                # Rows that a cancellation ends make room, too: it is not to be filled.
                await anyio.lowlevel.checkpoint_if_cancelled()
                self._start(rows, row)
            self._taken = await self._threads.run_long(pending.take)
        self._all_started = True

    def _is_full(self) -> bool:
        if not self._probing.may_start(self._sent):
            return True
        # An answer that is not written yet counts as in flight: a kill loses it.
        open_rows = self._running + self._commits.unwritten
        if open_rows >= self._window:
            return True
        if not self._journal.has_room(open_rows + 1):
            if not open_rows:
                raise self._journal.no_room()
            return True
        return not self._spending.has_room(self._running)

    def _start(self, rows: TaskGroup, row: Row) -> None:
        if not self._resend and row.index in self._journal.inflight.held:
            self._commits.put(ambiguous(row), None)
            return
        self._running += 1
        self._sent += 1
        rows.start_soon(self._run_row, row)

    async def _run_row(self, row: Row) -> None:
        queue_position.set(QueuePosition("batch", self, self._limit_scopes))
        scope = anyio.CancelScope()
        slot: int | None = None
        outcome: Outcome | None = None

        def on_send() -> None:
            nonlocal slot
            if scope.cancel_called:  # its turn came at the very moment of the stop
                raise _CalledBack
            if slot is None:  # not a retry
                slot = self._journal.inflight.record(row.index, row.digest, self._journal.size)
                self._in_line.discard(scope)

        self._in_line.add(scope)
        try:
            with scope:
                outcome = await self._sender.send(row, on_send)
        except _CalledBack:
            pass
        except BaseException as error:  # not an outcome of a call
            self._fail(error)
        finally:
            self._in_line.discard(scope)
            self._running -= 1
            self._room.set()
        if outcome is None:
            self._called_back = True
        else:
            self._commits.put(outcome, slot)
            self._watch(outcome)
            if outcome.kind is Kind.OK or outcome.spent != NOTHING:
                used = outcome.kind is Kind.OK or outcome.spent.tokens > 0
                try_accounting("what a row has used", self._book, outcome.spent, int(used))
                if self._spending.stopped is not None:
                    self._end_early()

    def _book(self, spent: Spent, answered: int) -> None:
        """Count what was spent, on so many rows, against the bounds."""
        self._spending.add(
            spent.tokens,
            None if spent.unpriced else spent.cost,
            cost_estimated=spent.cost_estimated,
            answered=answered,
            unanswered=spent.unanswered,
            unpriced=spent.doubted_unpriced,
        )

    def _watch(self, outcome: Outcome) -> None:
        """Halt when no further row can succeed, instead of failing them all one by one."""
        self._probing.ended(outcome.error)
        self._failed_in_a_row = self._failed_in_a_row + 1 if outcome.kind is Kind.RETRYABLE else 0
        hopeless = self._give_up_after is not None and self._failed_in_a_row >= self._give_up_after
        hopeless = hopeless or self._probing.halted_by is not None or isinstance(outcome.error, _ACCOUNT)
        if self._halt is None and hopeless:
            self._halt = outcome.error
            self._end_early()

    async def _commit(self) -> None:
        try:
            await self._commits.run()
        except BaseException as error:
            self._fail(error)

    async def _watch_stop(self, stop: Stop) -> None:
        try:
            await stop.wait()
        except BaseException as error:
            self._fail(error)
        self._end_early()

    def _end_early(self) -> None:
        """Start no further row, and cancel those that are not sent yet. Rows in flight are finished."""
        self._stopping = True
        self._room.set()
        for scope in tuple(self._in_line):
            scope.cancel()

    def _fail(self, error: BaseException) -> None:
        """End the run with an error; raise a cancellation here."""
        if _concurrency.cancels(error):
            raise error
        self._failure = self._failure or error
        self._scope.cancel()

    def _on_disk(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._tally.count(outcome)
        self._room.set()
        self._report()

    async def _tick(self) -> None:
        """Report also while nothing is committed, because users want to see what a run waits for."""
        try:
            while True:
                await anyio.sleep(max(0.0, self._reported + _REPORT_EVERY - _concurrency.now()))
                if _concurrency.now() >= self._reported + _REPORT_EVERY:
                    self._report()
        except BaseException as error:
            self._fail(error)

    def _report(self) -> None:
        self._reported = _concurrency.now()
        if self._on_progress is not None:
            in_flight = self._running + self._commits.uncounted
            mean = self._tally.spent.tokens / max(1, self._tally.done)
            limits = (
                try_accounting(
                    "the limits of a batch", self._sender.limits, self._tally.to_do, mean, self._limit_scopes
                )
                or {}
            )
            self._on_progress(self._tally.progress(in_flight, _concurrency.now() - self._began, limits))


class _CalledBack(BatchError):
    """Raised in a row's task in place of sending it."""


def _why(error: Exception, failed_in_a_row: int, probing: Probing) -> str:
    last = error if isinstance(error, errors.OpenAIError) else type(error).__name__  # others may say anything
    if isinstance(error, _ACCOUNT) or probing.halted_by is not None:
        first = "" if isinstance(error, _ACCOUNT) else ", as the first ones all did"
        return f"the run was halted: every further row would fail like this{first}: {last}"
    return f"the run was halted after {failed_in_a_row} failures in a row, the last: {last}"
