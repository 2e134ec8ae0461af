"""What this machine has too little of: file descriptors, ports, buffers. Not the server's failure, and it passes."""

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

#: Seconds until the machine is asked again, at first and at most; each refusal doubles them.
_FIRST_WAIT: Final = 0.05
_MOST_WAIT: Final = 1.0
_ERRNOS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ShortageError(OSError):
    """A connection could not be opened because this machine had nothing to open it with."""


def wait_after(refusals: int) -> float:
    """Seconds until the machine is asked again."""
    return min(_MOST_WAIT, _FIRST_WAIT * 2.0 ** min(refusals - 1, 16))


def most_connections() -> float:
    """Connections that may be open at a time: the limit on file descriptors, less some for everything else.

    The limit is read each time: a program may raise it.
    """
    if sys.platform == "win32":
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return math.inf
    return max(1, soft - max(16, min(64, soft // 4)))


def shortage_of(error: BaseException, family: int = 0, address: Any = None) -> ShortageError | None:
    """The shortage behind the failure of a connect or of a name look-up; None if it is no shortage.

    Args:
        error: what was raised, perhaps around the error of the system.
        family, address: what was connected to.
    """
    link = next((link for link in causes(error) if isinstance(link, OSError) and link.errno is not None), None)
    if link is None:
        return None
    number = link.errno
    if isinstance(link, socket.gaierror):
        number = _refused_now()  # the resolver does not say why it could not open its files
    elif number == errno.EADDRNOTAVAIL and not _is_reachable(family, address):
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


def _is_reachable(family: int, address: Any) -> bool:
    """Whether there is a way to an address, ports aside: no port is left for it, then."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)  # of a datagram socket: nothing is sent
    except OSError:
        return False
    return True
