"""Asynchronous iterators and context managers, kept open on the loop for a thread.

One task owns each from beginning to end, because cancel scopes and generators need that. Items are handed over in
batches: all that have arrived with the first item, up to `_MOST` items, `_BYTES` bytes or `_SECONDS` seconds. No item
waits for the next one, and at most one is read before it is requested.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Protocol, TypeVar, cast

import anyio

from openai_async.errors import ForeignLoopError
from openai_async.sync._bridge.portal import Portal
from openai_async.types._uncopied import Uncopied

T = TypeVar("T")

_MOST: Final = 64
_BYTES: Final = 1 << 20
_SECONDS: Final = 0.002


class AsyncIteratorReader(Generic[T]):
    """Reads an asynchronous iterator for a thread. All methods but `drop` belong to the loop.

    `open_` returns the iterator, which is closed at the end if it has `aclose`.
    """

    def __init__(self, portal: Portal, open_: Callable[[], AsyncIterator[T]]) -> None:
        self.portal = portal
        self._open = open_
        self._items: deque[T] = deque()
        self._bytes = 0
        self._failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._scope: anyio.CancelScope | None = None
        self._closed = self._ended = False
        self._wanted = asyncio.Event()  # a thread waits for items
        self._items_ready = asyncio.Event()  # items have arrived, or the iterator has ended

    async def batch(self) -> deque[T]:
        """The next items; empty at the end. Raises what iterating raises."""
        if self._task is None and not self._closed:
            self.portal.hold()
            self._task = self.portal.spawn(self._run())
        self._wanted.set()
        while not self._items and not self._ended and not self._closed:
            self._items_ready.clear()
            await self._items_ready.wait()
        self._wanted.clear()
        items, self._items, self._bytes = self._items, deque(), 0
        if not items and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return items

    async def close(self) -> None:
        """End the iteration and wait until the iterator is closed."""
        self._drop()
        if self._task is not None:
            await asyncio.wait([self._task])

    @property
    def ended(self) -> bool:
        """Whether nothing more is read."""
        return self._ended

    def drop(self) -> None:
        """End it without waiting. From any thread."""
        if not self._ended:
            self.portal.post(self._drop)

    def _drop(self) -> None:
        self._closed = True
        self._items.clear()
        self._items_ready.set()
        if self._scope is not None:
            self._scope.cancel()

    async def _run(self) -> None:
        try:
            with anyio.CancelScope() as self._scope:
                if not self._closed:
                    await self._iterate(self._open())
        except BaseException as error:
            self._failure = error
        self._ended = True
        self._items_ready.set()
        self.portal.release()

    async def _iterate(self, source: AsyncIterator[T]) -> None:
        now = asyncio.get_running_loop().time
        until = 0.0
        try:
            while True:
                await self._wanted.wait()
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    return
                if not self._items:
                    until = now() + _SECONDS
                self._items.append(item)
                self._items_ready.set()
                if isinstance(item, bytes):
                    self._bytes += len(item)
                if len(self._items) >= _MOST or self._bytes >= _BYTES or now() >= until:
                    self._wanted.clear()
        finally:
            if (close := getattr(source, "aclose", None)) is not None:
                with anyio.CancelScope(shield=True):
                    await close()


class EnteredContext(Generic[T]):
    """An asynchronous context manager that a thread has entered. All methods but `drop` belong to the loop."""

    def __init__(self, portal: Portal, manager: AbstractAsyncContextManager[T]) -> None:
        self.portal = portal
        self._manager = manager
        self._value: T | None = None
        self._entered = asyncio.Event()  # or failed
        self._left = asyncio.Event()
        self._reason: BaseException | None = None
        self._suppressed: bool | None = None
        self._failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._scope: anyio.CancelScope | None = None

    async def enter(self) -> T:
        """Enter the context. Cancelling leaves it again."""
        self.portal.hold()
        self._task = self.portal.spawn(self._run())
        try:
            await self._entered.wait()
        except BaseException:
            self._left.set()
            if self._scope is not None and not self._entered.is_set():
                self._scope.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([self._task])
            raise
        self._raise()
        return cast("T", self._value)

    async def leave(self, reason: BaseException | None) -> bool | None:
        """Leave the context, with an error or with None. Returns what its exit returns."""
        self._reason = reason
        self._left.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._raise()
        return self._suppressed

    def drop(self) -> None:
        """Leave the context without waiting. From any thread."""
        self.portal.post(self._left.set)

    def _raise(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def _run(self) -> None:
        try:
            with anyio.CancelScope() as self._scope:
                self._value = await self._manager.__aenter__()
                self._entered.set()
                try:
                    await self._left.wait()
                except BaseException as error:  # the interpreter ends
                    await self._exit(error)
                    raise
                self._suppressed = await self._exit(self._reason)
        except BaseException as error:
            self._failure = error if error is not self._reason else None
        self._entered.set()
        self.portal.release()

    async def _exit(self, reason: BaseException | None) -> bool | None:
        if reason is None:
            return await self._manager.__aexit__(None, None, None)
        return await self._manager.__aexit__(type(reason), reason, reason.__traceback__)


class Caller(Protocol):
    """Makes calls on the portal."""

    def call(self, function: Callable[[], Awaitable[T]]) -> T: ...


class IteratorProxy(Uncopied, Generic[T]):
    """An iterator for threads. Each item goes to one of them; `close` ends it, also from another thread."""

    def __init__(self, reader: AsyncIteratorReader[T], caller: Caller) -> None:
        self._reader = reader
        self._caller = caller
        self._lock = threading.Lock()
        self._batch: deque[T] = deque()
        self._over = False

    @property
    def over(self) -> bool:
        """Whether it has ended, or its portal has."""
        return self._over or self._reader.portal.forked or self._reader.portal.exiting

    @property
    def unread(self) -> int:
        """The number of items that have arrived and were not taken."""
        return len(self._batch)

    def __iter__(self) -> IteratorProxy[T]:
        return self

    def __next__(self) -> T:
        if self._reader.portal.forked:
            raise ForeignLoopError("this iterator belongs to the parent process; begin another one in this one")
        with self._lock:
            if not self._batch:
                if not self._over:
                    self._fetch()
                if not self._batch:
                    self._over = True
                    raise StopIteration
            return self._batch.popleft()

    def _fetch(self) -> None:
        if self._reader.portal.ended and not self._reader.ended:
            self._over = True
            raise ForeignLoopError("the client was closed before this iterator was at its end; begin another one")
        try:
            self._batch = self._caller.call(self._reader.batch)
        except Exception:
            self._over = True
            self._reader.drop()
            raise
        except BaseException:  # Ctrl-C
            self.close()
            raise

    def close(self) -> None:
        """End the iteration and wait until the asynchronous iterator is closed."""
        self._over = True
        self._batch.clear()
        if not self._reader.portal.forked:
            self._caller.call(self._reader.close)

    def drop(self) -> None:
        """End it without waiting. From any thread."""
        self._reader.drop()

    def __del__(self) -> None:
        self._reader.drop()
