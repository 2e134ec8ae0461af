"""OUT as an append-only file: a row whose line is on the disk is not sent again.

Opening it repairs a torn last line, because a kill can leave one. Any other damage is an error that names the offset,
and the file is left as it is. The lock of the in-flight journal allows one writer at a time.
"""

from __future__ import annotations

import errno
import math
import os
from array import array
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, Self

import attrs
import orjson

from openai_async.batch.errors import BatchInputError, BatchMismatchError, BatchOutputError, DamagedOutputError
from openai_async.batch.output import disk
from openai_async.batch.output.inflight_journal import InflightJournal, InflightRecord
from openai_async.batch.output.ordering import put_in_order
from openai_async.batch.output.output_lines import PREFIX, Entry, Kind, parse
from openai_async.batch.spent import NOTHING, Spent

_PAGE: Final = 4096


@attrs.define
class Finished:
    """The state of every row in OUT, by its number: 5 bytes a row, and more for failures that have cost something.

    `by_source`: the digests are of what stands in IN, not of the requests that were made of it.
    """

    by_source: bool = False
    kinds: bytearray = attrs.field(factory=bytearray, repr=False)
    digests: array[int] = attrs.field(factory=lambda: array("I"), repr=False)
    #: What rows without an answer have cost, by their number. The next line of the row takes it over.
    spent: dict[int, Spent] = attrs.field(factory=dict[int, Spent], repr=False)
    _of_answers: Spent = NOTHING

    @property
    def total(self) -> Spent:
        """The cost of all rows."""
        return sum(self.spent.values(), self._of_answers)

    @property
    def answered(self) -> int:
        """The number of rows that have their answer."""
        return self.kinds.count(Kind.OK)

    def add(self, entry: Entry) -> None:
        """Add a line. The last line of a row counts."""
        index = entry.index
        if (more := index + 1 - len(self.kinds)) > 0:
            self.kinds.extend(bytes(more))
            self.digests.frombytes(bytes(more * self.digests.itemsize))
        if self.kinds[index] != Kind.OK:  # else it is in the total
            self.spent.pop(index, None)
            if entry.kind is Kind.OK:
                self._of_answers += entry.spent
            elif entry.spent != NOTHING:
                self.spent[index] = entry.spent
        self.kinds[index] = entry.kind
        self.digests[index] = entry.source_digest if self.by_source else entry.digest

    def mark_ambiguous(self, index: int) -> None:
        """Mark a row as sent again after its line in OUT, without an answer. The cost of that call is not known."""
        self.spent[index] = self.spent.get(index, NOTHING) + Spent(unanswered=1)
        self.forget(index)

    def forget(self, index: int) -> None:
        """Mark a row as pending."""
        if index < len(self.kinds):
            self.kinds[index] = Kind.NONE

    def kind(self, index: int) -> Kind:
        """The kind of a row; NONE if it is not in OUT."""
        return Kind(self.kinds[index]) if index < len(self.kinds) else Kind.NONE


class Journal:
    """OUT and its in-flight journal, open and locked."""

    def __init__(self, path: str, descriptor: int, inflight: InflightJournal) -> None:
        self.path = path
        self.inflight = inflight
        self._descriptor = descriptor
        #: Bytes of whole lines.
        self.size: int = 0
        self._longest = 2048  # bytes of a line; as a guess before there is one
        self._last = -1
        self._in_order = True
        self._broken = False  # after a refusal nobody knows what is on the disk; the next run will look

    @classmethod
    def open(cls, path: str, source: os.stat_result) -> Self:
        """Open OUT, creating it if need be, for one run at a time.

        Raises:
            BatchInputError: it is the same file as IN.
            BatchLockedError: another run has it.
            BatchOutputError: it, or the journal beside it, cannot be written.
        """
        path = os.path.abspath(path)
        with disk.refusals(path):  # before a journal appears beside something else
            if os.path.lexists(path):
                os.close(disk.open_regular(path))
        inflight = InflightJournal.lock(path)
        try:
            descriptor = disk.open_regular(path)
            try:
                if os.path.samestat(source, status := os.fstat(descriptor)):
                    raise BatchInputError(f"{path}: input and output are the same file")
                if not status.st_size:  # new, as far as we know
                    with disk.refusals(path):
                        disk.sync_directory(path)
            except BaseException:
                os.close(descriptor)
                raise
        except BaseException:
            inflight.close()
            raise
        return cls(path, descriptor, inflight)

    def close(self) -> None:
        """Close both files and give up the lock."""
        try:
            os.close(self._descriptor)
        finally:
            self.inflight.close()

    def replay(self, rows: int, checkpoint: Callable[[], object], *, by_source: bool = False) -> Finished:
        """Read which rows are finished and which were in flight, and repair a torn end. `rows` bounds their numbers.

        `by_source`: as in `Finished`.

        Afterwards `inflight.held` has the rows that an earlier run sent, and that have no answer here.

        Raises:
            BatchMismatchError: it speaks of rows that IN does not have.
            DamagedOutputError: it holds something else than lines of a batch.
        """
        finished = Finished(by_source)
        records: dict[int, list[InflightRecord]] = {}
        for record in self.inflight.records():
            records.setdefault(record.index, []).append(record)
        with disk.refusals(self.path), open(self._descriptor, "rb", buffering=1 << 20, closefd=False) as file:
            for position, (offset, size, entry) in enumerate(replayed(self.path, file, ours=bool(records))):
                if not position % 1024:
                    checkpoint()
                if entry.index >= rows:
                    raise BatchMismatchError(f"{self.path} has an answer to row {entry.index}, which the input has not")
                finished.add(entry)
                self._count_line(entry.index, size)
                if (of_row := records.get(entry.index)) is not None:
                    # An answer settles its row even where another program has moved the lines.
                    for record in [record for record in of_row if record.size <= offset or entry.kind is Kind.OK]:
                        of_row.remove(record)
                        self.inflight.free(record)
            self._repair()
        for record in [record for of_row in records.values() for record in of_row]:
            self.inflight.hold(record, self.size)
            finished.mark_ambiguous(record.index)
        self.inflight.checked()
        return finished

    def _count_line(self, index: int, size: int) -> None:
        self._in_order = self._in_order and index > self._last
        self._last = index
        self.size += size
        self._longest = max(self._longest, size)

    def _repair(self) -> None:
        """Cut the file after its last complete line, and end it with a line break."""
        is_longer = self.size < os.fstat(self._descriptor).st_size
        if is_longer:
            disk.cut(self._descriptor, self.size)
        is_open = self.size > 0 and os.pread(self._descriptor, 1, self.size - 1) != b"\n"
        if is_open:
            disk.write_at(self._descriptor, b"\n", self.size - 1)
        if is_longer or is_open:
            disk.sync(self._descriptor)

    def has_room(self, lines: int) -> bool:
        """Whether the disk has room for so many lines as long as the longest one so far, and half as much again."""
        pages = math.ceil(1.5 * lines * self._longest / _PAGE) + 1
        return disk.room(self._descriptor) >= pages * _PAGE

    def no_room(self) -> BatchOutputError:
        """The error for a disk that is nearly full."""
        message = f"{self.path}: the disk is nearly full, and answers would be lost. Make room; the same run goes on"
        return BatchOutputError(message, errno=errno.ENOSPC)

    def append(self, lines: list[tuple[int, bytes]], *, sync: bool) -> None:
        """Append lines, with the numbers of their rows. They survive the process when this returns.

        With `sync`, all lines so far are on the disk when this returns.

        Raises:
            BatchOutputError: what was there before is as it was, and the file ends with a whole line.
        """
        if self._broken:
            raise BatchOutputError(f"{self.path}: not written any more, after an error")
        self._broken = True
        with disk.refusals(self.path):
            if lines:
                disk.write_at(self._descriptor, b"".join([line for _, line in lines]), self.size, keep=b"\n")
                for index, line in lines:
                    self._count_line(index, len(line))
            if sync:
                disk.sync(self._descriptor)
        self._broken = False

    def finish(self, checkpoint: Callable[[], object], *, ordered: bool) -> None:
        """Put OUT in the order of IN when all rows are finished. With `ordered=False`, only remove the slots."""
        self.inflight.clear()
        if not ordered or self._in_order:
            return
        with disk.refusals(self.path):
            put_in_order(self.path, self._descriptor, checkpoint)
        self._in_order = True


def replayed(path: str, file: BinaryIO, *, ours: bool) -> Iterator[tuple[int, int, Entry]]:
    """Every complete line from the beginning: its offset, its bytes (with the line break), and its entry.

    A last line that is torn is left out. `ours`: it is known that a batch wrote the file, even if no line says so.

    Raises:
        DamagedOutputError: something else stands where a line was due.
    """
    offset = 0
    while line := file.readline():
        try:
            entry = parse(line)
        except ValueError as error:
            # A line that ends with its line break was written whole: it is damaged, not torn.
            could_be_torn = not line.endswith(b"\n") or (not line.strip() and not file.read(1))
            if could_be_torn and isinstance(error, orjson.JSONDecodeError) and _is_torn(line, ours=ours):
                if (last_entry := _with_damaged_end(line)) is not None:
                    yield offset, len(line), last_entry
                return
            raise DamagedOutputError(
                f"{path}: no line of a batch at byte {offset} ({_reason(error)}); it was left as it is."
                " Take that line out, and its row is sent again, or write to another file",
                offset=offset,
            ) from None
        ours = True
        size = len(line) + (not line.endswith(b"\n"))
        yield offset, size, entry
        offset += size


def _reason(error: ValueError) -> str:
    return "not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)


def _with_damaged_end(line: bytes) -> Entry | None:
    """The entry of a last line of which only the line break is damaged."""
    try:
        return parse(line[:-1])
    except ValueError:
        return None


def _is_torn(line: bytes, *, ours: bool) -> bool:
    """Whether a last line that is not JSON is one that was not written to its end.

    It is not if another one begins within: then a line break was damaged, and what follows it is whole.
    """
    return PREFIX not in line[1:] and (ours or _could_be_ours(line))


def _could_be_ours(torn: bytes) -> bool:
    return torn.startswith(PREFIX) or PREFIX.startswith(torn) or not torn.strip(b"\0")
