"""Run IN through the Batch API: one remote batch for each part of IN, and OUT when all have ended.

    IN -> PendingRows -> parts -> submissions: upload, create (or find) -> poll -> results -> OUT

A part gets one batch, in this run or in an earlier one that was killed (see `submissions`). That holds because the
parts depend on IN and OUT alone, and OUT is written once, atomically, when no batch is running any more. A part over
the account's limit of enqueued tokens waits. A run never cancels a batch.
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
from openai_async.batch.remote.enqueue_backoff import FULL, EnqueueBackoff
from openai_async.batch.remote.input_files import Part, RemoteLimits, divide, rows_of
from openai_async.batch.remote.results import Results, light
from openai_async.batch.remote.service import Service
from openai_async.batch.remote.submissions import PART, RETRYABLE, RUN, Submission, Submitter
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
    """The settings of a remote run. Times in seconds.

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
        self._submissions: list[Submission] = []
        self._backoffs: dict[str, EnqueueBackoff] = {}  # by model
        self._submitter = Submitter(source, service, threads, settings.poll, self._report)
        self._began = _concurrency.now()
        self._done_before = 0

    async def run(self) -> BatchSummary:
        """Submit the batches, wait for them and collect their results; see `AsyncBatch.remote`."""
        parts = await self._threads.run_long(self._divided)
        for number, part in enumerate(parts, 1):
            ours = {RUN: part.digest, PART: f"{number}/{len(parts)}"}
            self._submissions.append(Submission(part, {**self._settings.metadata, **ours}))
            self._backoffs.setdefault(part.model, EnqueueBackoff(self._settings.poll))
        self._report()
        if self._submissions:
            await self._submitter.find(self._submissions)
            self._done_before = self._progress().done
            self._report()
            await self._submit()
            await self._wait()
            await self._collect()
        self._tally.complete = self._tally.summary(0.0).left == 0
        summary = self._tally.summary(_concurrency.now() - self._began)
        self._raise_failures(summary)
        return summary

    def _divided(self, checkpoint: Callable[[], object]) -> list[Part]:
        """Divide the pending rows into parts. Runs in a thread."""
        retry_failed = self._settings.retry_failed
        pending = prepare(self._source, self._journal, self._tally, checkpoint, retry_failed=retry_failed)
        self._spent = pending.spent
        return divide(pending, self._settings.limits, checkpoint)

    # ---- until all have ended

    async def _submit(self) -> None:
        """Submit the parts without a batch: all of them, or one at a time for a model over its limit."""
        for model, backoff in self._backoffs.items():
            submissions = [submission for submission in self._submissions if submission.part.model == model]
            for submission in submissions:
                if submission.batch is not None or backoff.wait(_concurrency.now()):
                    continue
                if backoff.is_full and any(other.under_way and _is_unsettled(other) for other in submissions):
                    break  # the one that tries now tells whether there is room for more
                submission.alone = not any(other.under_way for other in submissions)
                await self._submitter.submit(submission)

    async def _wait(self) -> None:
        first, longest = self._settings.poll
        until = math.inf if self._settings.max_wait is None else self._began + self._settings.max_wait
        pause, failed = first, 0
        while not all(submission.ended for submission in self._submissions):
            left = until - _concurrency.now()
            if left <= 0:
                raise RemoteWaitError(_still_going(self._progress()), progress=self._progress())
            await anyio.sleep(min(pause, left, self._next_try()))
            before = [submission.batch and submission.batch.status for submission in self._submissions]
            try:
                await self._poll()
                failed = 0
            except RETRYABLE:
                failed += 1
                if failed == _FAILED_POLLS:
                    raise
            await self._submit()
            changed = before != [submission.batch and submission.batch.status for submission in self._submissions]
            pause = first if changed else min(2 * pause, longest)
            self._report()

    def _next_try(self) -> float:
        """Seconds until a part that was over the limit may be submitted again."""
        full = {submission.part.model for submission in self._submissions if submission.batch is None}
        waits = [self._backoffs[model].wait(_concurrency.now()) for model in full]
        return min((wait for wait in waits if wait), default=math.inf)

    async def _poll(self) -> None:
        for submission in self._submissions:
            if submission.batch is None or submission.batch.ended:
                continue
            submission.batch = await self._service.batch(submission.batch.id)
            if submission.batch.ended:
                await self._handle_end(submission, submission.batch)

    async def _handle_end(self, submission: Submission, batch: Batch) -> None:
        backoff = self._backoffs[submission.part.model]
        if batch.status != "failed" or _fault_of(batch).code != FULL:
            backoff.ended()
            return
        alone = submission.alone and all(other.ended for other in await self._service.batches())
        if backoff.refused(_concurrency.now(), alone=alone):
            submission.give_up_batch("queue full")

    # ---- OUT

    async def _collect(self) -> None:
        results: Results | None = None
        try:
            results = await self._threads.run(partial(Results, self._journal.path))
            for submission in self._submissions:
                await self._take_in(submission, results)
            await self._threads.run_long(results.publish)
            await self._threads.run(self._journal.inflight.clear)
        finally:
            if results is not None:
                with anyio.CancelScope(shield=True):
                    await self._threads.run(results.close)

    async def _take_in(self, submission: Submission, results: Results) -> None:
        assert submission.batch is not None
        files = [file for file in (submission.batch.output_file_id, submission.batch.error_file_id) if file]
        if not files:
            return

        def read_rows(checkpoint: Callable[[], object]) -> dict[str, Row]:
            return {
                row.custom_id: light(row, self._spent) for row in rows_of(submission.part, self._source, checkpoint)
            }

        rows = await self._threads.run_long(read_rows)
        billing = self._service.separate_bill()
        part = results.part(rows, self._tally, billing.bill)
        for file_id in files:
            content = await self._content(submission.batch, file_id)
            await self._threads.run_long(partial(part.add, content))
        await self._threads.run(part.end)
        self._service.book(billing.totals)

    async def _content(self, batch: Batch, file_id: str) -> bytes:
        """Download a file of results. Retries if it is not found, because its rows would be paid for twice."""
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

    def _raise_failures(self, summary: BatchSummary) -> None:
        """Raise an error if a batch did not complete."""
        short = [
            submission
            for submission in self._submissions
            if submission.batch is not None and submission.batch.status != "completed"
        ]
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
        parts = tuple(submission.progress() for submission in self._submissions)
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


def _is_unsettled(submission: Submission) -> bool:
    """Whether the server has not decided yet if its batch is within the limit."""
    return submission.batch is not None and submission.batch.status == "validating"


def _still_going(progress: RemoteProgress) -> str:
    names = [part.batch_id for part in progress.parts if part.batch_id is not None]
    waiting = len(progress.parts) - len(names)
    return (
        f"{progress.done:,} of {progress.total:,} rows have ended at the server after {progress.seconds:.0f} s;"
        f" the batches go on ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}), and the same run collects"
        " them" + (f", and hands in the {waiting:,} parts that the queue has no room for" if waiting else "")
    )
