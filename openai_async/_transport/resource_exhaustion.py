"""Shortages of this machine: file descriptors, ports, buffers. They pass, and are not the server's failure."""

from __future__ import annotations

import errno
import math
import os
import socket
import sys
from typing import Any, Final

if sys.platform != "win32":  # which has no such limit
    import resource

from openai_async._transport.causes import causes

#: Seconds before the next connect after a refusal: at first and at most. Each refusal doubles them.
_FIRST_WAIT: Final = 0.05
_MOST_WAIT: Final = 1.0
_ERRNOS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ShortageError(OSError):
    """A connection could not be opened because this machine has no descriptor, port or buffer left."""


def wait_after(refusals: int) -> float:
    """Seconds before the next connect."""
    return min(_MOST_WAIT, _FIRST_WAIT * 2.0 ** min(refusals - 1, 16))


def most_connections() -> float:
    """Most connections at a time: the limit on file descriptors, less some for everything else.

    The limit is read each time, because a program may raise it.
    """
    if sys.platform == "win32":
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return math.inf
    return max(1, soft - max(16, min(64, soft // 4)))


def shortage_of(error: BaseException, af: int = 0, address: Any = None) -> ShortageError | None:
    """The shortage that made a connect or a name look-up fail; None if it is another failure.

    Args:
        error: what was raised. It may wrap the system error.
        af, address: the address of the connect.
    """
    link = next((link for link in causes(error) if isinstance(link, OSError) and link.errno is not None), None)
    if link is None:
        return None
    number = link.errno
    if isinstance(link, socket.gaierror):
        number = _refused_now()  # the resolver does not say why it could not open its files
    elif number == errno.EADDRNOTAVAIL and not _is_reachable(af, address):
        return None
    if number in _ERRNOS or number == errno.EADDRNOTAVAIL:
        assert number is not None
        return ShortageError(number, os.strerror(number))
    return None


def _refused_now() -> int | None:
    try:
        socket.socket().close()
    except OSError as error:
        return error.errno
    return None


def _is_reachable(af: int, address: Any) -> bool:
    """Whether there is a route to an address. If so, it is ports that are short."""
    try:
        with socket.socket(af, socket.SOCK_DGRAM) as probe:
            probe.connect(address)  # of a datagram socket: nothing is sent
    except OSError:
        return False
    return True
