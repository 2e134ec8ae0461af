"""Put OUT in the order of IN and drop superseded lines: a new file replaces it atomically.

It takes 8 bytes of memory a row. A kill leaves the old file or the new one; the next run removes the temporary file.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress

from openai_async.batch.output import disk
from openai_async.batch.output.output_lines import PREFIX, parse

_AT_A_TIME = 1 << 20
_MOST_LINES_ARE_SHORTER = 4096


def put_in_order(path: str, descriptor: int, checkpoint: Callable[[], object]) -> None:
    """Rewrite the file in order. `checkpoint` is called now and then; what it raises keeps the old file."""
    offsets = _last_lines(descriptor, checkpoint)
    temporary = f"{path}.journal.tmp"
    disk.remove(temporary)  # of a run that was killed; we have the lock
    target = disk.create(temporary, stat.S_IMODE(os.fstat(descriptor).st_mode))
    try:
        try:
            _copy(descriptor, offsets, target, checkpoint)
            disk.sync(target)
        finally:
            os.close(target)
        disk.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            disk.remove(temporary)
        raise


def _last_lines(descriptor: int, checkpoint: Callable[[], object]) -> array[int]:
    """Where the last line of each row begins; -1 for a row without one."""
    offsets = array("q")
    offset = 0
    with open(descriptor, "rb", buffering=_AT_A_TIME, closefd=False) as file:
        file.seek(0)
        for position, line in enumerate(file):
            if not position % 1024:
                checkpoint()
            index = _index_of(line)
            if (more := index + 1 - len(offsets)) > 0:
                offsets.frombytes(b"\xff" * (more * offsets.itemsize))
            offsets[index] = offset
            offset += len(line)
    return offsets


def _index_of(line: bytes) -> int:
    if line.startswith(PREFIX):  # not rewritten by another program: no need to read it all
        number = line[len(PREFIX) : len(PREFIX) + 16].partition(b"_")[0]
        if number.isdigit():
            return int(number)
    return parse(line).index


def _copy(descriptor: int, offsets: array[int], target: int, checkpoint: Callable[[], object]) -> None:
    pending, written = bytearray(), 0
    for position, offset in enumerate(offsets):
        if not position % 1024:
            checkpoint()
        if offset < 0:
            continue
        for piece in _line_at(descriptor, offset):
            pending += piece
        if len(pending) >= _AT_A_TIME:
            disk.write_at(target, bytes(pending), written)
            written += len(pending)
            pending.clear()
    disk.write_at(target, bytes(pending), written)


def _line_at(descriptor: int, offset: int) -> Iterator[bytes]:
    length = _MOST_LINES_ARE_SHORTER
    while piece := os.pread(descriptor, length, offset):
        end = piece.find(b"\n")
        if end >= 0:
            yield piece[: end + 1]
            return
        yield piece
        offset += len(piece)
        length = _AT_A_TIME
