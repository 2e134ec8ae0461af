"""The pending rows: the rows of IN that OUT does not answer.

IN is read twice. First the input check counts its rows and compares them with OUT and its journal, before anything is
sent; it parses no JSON. Then rows are taken in small groups, as there is room for them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping

import attrs

from openai_async.batch.errors import BatchInputError, BatchMismatchError
from openai_async.batch.input.rows import BadLine, BadRow, Row, SeenIds
from openai_async.batch.input.source import InputFile, Record
from openai_async.batch.output.inflight_journal import InflightRecord
from openai_async.batch.output.output_file import Finished, Journal
from openai_async.batch.output.output_lines import UNKNOWN, Kind
from openai_async.batch.report import LISTED, Tally
from openai_async.batch.spent import Spent

#: What is taken at a time: so many rows, or so many bytes of them.
_ROWS = 256
_BYTES = 1 << 20


def prepare(
    source: InputFile, journal: Journal, tally: Tally, checkpoint: Callable[[], object], *, retry_failed: bool
) -> PendingRows:
    """Check IN against OUT before a row is sent. With `retry_failed` the options of the run may have changed.

    Raises:
        BatchMismatchError: OUT has the answer to a row that is another request now, or that is not there any more.
        DamagedOutputError: OUT holds something else than lines of a batch.
    """
    finished = journal.replay(source.identity().st_size, checkpoint, by_source=retry_failed)
    tally.damaged_notes = journal.inflight.damaged
    tally.before, tally.answered_before = finished.total, finished.answered
    _check_input(source, finished, journal.inflight.held, tally, checkpoint, retry_failed=retry_failed)
    return PendingRows(source, finished, tally, retry_failed=retry_failed)


def _check_input(
    source: InputFile,
    finished: Finished,
    held: dict[int, InflightRecord],
    tally: Tally,
    checkpoint: Callable[[], object],
    *,
    retry_failed: bool,
) -> None:
    """Count the pending and the finished rows, list the ambiguous ones, and make sure that OUT belongs to IN.

    A row that failed and is another request now is a new one, and forgotten. With `retry_failed` the options of the run
    may have changed: then answered rows need only stand in IN as they did.

    Raises:
        BatchMismatchError: OUT has the answer to a row that is another request now, or that is not there any more.
    """
    end = 0
    kinds, digests, size = finished.kinds, finished.digests, len(finished.kinds)
    for record in source.records(checkpoint):
        tally.total += 1
        index = record.index
        end = index + 1
        comparable = index < size and kinds[index] != Kind.NONE and digests[index] != UNKNOWN
        if comparable and digests[index] != (record.digest if finished.by_source else _request_digest(source, record)):
            if kinds[index] == Kind.OK:
                raise _mismatch(source, record, "was answered")
            finished.forget(index)
        elif index < size and not _is_to_do(kinds[index], retry_failed):
            tally.skip(Kind(kinds[index]))
        if index in held:
            recorded_digest = held[index].digest
            if not retry_failed and recorded_digest not in (UNKNOWN, _request_digest(source, record)):
                raise _mismatch(source, record, "is noted as in flight")
            tally.add_ambiguous(_custom_id(source, record) if tally.ambiguous < LISTED else "")
    # Failures of lines that are gone do not matter.
    if Kind.OK in kinds[end:] or any(index >= end for index in held):
        raise BatchMismatchError(f"{source.path} ends before a row that the output knows; {_REMEDY}")
    finished.digests = array("I")  # free them: the check is over


_REMEDY = (
    "the input, or what its requests share (model, parameters, template), has changed since. Nothing was sent."
    " Restore it, or write to another file"
)


def _mismatch(source: InputFile, record: Record, what: str) -> BatchMismatchError:
    message = f"{source.path}, line {record.number}, is not the request that {what} in the output: {_REMEDY}"
    return BatchMismatchError(message, line=record.number)


def _request_digest(source: InputFile, record: Record) -> int | None:
    """The checksum of the request that a record makes; None if it makes none."""
    try:
        return source.row(record).digest
    except BadRow:
        return None


def _custom_id(source: InputFile, record: Record) -> str:
    try:
        return source.row(record).custom_id
    except BadRow:
        return f"row-{record.index}"


def _is_to_do(kind: int, retry_failed: bool) -> bool:
    return kind in (Kind.NONE, Kind.RETRYABLE) or (retry_failed and kind == Kind.FAILED)


class PendingRows:
    """The rows that are to be sent, in the order of IN."""

    def __init__(self, source: InputFile, finished: Finished, tally: Tally, *, retry_failed: bool) -> None:
        self._source = source
        self._finished = finished
        self._tally = tally
        self._retry_failed = retry_failed
        self._seen = SeenIds(tally.total)
        self._checkpoint: Callable[[], object] = int
        self._records = self._all_records()

    @property
    def spent(self) -> Mapping[int, Spent]:
        """The cost of rows without an answer in earlier runs, by the number of the row."""
        return self._finished.spent

    def _all_records(self) -> Iterator[Record]:
        return self._source.records(lambda: self._checkpoint())

    def take(self, checkpoint: Callable[[], object]) -> list[Row]:
        """Return the next few rows; none at the end. Counts the lines that are not requests."""
        self._checkpoint = checkpoint
        rows: list[Row] = []
        size = 0
        for record in self._records:
            if (row := self._wanted(record)) is not None:
                rows.append(row)
                size += record.size
                if len(rows) >= _ROWS or size >= _BYTES:
                    break
        return rows

    def check_some_are_requests(self) -> None:
        """Refuse an IN of which no line is a request, for one reason that all of them share. Call it at the end.

        Raises:
            BatchInputError: names the reason.
        """
        reasons = {line.reason for line in self._tally.bad_lines}
        if self._tally.total > 1 and self._tally.bad == self._tally.total and len(reasons) == 1:
            raise BatchInputError(f"{self._source.path}: no line is a request, for the same reason: {reasons.pop()}")

    def _wanted(self, record: Record) -> Row | None:
        try:
            row = self._source.row(record)
            if not self._seen.add(row.custom_id):
                raise BadRow(f"the custom_id {row.custom_id[:100]!r} was used before")
        except BadRow as error:
            self._tally.refuse(BadLine(record.number, str(error)))
            return None
        if not _is_to_do(self._finished.kind(row.index), self._retry_failed):
            return None
        spent = self._finished.spent.get(row.index)
        return row if spent is None else attrs.evolve(row, spent=spent)
