"""Look-ups of host names: one at a time for each host, and its result kept for some seconds.

Each look-up occupies a thread of the loop's pool. A burst of new connections would fill it with the same question.
"""

from __future__ import annotations

import socket
from typing import Any, Final, NamedTuple, TypeAlias

import anyio

from openai_async import _concurrency
from openai_async._transport.resource_exhaustion import shortage_of

#: Seconds that a result is used. An address that does not answer is forgotten at once.
_KEPT: Final = 5.0
_CLOSED: Final = "the client was closed while a host name was looked up"

Host: TypeAlias = tuple[str, int]


class Address(NamedTuple):
    """Where a host can be reached."""

    family: int
    address: tuple[Any, ...]


class _Question:
    """A look-up that is under way."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.addresses: list[Address] = []
        self.error: OSError | None = None


class Names:
    """The look-ups of one event loop."""

    def __init__(self) -> None:
        self._known: dict[Host, tuple[float, list[Address]]] = {}
        self._asked: dict[Host, _Question] = {}
        self._jobs = _concurrency.Jobs()
        self._closed = False

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Where a host can be reached, in the resolver's order.

        Raises:
            ShortageError: this machine has too little to ask with.
            OSError: of the resolver.

        Cancelling leaves the look-up to those who wait for it, too.
        """
        if (literal := _literal(host, port)) is not None:
            return [literal]
        key = (host, port)
        known = self._known.get(key)
        if known is not None and _concurrency.now() < known[0]:
            return known[1]
        question = self._asked.get(key)
        if question is None:
            if self._closed:
                raise OSError(_CLOSED)
            question = self._asked[key] = _Question()
            self._jobs.start(lambda: self._ask(key, question))
        await question.done.wait()
        if question.error is not None:
            raise shortage_of(question.error) or type(question.error)(*question.error.args)
        return question.addresses

    def forget(self, host: str, port: int) -> None:
        """Nobody answers at these addresses: ask anew."""
        self._known.pop((host, port), None)

    async def aclose(self) -> None:
        """End the look-ups under way; those who wait for them hear that the client was closed."""
        self._closed = True
        await self._jobs.cancel()

    async def _ask(self, key: Host, question: _Question) -> None:
        question.error = OSError(_CLOSED)
        try:
            resolver = _concurrency.asyncio_loop() or anyio
            found = await resolver.getaddrinfo(*key, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            question.addresses = [Address(family, address) for family, _, _, _, address in found]
            question.error = None
            now = _concurrency.now()
            self._known = {host: kept for host, kept in self._known.items() if now < kept[0]}
            self._known[key] = (now + _KEPT, question.addresses)
        except OSError as error:
            question.error = error
        except Exception as error:  # a label that is too long is a UnicodeError
            question.error = OSError(f"the host name could not be looked up ({type(error).__name__})")
        finally:
            self._asked.pop(key, None)
            question.done.set()


def _literal(host: str, port: int) -> Address | None:
    """An address that is written as one: there is nothing to look up."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return Address(family, (host, port))
    return None
