"""Socket options of every connection.

TCP keep-alive detects a dead peer in about two minutes, where a silent stream would hang until its timeout. It also
keeps an idle connection in NAT tables.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from functools import partial
from typing import Final


def _options() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if (option := getattr(socket, name, None)) is not None:  # not every platform has all three
            options.append((socket.IPPROTO_TCP, option, value))
    return options


KEEPALIVE: Final = _options()


def readable(fd: int) -> Callable[[], object]:
    """A function that says, without waiting, whether a socket has something to read, its end included.

    Windows has no poll(2), nor has a process that eventlet has patched. select(2) takes descriptors below 1024 only.
    For others the function says no, and the event loop sees the end later.
    """
    if (poll := getattr(select, "poll", None)) is None:
        return partial(_selected, fd)
    poller = poll()
    poller.register(fd, select.POLLIN)
    return partial(poller.poll, 0)


def _selected(fd: int) -> bool:
    try:
        return bool(select.select([fd], [], [], 0)[0])
    except (OSError, ValueError):
        return False
