"""Socket options of every connection.

TCP keep-alive finds a dead peer in about two minutes, where a silent stream would otherwise hang to its timeout, and
keeps NAT tables from forgetting an idle connection.
"""

from __future__ import annotations

import socket
from typing import Final


def _options() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if (option := getattr(socket, name, None)) is not None:  # not every platform has all three
            options.append((socket.IPPROTO_TCP, option, value))
    return options


KEEPALIVE: Final = _options()
