"""Connecting a TCP socket, so that cancelling never loses one.

Happy eyeballs (RFC 8305): the addresses of a host are tried in the resolver's order, the next one when an attempt has
failed or has taken `DELAY` seconds; the first that answers wins. (asyncio's own version can lose the winner's socket
when it is cancelled in the same turn.)
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

import anyio

from openai_async._transport.dns import Address, Names
from openai_async._transport.resource_exhaustion import ShortageError, shortage_of

#: Seconds before the next address is tried beside one that has not answered.
DELAY: Final = 0.25

S = TypeVar("S")
Connect = Callable[[Address], Awaitable[S]]


async def dial(host: str, port: int, names: Names) -> socket.socket:
    """A connected, non-blocking socket, on asyncio.

    Raises:
        ShortageError: this machine has too little of something.
        OSError: of the last address, or of the resolver.

    Cancelling closes every socket that was opened.
    """
    addresses = await names.addresses(host, port)
    try:
        return await first_of(addresses, _connect, lambda sock: sock.close())
    except OSError:
        names.forget(host, port)
        raise


async def first_of(addresses: Sequence[Address], connect: Connect[S], close: Callable[[S], object]) -> S:
    """What `connect` gives for the first address that answers; `close` gets what came too late.

    Raises what the last address did, or a ShortageError of any.
    """
    if len(addresses) == 1:
        return await _tried(addresses[0], connect)
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
    """Attempts side by side."""

    def __init__(self, connect: Connect[S]) -> None:
        self.won: list[S] = []
        self.errors: list[Exception] = []
        self.running = 0
        self._connect = connect
        self._ended = anyio.Event()

    async def run(self, address: Address) -> None:
        try:
            self.won.append(await _tried(address, self._connect))
        except Exception as error:
            self.errors.append(error)
        finally:
            self.running -= 1
            self._ended.set()

    async def wait(self) -> None:
        """Until one more attempt has ended."""
        await self._ended.wait()
        self._ended = anyio.Event()


async def _tried(address: Address, connect: Connect[S]) -> S:
    try:
        return await connect(address)
    except Exception as error:
        if (shortage := shortage_of(error, *address)) is not None:
            raise shortage from None
        raise


async def _connect(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address.address)
    except BaseException:
        sock.close()
        raise
    return sock
