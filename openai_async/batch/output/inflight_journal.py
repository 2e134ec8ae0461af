"""`OUT.journal`: the lock of a run, and which rows it has sent and not yet written.

A row that is about to be sent is noted here first; so after a kill it is known which rows were in flight. The file is a
header and one slot for each of them, used again when a row is written: it never grows beyond the rows in flight. A slot
is one line of fixed width:

    number of the row (12)  size of OUT when it was sent (15)  checksum of its request (8)  checksum of the slot (8)

A slot speaks of a row in flight unless OUT has a line of that row at or after that size. So nothing has to be erased,
and a slot that is stale says nothing. One that is torn or damaged is counted, because it may have spoken of a row.
Notes are not forced to the disk: they survive the process, which is what they are for. The file is removed once it is
known that no row is in flight; a run that is refused before that leaves it. A file that is no journal is never changed.
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
class Note:
    """What a slot says."""

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
    def decode(cls, slot: int, line: bytes) -> Note | None:
        """None for a slot that is torn or damaged."""
        with suppress(ValueError):
            index, size, digest, _ = line.split(b" ")
            note = cls(slot, int(index), int(size), int(digest, 16))
            if note.encode() == line:
                return note
        return None


class Sidecar:
    """The journal beside `out`, held by this run alone until it is closed."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._free: list[int] = []
        self._count = 0
        #: Rows that an earlier run left in flight, by number, until they are sent again or written.
        self.held: dict[int, Note] = {}
        self._in_flight = 0
        #: Slots that cannot be read: torn by a kill, or damaged.
        self.damaged: int = 0
        #: Nothing that it says is still to be looked into. A file of others never is.
        self._is_judged = not os.fstat(descriptor).st_size

    @classmethod
    def lock(cls, out: str) -> Sidecar:
        """Open the journal beside `out` and lock it.

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

    def notes(self) -> list[Note]:
        """What the slots say, stale ones included; begins the file if it is new. Call `judged` when it is known.

        Raises:
            BatchOutputError: it is of another version.
        """
        found: list[Note] = []
        with disk.refusals(self.path), open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            header = file.read(len(HEADER))
            is_old = header == _OLD_HEADER
            if header != HEADER:
                if not is_old and not HEADER.startswith(header):
                    raise BatchOutputError(f"{self.path}: not the journal of a batch, or of another version of it")
                disk.write_at(self._descriptor, HEADER, 0)  # old, new, or killed while it was begun
            while len(line := file.read(SLOT)) == SLOT:
                if (note := Note.decode(self._count, line)) is not None:
                    found.append(attrs.evolve(note, digest=UNKNOWN) if is_old else note)
                else:
                    self.damaged += 1
                    self._free.append(self._count)
                self._count += 1
        self._is_judged = not found
        return found

    def judged(self) -> None:
        """It is known which notes are stale: these are let go, and the others are held."""
        self._is_judged = True

    def hold(self, note: Note, size: int) -> None:
        """An earlier run's note that is still true: kept until its row is sent again or written.

        `size` is that of OUT now: it may have lost a torn end since.
        """
        if (other := self.held.get(note.index)) is not None:
            self._free.append(other.slot)
        self.held[note.index] = kept = attrs.evolve(note, size=min(note.size, size))
        if kept != note:
            self._write(kept)

    def let_go(self, note: Note) -> None:
        """An earlier run's note that is stale."""
        self._free.append(note.slot)

    def note(self, index: int, digest: int, size: int) -> int:
        """Note that a row is about to be sent, in a slot of its own; the slot.

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
        self._write(Note(slot, index, size, digest))
        self._in_flight += 1
        return slot

    def written(self, slot: int) -> None:
        """The row of this slot is in OUT now: the slot may be used again."""
        self._free.append(slot)
        self._in_flight -= 1

    def settled(self, index: int) -> None:
        """A row that an earlier run left in flight is in OUT now, without having been sent again."""
        if (note := self.held.pop(index, None)) is not None:
            self._free.append(note.slot)

    def _write(self, note: Note) -> None:
        with disk.refusals(self.path):
            disk.write_at(self._descriptor, note.encode(), len(HEADER) + note.slot * SLOT)

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
        if self._is_judged and not (self._in_flight or self.held or self.damaged):
            with suppress(OSError):  # it is not needed, and does no harm
                disk.remove(self.path)
        os.close(self._descriptor)


def _is_at(path: str, descriptor: int) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
