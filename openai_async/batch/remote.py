"""A batch at the Batch API: IN in parts that it takes, one remote batch for each, OUT when all have ended.

    IN -> Intake -> parts -> upload, create (or find) -> poll -> results -> OUT

Promises: one batch for a part, whatever happens between upload, create and their answers, in this run or in an earlier
one that was killed. For a batch carries the checksum of its part, and before one is created, or created again, it is
looked for. That holds because the parts follow from IN and OUT alone, and OUT is written once, in one step, when no
batch is under way any more. Never cancels a batch.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import anyio
import attrs

from openai_async import _runtime, errors
from openai_async._wire import multipart
from openai_async.batch.errors import RemoteBatchError, RemoteWaitError
from openai_async.batch.intake import Intake, survey
from openai_async.batch.journal import Journal
from openai_async.batch.parts import Part, RemoteLimits, divide, line_of, rows_of
from openai_async.batch.report import BatchSummary, RemotePart, RemoteProgress, Tally
from openai_async.batch.results import Results, light
from openai_async.batch.rows import Row
from openai_async.batch.service import Batch, Service
from openai_async.batch.source import InputFile
from openai_async.batch.threads import Threads
from openai_async.errors import InvalidParameterError

T = TypeVar("T")
#: The pairs of metadata that are ours.
_RUN: Final = "openai_async_run"
_PART: Final = "part"
_MOST_PAIRS, _LONGEST_NAME, _LONGEST_VALUE = 14, 64, 512  # of the user's: the API takes 16 in all
_SENDINGS = 3  # of one request that may or may not have been carried out, each after it was looked for
_LOOKS = 3  # for what it made, as the server may still be at it
_FAILED_POLLS = 20  # in a row: then nobody is there
#: A poll that failed like this is made again.
_PASSING = (errors.APIConnectionError, errors.InternalServerError, errors.RateLimitError, errors.InvalidResponseError)


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
        if name in (_RUN, _PART) or not 0 < len(name) <= _LONGEST_NAME or len(value) > _LONGEST_VALUE:
            reason = f"names have up to {_LONGEST_NAME} characters, values {_LONGEST_VALUE}; {_RUN!r} and {_PART!r} are"
            raise InvalidParameterError(f"metadata[{name[:_LONGEST_NAME]!r}]", f"{reason} taken")


@attrs.define(eq=False)
class _Order:
    """One part, and the batch that it became."""

    part: Part
    metadata: dict[str, str]
    #: Batches of this part that were there before and that brought nothing: they are not taken for a new one.
    spent: set[str] = attrs.field(factory=set[str])
    batch: Batch | None = None
    uploading: bool = False

    @property
    def filename(self) -> str:
        return f"openai_async-{self.part.digest}.jsonl"

    @property
    def ended(self) -> bool:
        return self.batch is not None and self.batch.ended

    def is_of(self, batch: Batch) -> bool:
        found = batch.metadata or {}
        # Not by number: other parts may have come to their end.
        return all(found.get(name) == value for name, value in self.metadata.items() if name != _PART)

    def progress(self) -> RemotePart:
        if self.batch is None:
            return RemotePart("uploading" if self.uploading else "waiting", len(self.part.rows))
        counts = self.batch.request_counts
        done, failed = (counts.completed + counts.failed, counts.failed) if counts else (0, 0)
        return RemotePart(self.batch.status, len(self.part.rows), done, failed, self.batch.id)


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
        self._orders: list[_Order] = []
        self._began = _runtime.now()

    async def run(self) -> BatchSummary:
        """Carry the batches to their end; see `AsyncBatch.remote`."""
        parts = await self._threads.run_long(self._divided)
        for number, part in enumerate(parts, 1):
            ours = {_RUN: part.digest, _PART: f"{number}/{len(parts)}"}
            self._orders.append(_Order(part, {**self._settings.metadata, **ours}))
        self._report()
        if self._orders:
            await self._find_batches()
            await self._create_batches()
            await self._wait()
            await self._collect()
        self._tally.complete = self._tally.summary(0.0).left == 0
        summary = self._tally.summary(_runtime.now() - self._began)
        self._complain(summary)
        return summary

    def _divided(self, checkpoint: Callable[[], object]) -> list[Part]:
        """What is to be done, in parts. Runs in a thread."""
        finished = self._journal.replay(self._source.identity().st_size, checkpoint)
        held, retry_failed = self._journal.sidecar.held, self._settings.retry_failed
        survey(self._source, finished, held, self._tally, checkpoint, retry_failed=retry_failed)
        intake = Intake(self._source, finished, self._tally, retry_failed=retry_failed)
        return divide(intake, self._settings.limits, checkpoint)

    # ---- one batch for each part

    async def _find_batches(self) -> None:
        by_digest = {order.part.digest: order for order in self._orders}
        for batch in await self._service.batches():
            order = by_digest.get((batch.metadata or {}).get(_RUN, ""))
            if order is None or order.batch is not None or not order.is_of(batch):
                continue
            # One that has ended without an answer has cost nothing, and brings nothing: another one may do better.
            if batch.ended and batch.output_file_id is None:
                order.spent.add(batch.id)
            else:
                order.batch = batch

    async def _create_batches(self) -> None:
        files: dict[str, str] | None = None
        for order in self._orders:
            if order.batch is not None:
                continue
            if files is None:
                files = await self._known_files()
            order.uploading = True
            self._report()
            file_id = files.get(order.filename) or await self._upload(order)
            create = partial(self._service.create, file_id, f"/v1{order.part.endpoint}", order.metadata)
            order.batch = await self._once(create, partial(self._new_batch, order))
            self._report()

    async def _known_files(self) -> dict[str, str]:
        """The ids of whole files that runs of ours have uploaded, by name."""
        sizes = {order.filename: order.part.size for order in self._orders}
        return {
            file.filename: file.id
            for file in await self._service.files()
            if file.filename in sizes and file.bytes == sizes[file.filename] and file.status != "error"
        }

    async def _upload(self, order: _Order) -> str:
        def form(checkpoint: Callable[[], object]) -> tuple[str, bytes]:
            lines = map(line_of, rows_of(order.part, self._source, checkpoint))
            file = multipart.Part("file", lines, order.filename, "application/jsonl")
            return multipart.encode([multipart.Part("purpose", b"batch"), file])

        async def look() -> str | None:
            return (await self._known_files()).get(order.filename)

        content_type, body = await self._threads.run_long(form)

        async def send() -> str:
            return (await self._service.upload(content_type, body)).id

        return await self._once(send, look)

    async def _new_batch(self, order: _Order) -> Batch | None:
        batches = await self._service.batches()
        return next((batch for batch in batches if order.is_of(batch) and batch.id not in order.spent), None)

    async def _once(self, send: Callable[[], Awaitable[T]], look: Callable[[], Awaitable[T | None]]) -> T:
        """Send what makes something; if it may have been carried out without an answer, look before sending again."""
        sendings = 0
        while True:
            sendings += 1
            try:
                return await send()
            except errors.APIError as error:
                if error.outcome != "ambiguous":
                    raise
                failure = error
            looked = False
            for pause in self._pauses(_LOOKS):
                await anyio.sleep(pause)
                try:
                    if (found := await look()) is not None:
                        return found
                    looked = True
                except _PASSING:
                    looked = False
            if not looked or sendings == _SENDINGS:  # who has not looked does not send again
                raise failure

    def _pauses(self, count: int) -> Sequence[float]:
        first, longest = self._settings.poll
        return [min(first * 2.0**number, longest) for number in range(count)]

    # ---- until they have ended

    async def _wait(self) -> None:
        first, longest = self._settings.poll
        until = math.inf if self._settings.max_wait is None else self._began + self._settings.max_wait
        pause, failed = first, 0
        while not all(order.ended for order in self._orders):
            left = until - _runtime.now()
            if left <= 0:
                raise RemoteWaitError(_still_going(self._progress()), progress=self._progress())
            await anyio.sleep(min(pause, left))
            before = [order.batch and order.batch.status for order in self._orders]
            try:
                await self._poll()
                failed = 0
            except _PASSING:
                failed += 1
                if failed == _FAILED_POLLS:
                    raise
            changed = before != [order.batch and order.batch.status for order in self._orders]
            pause = first if changed else min(2 * pause, longest)
            self._report()

    async def _poll(self) -> None:
        for order in self._orders:
            assert order.batch is not None
            if not order.batch.ended:
                order.batch = await self._service.batch(order.batch.id)

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

    async def _take_in(self, order: _Order, results: Results) -> None:
        assert order.batch is not None
        files = [file for file in (order.batch.output_file_id, order.batch.error_file_id) if file is not None]
        if not files:
            return

        def read_rows(checkpoint: Callable[[], object]) -> dict[str, Row]:
            return {row.custom_id: light(row) for row in rows_of(order.part, self._source, checkpoint)}

        rows = await self._threads.run_long(read_rows)
        for file_id in files:
            try:
                content = await self._service.content(file_id)
            except errors.NotFoundError:
                raise RemoteBatchError(
                    f"{order.batch.id} has ended, but its results ({file_id}) are not kept any more."
                    " With other metadata the rows are sent again",
                    reason="lost",
                    batch_id=order.batch.id,
                ) from None
            await self._threads.run_long(partial(results.add, content, rows, self._tally))

    def _complain(self, summary: BatchSummary) -> None:
        """Raise what has become of batches that did not complete."""
        short = [order for order in self._orders if order.batch is not None and order.batch.status != "completed"]
        if not short:
            return
        batch = short[0].batch
        assert batch is not None
        fault = next(iter((batch.errors and batch.errors.data) or ()), None)
        words = f"part {short[0].metadata[_PART]}, {batch.id}: {_PHRASES.get(batch.status, batch.status)}"
        if fault is not None and fault.message:
            row = short[0].part.rows[fault.line - 1 : fault.line] if fault.line else ()
            words += f": {fault.message}" + (f" (row {row[0]} of the input, from 0)" if row else "")
        if len(short) > 1:
            words += f" (and {len(short) - 1} more)"
        code = fault.code if fault is not None else None
        raise RemoteBatchError(words, reason=batch.status, batch_id=batch.id, code=code, summary=summary)

    def _progress(self) -> RemoteProgress:
        return RemoteProgress(tuple(order.progress() for order in self._orders), _runtime.now() - self._began)

    def _report(self) -> None:
        if self._settings.on_progress is not None:
            self._settings.on_progress(self._progress())


_PHRASES: Final[Mapping[str, str]] = {
    "failed": "the batch failed before it ran",
    "expired": "the batch expired; what it had answered is kept",
    "cancelled": "the batch was cancelled; what it had answered is kept",
}


def _still_going(progress: RemoteProgress) -> str:
    names = ", ".join(part.batch_id or "?" for part in progress.parts[:3])
    return (
        f"{progress.done:,} of {progress.total:,} rows have ended at the server after {progress.seconds:.0f} s;"
        f" the batches go on ({names}{', ...' if len(progress.parts) > 3 else ''}), and the same run collects them"
    )
