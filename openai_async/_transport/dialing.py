"""Connecting a TCP socket, so that cancelling never loses one.

Happy eyeballs (RFC 8305): the addresses of a host are tried in the resolver's order, the next one when an attempt has
failed or has taken `DELAY` seconds; the first that answers wins. (asyncio's own version can lose the winner's socket
when it is cancelled in the same turn.)
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

#: Seconds before the next address is tried beside one that has not answered.
DELAY: Final = 0.25


async def dial(host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket.

    Raises:
        OSError: of the last address, or of the resolver.

    Cancelling closes every socket that was opened.
    """
    infos = await _resolve(host, port)
    if len(infos) == 1:
        return await _connect(infos[0])
    attempts: set[asyncio.Task[socket.socket]] = set()
    error: BaseException | None = None
    try:
        while infos or attempts:
            if infos:
                attempts.add(asyncio.create_task(_connect(infos.pop(0))))
            done, _ = await asyncio.wait(
                attempts, timeout=DELAY if infos else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                if (error := attempt.exception()) is None:
                    attempts.discard(attempt)
                    return attempt.result()
            attempts -= done
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_close)  # also of one that has just won, unnoticed
    assert error is not None
    raise error


async def _resolve(host: str, port: int) -> list[Any]:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]  # an address: nothing to look up
    loop = asyncio.get_running_loop()
    return list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))


async def _connect(info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
