"""The in-flight journal `OUT.journal`: the lock of a run, and the rows that it has sent and not yet written.

A row is recorded here before it is sent, so that after a kill the rows in flight are known. The file is a header and
one slot for each row in flight. A slot is used again when its row is written, so the file never grows beyond these. A
slot is one line of fixed width:

    number of the row (12)  size of OUT when it was sent (15)  checksum of its request (8)  checksum of the slot (8)

A slot is stale if OUT has a line of its row at or after that size; otherwise the row is in flight. So nothing has to be
erased. A torn or damaged slot is counted, because it may have held a row. Records are not synced to the disk, because
they need to survive the process only. The file is removed when no row is known to be in flight; a run that is refused
before that leaves it. A file that is not a journal is never changed.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from contextlib import suppress

import attrs

from openai_async.batch.errors import BatchLockedError, BatchOutputError
from openai_async.batch.output import disk
from openai_async.batch.output.output_lines import UNKNOWN

HEADER = b'{"format":"openai_async.batch/2"}\n'
#: Of version 0.1, whose checksums were made in another way.
_OLD_HEADER = b'{"format":"openai_async.batch/1"}\n'
SLOT = 47


@attrs.frozen
class InflightRecord:
    """The content of a slot."""

    slot: int
    index: int
    #: Bytes of OUT when the row was sent.
    size: int
    digest: int

    def encode(self) -> bytes:
        """The slot's line."""
        text = b"%012d %015d %08x" % (self.index, self.size, self.digest)
        return text + b" %08x\n" % zlib.crc32(text)

    @classmethod
    def decode(cls, slot: int, line: bytes) -> InflightRecord | None:
        """None for a slot that is torn or damaged."""
        with suppress(ValueError):
            index, size, digest, _ = line.split(b" ")
            record = cls(slot, int(index), int(size), int(digest, 16))
            if record.encode() == line:
                return record
        return None


class InflightJournal:
    """The open and locked journal of `out`. One run holds it until it is closed."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._free: list[int] = []
        self._count = 0
        #: Rows that an earlier run left in flight, by number, until they are sent again or written.
        self.held: dict[int, InflightRecord] = {}
        self._in_flight = 0
        #: Slots that cannot be read: torn by a kill, or damaged.
        self.damaged: int = 0
        #: Whether all its records were compared with OUT. It stays False for a file that is not a journal.
        self._is_checked = not os.fstat(descriptor).st_size

    @classmethod
    def lock(cls, out: str) -> InflightJournal:
        """Open the journal of `out` and lock it.

        Raises:
            BatchLockedError: another run has it.
            BatchOutputError: it cannot be written, or is of another version.
        """
        path = f"{out}.journal"
        while True:
            descriptor = disk.open_regular(path)
            try:
                with disk.refusals(path):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if _is_at(path, descriptor):
                        return cls(path, descriptor)
            except BatchOutputError as error:
                os.close(descriptor)
                if isinstance(error.__cause__, BlockingIOError):
                    raise BatchLockedError(f"{out}: another run is writing it") from None
                raise
            os.close(descriptor)  # its holder removed it before we had the lock: there is, or will be, a new one

    def records(self) -> list[InflightRecord]:
        """Read the slots, stale ones included. Begins a new file. Call `checked` after comparing them with OUT.

        Raises:
            BatchOutputError: it is of another version.
        """
        records_read: list[InflightRecord] = []
        with disk.refusals(self.path), open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            header = file.read(len(HEADER))
            is_old = header == _OLD_HEADER
            if header != HEADER:
                if not is_old and not HEADER.startswith(header):
                    raise BatchOutputError(f"{self.path}: not the journal of a batch, or of another version of it")
                disk.write_at(self._descriptor, HEADER, 0)  # old, new, or killed while it was begun
            while len(line := file.read(SLOT)) == SLOT:
                if (record := InflightRecord.decode(self._count, line)) is not None:
                    records_read.append(attrs.evolve(record, digest=UNKNOWN) if is_old else record)
                else:
                    self.damaged += 1
                    self._free.append(self._count)
                self._count += 1
        self._is_checked = not records_read
        return records_read

    def checked(self) -> None:
        """Mark all records as compared with OUT: the stale ones are freed, the others held."""
        self._is_checked = True

    def hold(self, record: InflightRecord, size: int) -> None:
        """Keep an earlier run's record that is not stale, until its row is sent again or written.

        `size` is that of OUT now: it may have lost a torn end since.
        """
        if (other := self.held.get(record.index)) is not None:
            self._free.append(other.slot)
        self.held[record.index] = kept = attrs.evolve(record, size=min(record.size, size))
        if kept != record:
            self._write(kept)

    def free(self, record: InflightRecord) -> None:
        """Free the slot of an earlier run's stale record."""
        self._free.append(record.slot)

    def record(self, index: int, digest: int, size: int) -> int:
        """Record that a row is about to be sent, and return the slot.

        A write of one line to the page cache: a few microseconds, less than a hop to another thread. It does not wait
        for the disk.

        Raises:
            BatchOutputError: it cannot be written; the row must not be sent.
        """
        if (before := self.held.pop(index, None)) is not None:
            slot = before.slot
        elif self._free:
            slot = self._free.pop()
        else:
            slot, self._count = self._count, self._count + 1
        self._write(InflightRecord(slot, index, size, digest))
        self._in_flight += 1
        return slot

    def written(self, slot: int) -> None:
        """Free the slot of a row that is in OUT now."""
        self._free.append(slot)
        self._in_flight -= 1

    def settled(self, index: int) -> None:
        """Free the slot of an earlier run's row that is in OUT now without being sent again."""
        if (record := self.held.pop(index, None)) is not None:
            self._free.append(record.slot)

    def _write(self, record: InflightRecord) -> None:
        with disk.refusals(self.path):
            disk.write_at(self._descriptor, record.encode(), len(HEADER) + record.slot * SLOT)

    def clear(self) -> None:
        """Forget all slots: every row is in OUT, which may now be written anew and change its size."""
        assert not self._in_flight
        self.held.clear()
        self.damaged = 0
        with disk.refusals(self.path):
            disk.cut(self._descriptor, len(HEADER))
        self._free.clear()
        self._count = 0

    def close(self) -> None:
        """Give up the lock. The file is removed if it has nothing to say; else the next run learns from it."""
        if self._is_checked and not (self._in_flight or self.held or self.damaged):
            with suppress(OSError):  # it is not needed, and does no harm
                disk.remove(self.path)
        os.close(self._descriptor)


def _is_at(path: str, descriptor: int) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
