"""Look up host names: one look-up at a time for each host, and its result cached for some seconds.

Each look-up occupies a thread of the loop's pool. Without the cache, a burst of new connections would fill the pool.
"""

from __future__ import annotations

import socket
from typing import Any, Final, NamedTuple, TypeAlias

import anyio

from openai_async import _concurrency
from openai_async._transport.resource_exhaustion import shortage_of

#: Seconds that a result is cached. It is dropped as soon as no address of it answers.
_KEPT: Final = 5.0
_CLOSED: Final = "the client was closed while a host name was looked up"

Host: TypeAlias = tuple[str, int]


class Address(NamedTuple):
    """A socket address and its family."""

    af: int
    sockaddr: tuple[Any, ...]


class _Lookup:
    """A look-up in progress, which several calls may wait for."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.addresses: list[Address] = []
        self.error: OSError | None = None


class Resolver:
    """The look-ups and the cache of one event loop."""

    def __init__(self) -> None:
        self._cache: dict[Host, tuple[float, list[Address]]] = {}
        self._lookups: dict[Host, _Lookup] = {}
        self._jobs = _concurrency.Jobs()
        self._closed = False

    async def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, in the order of the system's resolver.

        Raises:
            ShortageError: this machine has no descriptor left for the look-up.
            OSError: the look-up failed.

        Cancelling does not end the look-up: other calls may wait for it.
        """
        if (literal := _literal(host, port)) is not None:
            return [literal]
        key = (host, port)
        cached = self._cache.get(key)
        if cached is not None and _concurrency.now() < cached[0]:
            return cached[1]
        lookup = self._lookups.get(key)
        if lookup is None:
            if self._closed:
                raise OSError(_CLOSED)
            lookup = self._lookups[key] = _Lookup()
            self._jobs.start(lambda: self._look_up(key, lookup))
        await lookup.done.wait()
        if lookup.error is not None:
            raise shortage_of(lookup.error) or type(lookup.error)(*lookup.error.args)
        return lookup.addresses

    def forget(self, host: str, port: int) -> None:
        """Drop the cached addresses, because none of them answers."""
        self._cache.pop((host, port), None)

    async def aclose(self) -> None:
        """Cancel the look-ups in progress. Calls that wait for one get an error."""
        self._closed = True
        await self._jobs.cancel()

    async def _look_up(self, key: Host, lookup: _Lookup) -> None:
        lookup.error = OSError(_CLOSED)
        try:
            resolver = _concurrency.asyncio_loop() or anyio
            results = await resolver.getaddrinfo(*key, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            lookup.addresses = [Address(af, address) for af, _, _, _, address in results]
            lookup.error = None
            now = _concurrency.now()
            self._cache = {host: kept for host, kept in self._cache.items() if now < kept[0]}
            self._cache[key] = (now + _KEPT, lookup.addresses)
        except OSError as error:
            lookup.error = error
        except Exception as error:  # a label that is too long is a UnicodeError
            lookup.error = OSError(f"the host name could not be looked up ({type(error).__name__})")
        finally:
            self._lookups.pop(key, None)
            lookup.done.set()


def _literal(host: str, port: int) -> Address | None:
    """The address of a host that is an IP address; None for a name."""
    for af in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(af, host)
        except OSError:
            continue
        return Address(af, (host, port))
    return None
