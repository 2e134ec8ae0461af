"""What other threads may use of a reply that is read while it arrives.

The synchronous client iterates in its caller's thread and waits on the event loop. It uses these protocols and no
private attribute: `reader_of(stream)` gives a `ChunkSource`, `body_of(download)` a `Closable`.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

C_co = TypeVar("C_co", covariant=True)


class Closable(Protocol):
    """A connection with its permit, which is closed once."""

    @property
    def closed(self) -> bool:
        """Whether the connection and the permit were released. From any thread."""
        ...

    def close(self) -> None:
        """Release both, at once. Call it on the event loop. A second call does nothing."""
        ...

    def disown(self) -> None:
        """Mark it closed, and release nothing: after a fork, the connection is the parent's."""
        ...


class ChunkSource(Closable, Protocol[C_co]):
    """The chunks of a stream: taken in any thread, fetched on the event loop."""

    def take(self) -> C_co | None:
        """The next chunk that is decoded already; None if `fetch` must wait for one. One thread at a time."""
        ...

    async def fetch(self) -> None:
        """Wait until a chunk is decoded, and decode all that have arrived with it.

        Raises `StopAsyncIteration` at the end, and whatever iterating the stream raises. Cancelling closes the stream.
        """
        ...
