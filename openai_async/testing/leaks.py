"""Find what a test leaves behind: open sockets and running tasks.

`no_leaks` compares the state after a block with the state before it. Closing takes a few turns of the loop,
so it waits for its condition, for a bounded time. It never collects garbage, because a socket that only
the collector would close is a leak.
"""

from __future__ import annotations

import gc
import os
import socket
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel

_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))
_TURNS, _PAUSES = 50, 100


def open_sockets() -> int:
    """How many sockets this process holds open, those of all threads included.

    Counted from the file descriptors; on systems without a directory of them, from the live `socket` objects.
    """
    for directory in _DESCRIPTORS:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        return sum(map(_is_socket, names))
    return sum(isinstance(item, socket.socket) and item.fileno() >= 0 for item in gc.get_objects())


def pending_tasks() -> list[anyio.TaskInfo]:
    """The unfinished tasks of the running loop (asyncio or trio), without the current one."""
    current = anyio.get_current_task()
    return [task for task in anyio.get_running_tasks() if task.id != current.id]


@asynccontextmanager
async def no_leaks(patience: float = 1.0) -> AsyncGenerator[None]:
    """Assert that a block (`async with no_leaks():`) leaves no more open sockets and no new tasks.

    After the block it waits for that, at most some turns of the loop and then `patience` seconds, and raises
    `AssertionError` naming what is left. A block that raises is not judged: its own error is what matters.
    Sockets are counted for the whole process: a `FaultServer` belongs around the block or wholly inside it,
    and one that drops idle connections meanwhile makes room for a leak. Cancelling during the wait raises the
    cancellation.
    """
    sockets, tasks = open_sockets(), pending_tasks()
    yield
    for attempt in range(_TURNS + _PAUSES):
        if not _leaked(sockets, tasks):
            return
        await (anyio.lowlevel.checkpoint() if attempt < _TURNS else anyio.sleep(patience / _PAUSES))
    if leaked := _leaked(sockets, tasks):
        raise AssertionError(f"leaked: {', '.join(leaked)}")


def _leaked(sockets: int, tasks: list[anyio.TaskInfo]) -> list[str]:
    leaks: list[str] = []
    if (extra := open_sockets() - sockets) > 0:
        leaks.append(f"{extra} open socket{'s' if extra > 1 else ''}")
    # compared by coroutine, which `tasks` keeps alive: the id of a finished task may be given to a new one
    known = {id(task.coro) for task in tasks}
    leaks += [f"task {task.name!r}" for task in pending_tasks() if id(task.coro) not in known]
    return leaks


def _is_socket(descriptor: str) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(int(descriptor)).st_mode)
    except OSError:  # the listing's own descriptor, closed by now
        return False
