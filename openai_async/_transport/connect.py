"""Connect a TCP socket. Cancelling never loses one.

Happy Eyeballs (RFC 8305): the addresses of a host are tried in the resolver's order. The next one is tried when an
attempt has failed or has taken `DELAY` seconds. The first connection wins. (asyncio's version can lose the winner's
socket when it is cancelled in the same turn of the loop.)
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

import anyio

from openai_async._transport.dns import Address, Resolver
from openai_async._transport.resource_exhaustion import ShortageError, shortage_of

#: Seconds before the next address is tried beside one that has not answered.
DELAY: Final = 0.25

S = TypeVar("S")
Connector = Callable[[Address], Awaitable[S]]


async def connect_tcp(host: str, port: int, resolver: Resolver) -> socket.socket:
    """Connect a non-blocking socket, on asyncio.

    Raises:
        ShortageError: this machine has no descriptor, port or buffer left.
        OSError: the error of the last address, or of the resolver.

    Cancelling closes every socket that was opened.
    """
    addresses = await resolver.resolve(host, port)
    try:
        return await connect_any(addresses, _connect, lambda sock: sock.close())
    except OSError:
        resolver.forget(host, port)
        raise


async def connect_any(addresses: Sequence[Address], connect: Connector[S], close: Callable[[S], object]) -> S:
    """Connect to the first address that answers. Connections that come later are passed to `close`.

    Raises the error of the last address, or the ShortageError of any.
    """
    if len(addresses) == 1:
        return await _try_address(addresses[0], connect)
    race = _Race(connect)
    try:
        async with anyio.create_task_group() as group:
            for address in addresses:
                race.running += 1
                group.start_soon(race.run, address)
                with anyio.move_on_after(DELAY):
                    await race.wait()
                if race.won:
                    break
            while not race.won and race.running:
                await race.wait()
            group.cancel_scope.cancel()
    except BaseException:
        for late in race.won:
            close(late)
        raise
    for late in race.won[1:]:
        close(late)
    if race.won:
        return race.won[0]
    raise next((error for error in race.errors if isinstance(error, ShortageError)), race.errors[-1])


class _Race(Generic[S]):
    """Connection attempts in parallel."""

    def __init__(self, connect: Connector[S]) -> None:
        self.won: list[S] = []
        self.errors: list[Exception] = []
        self.running = 0
        self._connect = connect
        self._ended = anyio.Event()

    async def run(self, address: Address) -> None:
        try:
            self.won.append(await _try_address(address, self._connect))
        except Exception as error:
            self.errors.append(error)
        finally:
            self.running -= 1
            self._ended.set()

    async def wait(self) -> None:
        """Wait until one more attempt has ended."""
        await self._ended.wait()
        self._ended = anyio.Event()


async def _try_address(address: Address, connect: Connector[S]) -> S:
    try:
        return await connect(address)
    except Exception as error:
        if (shortage := shortage_of(error, *address)) is not None:
            raise shortage from None
        raise


async def _connect(address: Address) -> socket.socket:
    sock = socket.socket(address.af, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock
