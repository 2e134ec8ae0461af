"""The calls that change a file of a batch. An error of the system is a `BatchOutputError` that names the file.

A new file has mode 0600. A symbolic link is never followed. A write is complete, or it raises.
"""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress

from openai_async.batch.errors import BatchOutputError

if os.name != "posix":  # pragma: no cover
    raise ImportError("batches need the file locks of a POSIX system")

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO must not hang the open
_WORDS = {
    errno.ENOSPC: "the disk is full. Make room; the same run goes on",
    errno.EDQUOT: "the disk quota is used up. Make room; the same run goes on",
    errno.EFBIG: "the file is as large as it may be",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "not permitted",
    errno.EISDIR: "it is a directory",
    errno.ELOOP: "it is a symbolic link; name the file itself",
    errno.ENOENT: "its directory does not exist",
    errno.ENOTDIR: "its directory is not a directory",
    errno.EIO: "the disk failed",
}


@contextmanager
def refusals(path: str) -> Generator[None, None, None]:
    """Raise the system's errors as `BatchOutputError` of this file."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        words = _WORDS.get(number) or os.strerror(number)
        raise BatchOutputError(f"{path}: {words}", errno=error.errno) from error


def open_regular(path: str) -> int:
    """Open a file to read and write, creating it if need be; its descriptor.

    Raises:
        BatchOutputError: also for what is not a regular file.
    """
    with refusals(path):
        try:
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError:
            descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BatchOutputError(f"{path}: it is not a regular file")
        return descriptor


def create(path: str, mode: int) -> int:
    """Create a file that did not exist; its descriptor."""
    descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    os.fchmod(descriptor, mode)
    return descriptor


def write_at(descriptor: int, data: bytes, offset: int, *, keep: bytes = b"") -> None:
    """Write all of the bytes at an offset.

    Where that fails midway, the file is cut behind the last `keep` among the bytes that were written (or where the
    write began), before the system's error is raised.
    """
    written = 0
    try:
        while written < len(data):
            written += os.pwrite(descriptor, data[written:] if written else data, offset + written)
    except OSError:
        if written and keep:
            with suppress(OSError):
                cut(descriptor, offset + data.rfind(keep, 0, written) + 1)
        raise


def room(descriptor: int) -> float:
    """Bytes that can still be written to a file's disk; infinite where the system does not say."""
    try:
        status = os.fstatvfs(descriptor)
    except OSError:
        return math.inf
    return status.f_bavail * status.f_frsize if status.f_blocks else math.inf


def cut(descriptor: int, size: int) -> None:
    """Cut a file to its first `size` bytes."""
    os.ftruncate(descriptor, size)


def sync(descriptor: int) -> None:
    """Return when the file is on the disk, as far as the system knows."""
    os.fsync(descriptor)


def sync_directory(path: str) -> None:
    """Return when the name of a file is on the disk."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(source: str, target: str) -> None:
    """Give a finished file the name of another, in one step."""
    os.replace(source, target)
    sync_directory(target)


def remove(path: str) -> None:
    """Remove a file; nothing happens if there is none."""
    with suppress(FileNotFoundError):
        os.unlink(path)
