"""A batch at the Batch API: IN in parts that it takes, one remote batch for each, OUT when all have ended.

    IN -> Intake -> parts -> orders: upload, create (or find) -> poll -> results -> OUT

Promises: one batch for a part, in this run or in an earlier one that was killed (see `orders`). That holds because the
parts follow from IN and OUT alone, and OUT is written once, in one step, when no batch is under way any more. A part
that the account's queue has no room for waits for room. Never cancels a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import anyio
import attrs

from openai_async import _concurrency, errors
from openai_async.batch.errors import RemoteBatchError, RemoteWaitError
from openai_async.batch.input.pending_rows import prepare
from openai_async.batch.input.rows import Row
from openai_async.batch.input.source import InputFile
from openai_async.batch.output.output_file import Journal
from openai_async.batch.output.threads import Threads
from openai_async.batch.remote.enqueue_backoff import FULL, Queue
from openai_async.batch.remote.input_files import Part, RemoteLimits, divide, rows_of
from openai_async.batch.remote.results import Results, light
from openai_async.batch.remote.service import Service
from openai_async.batch.remote.submissions import PART, PASSING, RUN, Desk, Order
from openai_async.batch.report import BatchSummary, Tally
from openai_async.batch.spent import Spent
from openai_async.errors import InvalidParameterError
from openai_async.types.batches import Batch, BatchError
from openai_async.types.progress import RemoteProgress

_MOST_PAIRS, _LONGEST_NAME, _LONGEST_VALUE = 14, 64, 512  # of the user's: the API takes 16 in all
_FAILED_POLLS = 20  # in a row: then nobody is there
_LOOKS_FOR_RESULTS = 4  # at a file of results that the server says is not there


@attrs.frozen(kw_only=True)
class RemoteSettings:
    """How a remote run goes about it. Times in seconds.

    Raises:
        InvalidParameterError: names what cannot be used.
    """

    metadata: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: Between two polls: at first, and at most. It doubles from the one to the other; a change of state starts it anew.
    poll: tuple[float, float] = (2.0, 60.0)
    max_wait: float | None = None
    limits: RemoteLimits = attrs.field(factory=RemoteLimits)
    retry_failed: bool = False
    on_progress: Callable[[RemoteProgress], object] | None = None

    def __attrs_post_init__(self) -> None:
        _check_metadata(self.metadata)
        first, longest = self.poll
        if not 0 < first <= longest < math.inf:
            raise InvalidParameterError("poll", "must be two numbers of seconds, more than 0, the longer one second")
        if self.max_wait is not None and not self.max_wait >= 0:
            raise InvalidParameterError("max_wait", "must be a number of seconds, 0 or more, or None for no bound")


def _check_metadata(metadata: Mapping[Any, Any]) -> None:
    if len(metadata) > _MOST_PAIRS:
        raise InvalidParameterError("metadata", f"has more than {_MOST_PAIRS} pairs")
    for name, value in metadata.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidParameterError("metadata", "must be a mapping of text to text")
        if name in (RUN, PART) or not 0 < len(name) <= _LONGEST_NAME or len(value) > _LONGEST_VALUE:
            reason = f"names have up to {_LONGEST_NAME} characters, values {_LONGEST_VALUE}; {RUN!r} and {PART!r} are"
            raise InvalidParameterError(f"metadata[{name[:_LONGEST_NAME]!r}]", f"{reason} taken")


class RemoteRun:
    """One run over an open IN and a locked OUT."""

    def __init__(
        self, source: InputFile, journal: Journal, service: Service, threads: Threads, settings: RemoteSettings
    ) -> None:
        self._source = source
        self._journal = journal
        self._service = service
        self._threads = threads
        self._settings = settings
        self._tally = Tally()
        self._spent: Mapping[int, Spent] = {}  # in earlier runs, by the number of the row
        self._orders: list[Order] = []
        self._queues: dict[str, Queue] = {}  # by model
        self._desk = Desk(source, service, threads, settings.poll, self._report)
        self._began = _concurrency.now()
        self._done_before = 0

    async def run(self) -> BatchSummary:
        """Carry the batches to their end; see `AsyncBatch.remote`."""
        parts = await self._threads.run_long(self._divided)
        for number, part in enumerate(parts, 1):
            ours = {RUN: part.digest, PART: f"{number}/{len(parts)}"}
            self._orders.append(Order(part, {**self._settings.metadata, **ours}))
            self._queues.setdefault(part.model, Queue(self._settings.poll))
        self._report()
        if self._orders:
            await self._desk.find(self._orders)
            self._done_before = self._progress().done
            self._report()
            await self._hand_in()
            await self._wait()
            await self._collect()
        self._tally.complete = self._tally.summary(0.0).left == 0
        summary = self._tally.summary(_concurrency.now() - self._began)
        self._complain(summary)
        return summary

    def _divided(self, checkpoint: Callable[[], object]) -> list[Part]:
        """What is to be done, in parts. Runs in a thread."""
        retry_failed = self._settings.retry_failed
        intake = prepare(self._source, self._journal, self._tally, checkpoint, retry_failed=retry_failed)
        self._spent = intake.spent
        return divide(intake, self._settings.limits, checkpoint)

    # ---- until all have ended

    async def _hand_in(self) -> None:
        """Hand in what is no batch yet: all of it, or one part at a time of a model whose queue is full."""
        for model, queue in self._queues.items():
            orders = [order for order in self._orders if order.part.model == model]
            for order in orders:
                if order.batch is not None or queue.wait(_concurrency.now()):
                    continue
                if queue.is_full and any(other.under_way and _is_unsettled(other) for other in orders):
                    break  # the one that tries now tells whether there is room for more
                order.alone = not any(other.under_way for other in orders)
                await self._desk.hand_in(order)

    async def _wait(self) -> None:
        first, longest = self._settings.poll
        until = math.inf if self._settings.max_wait is None else self._began + self._settings.max_wait
        pause, failed = first, 0
        while not all(order.ended for order in self._orders):
            left = until - _concurrency.now()
            if left <= 0:
                raise RemoteWaitError(_still_going(self._progress()), progress=self._progress())
            await anyio.sleep(min(pause, left, self._next_try()))
            before = [order.batch and order.batch.status for order in self._orders]
            try:
                await self._poll()
                failed = 0
            except PASSING:
                failed += 1
                if failed == _FAILED_POLLS:
                    raise
            await self._hand_in()
            changed = before != [order.batch and order.batch.status for order in self._orders]
            pause = first if changed else min(2 * pause, longest)
            self._report()

    def _next_try(self) -> float:
        """Seconds until a part may be handed in that found its queue full."""
        full = {order.part.model for order in self._orders if order.batch is None}
        waits = [self._queues[model].wait(_concurrency.now()) for model in full]
        return min((wait for wait in waits if wait), default=math.inf)

    async def _poll(self) -> None:
        for order in self._orders:
            if order.batch is None or order.batch.ended:
                continue
            order.batch = await self._service.batch(order.batch.id)
            if order.batch.ended:
                await self._heed_end(order, order.batch)

    async def _heed_end(self, order: Order, batch: Batch) -> None:
        queue = self._queues[order.part.model]
        if batch.status != "failed" or _fault_of(batch).code != FULL:
            queue.ended()
            return
        alone = order.alone and all(other.ended for other in await self._service.batches())
        if queue.refused(_concurrency.now(), alone=alone):
            order.give_up_batch("queue full")

    # ---- OUT

    async def _collect(self) -> None:
        results: Results | None = None
        try:
            results = await self._threads.run(partial(Results, self._journal.path))
            for order in self._orders:
                await self._take_in(order, results)
            await self._threads.run_long(results.publish)
            await self._threads.run(self._journal.sidecar.clear)
        finally:
            if results is not None:
                with anyio.CancelScope(shield=True):
                    await self._threads.run(results.close)

    async def _take_in(self, order: Order, results: Results) -> None:
        assert order.batch is not None
        files = [file for file in (order.batch.output_file_id, order.batch.error_file_id) if file]
        if not files:
            return

        def read_rows(checkpoint: Callable[[], object]) -> dict[str, Row]:
            return {row.custom_id: light(row, self._spent) for row in rows_of(order.part, self._source, checkpoint)}

        rows = await self._threads.run_long(read_rows)
        billing = self._service.separate_bill()
        part = results.part(rows, self._tally, billing.bill)
        for file_id in files:
            content = await self._content(order.batch, file_id)
            await self._threads.run_long(partial(part.add, content))
        await self._threads.run(part.end)
        self._service.book(billing.totals)

    async def _content(self, batch: Batch, file_id: str) -> bytes:
        """The bytes of a file of results. One that is not found is looked for again: rows would be paid twice."""
        first, longest = self._settings.poll
        for look in range(_LOOKS_FOR_RESULTS):
            if look:
                await anyio.sleep(min(first * 2.0**look, longest))
            try:
                return await self._service.content(file_id)
            except errors.NotFoundError:
                continue
        raise RemoteBatchError(
            f"{batch.id} has ended, but its results ({file_id}) are not kept any more."
            " With other metadata the rows are sent again",
            reason="lost",
            batch_id=batch.id,
        )

    def _complain(self, summary: BatchSummary) -> None:
        """Raise what has become of batches that did not complete."""
        short = [order for order in self._orders if order.batch is not None and order.batch.status != "completed"]
        if not short:
            return
        batch = short[0].batch
        assert batch is not None
        fault, status = _fault_of(batch), str(batch.status)
        ending = _PHRASES.get(status, f"the batch ended in a state that is not known, {status!r}")
        words = f"part {short[0].metadata[PART]}, {batch.id}: {ending}"
        if fault.message:
            row = short[0].part.rows[fault.line - 1 : fault.line] if fault.line else ()
            words += f": {fault.message}" + (f" (row {row[0]} of the input, from 0)" if row else "")
        if fault.code == FULL:
            words += " Nothing else is enqueued: make the parts smaller (`limits`, or --part-tokens)"
        if len(short) > 1:
            words += f" (and {len(short) - 1} more)"
        raise RemoteBatchError(words, reason=status, batch_id=batch.id, code=fault.code, summary=summary)

    def _progress(self) -> RemoteProgress:
        parts = tuple(order.progress() for order in self._orders)
        return RemoteProgress(parts, _concurrency.now() - self._began, self._done_before)

    def _report(self) -> None:
        if self._settings.on_progress is not None:
            self._settings.on_progress(self._progress())


_PHRASES: Final[Mapping[str, str]] = {
    "failed": "the batch failed before it ran",
    "expired": "the batch expired; what it had answered is kept",
    "cancelled": "the batch was cancelled; what it had answered is kept",
}


def _fault_of(batch: Batch) -> BatchError:
    """The first reason of a batch that failed."""
    return next(iter((batch.errors and batch.errors.data) or ()), BatchError())


def _is_unsettled(order: Order) -> bool:
    """Whether it is not known yet if the queue has room for its batch."""
    return order.batch is not None and order.batch.status == "validating"


def _still_going(progress: RemoteProgress) -> str:
    names = [part.batch_id for part in progress.parts if part.batch_id is not None]
    waiting = len(progress.parts) - len(names)
    return (
        f"{progress.done:,} of {progress.total:,} rows have ended at the server after {progress.seconds:.0f} s;"
        f" the batches go on ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}), and the same run collects"
        " them" + (f", and hands in the {waiting:,} parts that the queue has no room for" if waiting else "")
    )
