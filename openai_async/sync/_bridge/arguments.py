"""Converters of arguments, from what a thread passes to what a task takes: iterables, callables, events.

Nothing here blocks the loop: an iterable is read in a thread of its own, and a callable key is called in a worker
thread. Callbacks of progress are the exception: they are called on the loop, and must not block.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence, Sized
from typing import Any, Final, Generic, Self, TypeVar, cast, overload

import anyio
import anyio.to_thread

from openai_async.errors import InvalidParameterError
from openai_async.sync._bridge.proxies import Proxy
from openai_async.types.settings import Secret

T = TypeVar("T")

#: Items of an iterable that are read before there is room for them.
_AHEAD: Final = 16
#: Seconds between two looks at a `threading.Event`, which cannot be awaited.
_LOOK_EVERY: Final = 0.05


# ---- iterables


def as_async_iterable(items: Iterable[T]) -> Iterable[T] | AsyncIterator[T]:
    """An iterable for the loop. A list or a tuple stays as it is; others may block, and are read in a thread."""
    if type(items) in (list, tuple):
        return items
    return _SizedReader(items) if isinstance(items, Sized) else _Reader(items)


class _Reader(Generic[T]):
    """Reads all of an iterable in one thread, and closes it there, because generators may rely on that."""

    def __init__(self, items: Iterable[T]) -> None:
        self._source = items
        self._items: deque[T] = deque()
        self._room = threading.Semaphore(_AHEAD)
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._waiting = self._ended = self._closed = False
        self._changed = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._thread is None:
            work = contextvars.copy_context().run
            args = (self._read, asyncio.get_running_loop())
            self._thread = threading.Thread(target=work, args=args, name="openai-async reads", daemon=True)
            self._thread.start()
        while not self._items:
            if self._ended:
                if self._failure is not None:
                    failure, self._failure = self._failure, None
                    raise failure
                raise StopAsyncIteration
            self._changed.clear()
            self._waiting = True
            # Checked again, now that the thread knows that it must wake this task.
            if not self._items and not self._ended:
                await self._changed.wait()
            self._waiting = False
        self._room.release()
        return self._items.popleft()

    async def aclose(self) -> None:
        """Stop reading, without waiting: the thread may be blocked in the iterable, and ends after that."""
        self._closed = True
        self._room.release()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            iterator = iter(self._source)
            while True:
                self._room.acquire()
                if self._closed:
                    break
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                self._items.append(item)
                self._tell(loop)
            if (close := getattr(iterator, "close", None)) is not None and inspect.isgenerator(iterator):
                close()
        except BaseException as error:
            self._failure = error
        self._ended = True
        self._tell(loop)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting:
            try:
                loop.call_soon_threadsafe(self._changed.set)
            except RuntimeError:
                self._closed = True  # the loop has ended


class _SizedReader(_Reader[T]):
    """A reader with a length, so that progress has a total."""

    def __len__(self) -> int:
        return len(cast("Sized", self._source))


# ---- callables


def as_async_method(method: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """The asynchronous method behind a method of a synchronous client.

    Raises:
        InvalidParameterError: it is no method of a synchronous client.
    """
    owner = getattr(method, "__self__", None)
    if not isinstance(owner, Proxy):
        raise InvalidParameterError("method", "must be a method of a client, such as client.chat.completions.create")
    return cast("Callable[..., Awaitable[T]]", getattr(cast("Any", owner)._inner, method.__name__))


@overload
def as_async_key(key: Callable[[], str | Awaitable[str]] | None) -> Callable[[], str | Awaitable[str]] | None: ...
@overload
def as_async_key(
    key: str | Sequence[str] | Callable[[], str | Awaitable[str]] | None,
) -> str | Sequence[str] | Callable[[], str | Awaitable[str]] | None: ...
def as_async_key(
    key: str | Sequence[str] | Callable[[], str | Awaitable[str]] | None,
) -> str | Sequence[str] | Callable[[], str | Awaitable[str]] | None:
    """The key; a callable that may block is called in a worker thread."""
    if not callable(key) or inspect.iscoroutinefunction(key):
        return key
    source = key

    async def ask() -> str:
        value = await anyio.to_thread.run_sync(source, abandon_on_cancel=True)
        return await value if inspect.isawaitable(value) else value

    return ask


# ---- events


class _Watched:
    """A `threading.Event` that can be awaited."""

    def __init__(self, event: threading.Event) -> None:
        self.is_set = event.is_set

    async def wait(self) -> None:
        """Return soon after it was set."""
        while not self.is_set():  # noqa: ASYNC110 (a `threading.Event` tells no loop)
            await anyio.sleep(_LOOK_EVERY)


def as_async_event(event: threading.Event | None) -> _Watched | None:
    """An event for the loop."""
    return None if event is None else _Watched(event)


# ---- secrets


def as_secret(secret: str | Secret | None) -> Secret | None:
    """A secret that no traceback frame shows."""
    from openai_async.webhooks import held

    return None if secret is None else held(secret)
