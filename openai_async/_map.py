"""Many calls at once, in a bounded window.

Tasks are started only to fill the window, and results wait only inside it, so memory does not grow with the input. A
result is a value: one failed call does not end the others. Whatever ends the map early - leaving it, cancelling, a
source that raises - cancels and awaits every call of it that is in flight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import anyio
import attrs

from openai_async import _runtime
from openai_async.errors import APIError, OpenAIError, frameless
from openai_async.types._base import Reply
from openai_async.types.attempt import Attempt

R = TypeVar("R", bound=Reply)


@attrs.frozen
class Result(Generic[R]):
    """How one call of a map ended: `value` or `error`, one of them None.

    `index` is the place of its request in the source, from 0.
    """

    index: int
    value: R | None = None
    error: OpenAIError | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """One record per attempt; empty if the call was refused before it was sent."""
        if self.value is not None:
            return self.value.attempts
        return self.error.attempts if isinstance(self.error, APIError) else ()

    def unwrap(self) -> R:
        """The value; raises the error if there is none."""
        if self.error is not None:
            raise self.error
        assert self.value is not None
        return self.value


class AsyncMap(Generic[R]):
    """An asynchronous iterator over the results of many calls. See the module, and `chat.completions.map`."""

    def __init__(
        self,
        one: Callable[[Mapping[str, Any]], Awaitable[R]],
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        ordered: bool,
        limit: int,
    ) -> None:
        self._one = one
        self._requests = requests
        self._ordered = ordered
        self._limit = limit
        self._running = 0
        self._done: dict[int, Result[R]] = {}  # finished, and not yet taken
        self._finished: deque[int] = deque()  # their indices in order of completion
        self._taken = 0
        self._jobs: _runtime.Jobs | None = None
        self._fed = False  # the source is used up
        self._failure: BaseException | None = None
        self._room = anyio.Event()  # set when a call may be started
        self._news = anyio.Event()  # set when there is something to take, or the end

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result[R]:
        if self._jobs is None:
            self._jobs = _runtime.Jobs()
            self._jobs.start(self._feed)
        try:
            while (result := self._take()) is None:
                if self._failure is not None:
                    raise self._failure
                if self._fed and not self._running and not self._done:
                    raise StopAsyncIteration
                self._news = anyio.Event()
                await self._news.wait()
        except BaseException:
            await self.aclose()
            raise
        return result

    def _take(self) -> Result[R] | None:
        if self._ordered:
            result = self._done.pop(self._taken, None)
        else:
            result = self._done.pop(self._finished.popleft()) if self._finished else None
        if result is not None:
            self._taken += 1
            self._room.set()
        return result

    async def _feed(self) -> None:
        """Read the source as fast as there is room: `limit` running, and as many again finished but not taken."""
        assert self._jobs is not None
        index = 0
        source = aiter(self._requests) if isinstance(self._requests, AsyncIterable) else _Async(self._requests)
        try:
            async for request in source:
                while self._running >= self._limit or self._running + len(self._done) >= 2 * self._limit:
                    self._room = anyio.Event()
                    await self._room.wait()
                self._running += 1
                self._jobs.start(partial(self._run, index, request))
                index += 1
            self._fed = True
        except Exception as error:
            self._failure = error
        finally:
            self._news.set()
            if isinstance(source, AsyncGenerator):
                with anyio.CancelScope(shield=True):
                    await source.aclose()

    async def _run(self, index: int, request: Mapping[str, Any]) -> None:
        try:
            result: Result[R] = Result(index, value=await self._one(request))
        except OpenAIError as error:
            result = Result(index, error=frameless(error))  # a value, which must not keep the request alive
        except Exception as error:  # not an outcome of a call, but a bug: it ends the map
            self._failure = error
            return
        finally:
            self._running -= 1
            self._room.set()
            self._news.set()
        self._done[index] = result
        if not self._ordered:
            self._finished.append(index)

    async def aclose(self) -> None:
        """End the map: cancel its calls in flight and wait until they have let go."""
        if self._jobs is not None:
            with anyio.CancelScope(shield=True):
                await self._jobs.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Async:
    """An iterable as an asynchronous iterator."""

    __slots__ = ("_iterator",)

    def __init__(self, requests: Iterable[Mapping[str, Any]]) -> None:
        self._iterator = iter(requests)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        try:
            return next(self._iterator)
        except StopIteration:
            raise StopAsyncIteration from None
