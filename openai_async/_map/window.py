"""The calls of a map under way: a bounded window over its source.

The tasks of a map hold the window, and not the map itself. So a map that its owner drops can be collected, and its
finalizer cancels the calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sized
from functools import partial
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar, cast

import anyio

from openai_async import _concurrency
from openai_async._limits.accounting import raised_at, try_accounting
from openai_async._limits.limiter import Limiter
from openai_async._limits.queue import Priority, QueuePosition, queue_position
from openai_async._map.options import MapOptions
from openai_async._map.result import MapHaltedError, Result
from openai_async._policy.probing import PROBES, Probing
from openai_async._policy.spending import Doubted, Spending
from openai_async.errors import ForeignLoopError, OpenAIError, frameless
from openai_async.types._base import Reply
from openai_async.types.progress import Progress
from openai_async.types.usage import Counted

R = TypeVar("R", bound=Reply)

Requests: TypeAlias = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]

_NO_UNANSWERED: Final = Doubted.of(())
#: Seconds between two reports of progress while no call ends.
_REPORT_EVERY: Final = 1.0


class Window(Generic[R]):
    """Makes the calls of one map. A result is taken once; several tasks may wait for one.

    Args:
        send: makes one call.
        requests: the arguments of each call.
        limiter: the limiter of the client, for its bound and for the progress.
        options: how the map runs; checked before.

    Attributes:
        spending: the tokens and the cost so far, and whether they stop the map.
        started: whether it reads its source.
        closed: whether its calls were cancelled.
    """

    def __init__(
        self,
        send: Callable[[Mapping[str, Any]], Awaitable[R]],
        requests: Requests,
        limiter: Limiter,
        options: MapOptions,
    ) -> None:
        self.spending: Spending = Spending(options.get("max_total_tokens"), options.get("max_cost"))
        self._probing = Probing(options.get("give_up_after", PROBES))
        self._started_count = 0
        self.started: bool = False
        self._loop: object = None  # the event loop of its calls
        self.closed: bool = False
        self._send = send
        self._requests = requests
        self._limiter = limiter
        self._ordered = options.get("ordered", True)
        self._priority: Priority = options.get("priority", "default")
        self._on_progress = options.get("on_progress")
        self._declared_total = options.get("total")
        self._limit = options.get("max_in_flight") or min(1000, limiter.limit or 1000)
        self._running = 0
        self._results: dict[int, Result[R]] = {}  # of calls that have ended, until they are taken
        self._finished_order: deque[int] = deque()  # the indices of those, in order of completion
        self._next_index = 0
        self._scopes: set[str] = set()  # the rate-limit scopes of its calls
        self._tasks = _concurrency.Jobs()
        self._source_ended = False
        self._failure: BaseException | None = None
        self._room = anyio.Event()  # set when a call may be started
        self._changed = anyio.Event()  # set when there is something to take, or the end
        self._start_time = 0.0
        self._last_report = 0.0  # when `on_progress` was last called
        self._finished_count = self._failed_count = 0

    @property
    def complete(self) -> bool:
        """Whether every call has ended and every result was taken."""
        return self._source_ended and not self._running and not self._results

    @property
    def under_way(self) -> bool:
        """Whether it was started, and neither closed nor read to its end."""
        return self.started and not self.closed and not self.complete

    @property
    def progress(self) -> Progress:
        """The progress so far."""
        total = self._total()
        return Progress(
            total=total,
            done=self._finished_count,
            failed=self._failed_count,
            in_flight=self._running,
            tokens=self.spending.tokens,
            tokens_estimated=self.spending.estimated,
            cost=self.spending.cost,
            cost_estimated=self.spending.cost_estimated,
            seconds=_concurrency.now() - self._start_time if self._start_time else 0.0,
            waiting_for=cast("Mapping[str, int]", self._limiter.waiting_for()),
            **self._limiter.best(total, self._mean(), self._scopes),
        )

    def _total(self) -> int | None:
        """The number of calls: counted at the end of the source, else as the user or the source states it."""
        if self._source_ended and not self._is_stopped():
            return self._started_count
        total = self._declared_total
        if total is None and isinstance(self._requests, Sized):
            total = len(self._requests)
        return total if total is None else max(total, self._started_count)

    def _mean(self) -> float:
        answered = self._finished_count - self._failed_count
        return self.spending.tokens / answered if answered else 0.0

    def start(self) -> None:
        """Begin to read the source and to make calls."""
        self.started = True
        self._loop = _concurrency.loop_token()
        self._start_time = self._last_report = _concurrency.now()
        self._tasks.start(self._start_calls)
        if self._on_progress is not None:
            self._tasks.start(self._report_regularly)

    def check_loop(self) -> None:
        """Raise ForeignLoopError on another loop than that of its calls, or in another process."""
        if _concurrency.running_loop() is not self._loop:
            raise ForeignLoopError("the map was begun on another event loop or in the parent process: begin one here")

    async def take(self) -> Result[R] | None:
        """The next result; None at the end. Raises what ended the map. Cancelling takes nothing."""
        while (result := self._take()) is None:
            if self._failure is not None:
                raise self._failure
            if self.complete and (cause := self._probing.halted_by) is not None:
                raise _halted_error(cause, self._failed_count) from cause
            if self.closed or self.complete:
                return None
            if self._changed.is_set():  # else others wait for it, too
                self._changed = anyio.Event()
            await self._changed.wait()
        return result

    async def close(self) -> None:
        """Cancel the calls in flight and wait until they have ended. Cancelling does not shorten that."""
        if self.started and _concurrency.running_loop() is not self._loop:
            return self.drop()
        self.closed = True
        self._changed.set()
        with anyio.CancelScope(shield=True):
            await self._tasks.cancel()

    def drop(self) -> None:
        """Cancel the calls in flight without waiting. From any thread."""
        self.closed = True
        self._tasks.drop()

    def _take(self) -> Result[R] | None:
        if self._ordered:
            result = self._results.pop(self._next_index, None)
        else:
            result = self._results.pop(self._finished_order.popleft()) if self._finished_order else None
        if result is not None:
            self._next_index += 1
            self._room.set()
        return result

    async def _start_calls(self) -> None:
        """Read the source as fast as there is room: `limit` calls in flight, and as many results not yet taken."""
        index = 0
        source = _iterate(self._requests)
        try:
            async for request in source:
                while self._is_full() and not self._is_stopped():
                    self._room = anyio.Event()
                    await self._room.wait()
                if self._is_stopped():
                    break
                self._running += 1
                self._started_count += 1
                self._tasks.start(partial(self._run, index, request))
                index += 1
            self._source_ended = True
        except BaseException as error:
            self._end_with(error)
        finally:
            self._changed.set()
            if (close := getattr(source, "aclose", None)) is not None:
                with anyio.CancelScope(shield=True):
                    await close()

    def _is_stopped(self) -> bool:
        return self.spending.stopped is not None or self._probing.halted_by is not None

    def _is_full(self) -> bool:
        if not self._probing.may_start(self._started_count):
            return True
        if self._running >= self._limit or self._running + len(self._results) >= 2 * self._limit:
            return True
        return not self.spending.has_room(self._running)

    async def _run(self, index: int, request: Mapping[str, Any]) -> None:
        if self.closed:  # dropped before its turn came
            return
        try:
            queue_position.set(QueuePosition(self._priority, self, self._scopes))
            try:
                call = self._send(request)
                del request  # an error of user code keeps this frame, which others may show
                result: Result[R] = Result(index, value=await call)
            except Exception as error:
                result = Result(index, error=_without_frames(error))
            finally:
                self._running -= 1
            self._results[index] = result
            if not self._ordered:
                self._finished_order.append(index)
            self._finished_count += 1
            self._failed_count += result.value is None
            self._probing.ended(result.error)
            try_accounting("what a call of a map has used", self._count, result)
            self._report()
        except BaseException as error:  # of `on_progress`, or no `Exception`
            self._end_with(error)
        finally:
            self._room.set()
            self._changed.set()

    def _count(self, result: Result[R]) -> None:
        attempts = result.attempts
        doubted = Doubted.of(attempts) if len(attempts) > 1 or result.value is None else _NO_UNANSWERED
        if result.value is None and not doubted.attempts:
            return
        tokens, estimated, cost = (0, 0, 0.0) if result.value is None else _used(result.value)
        self.spending.add(
            tokens + doubted.tokens,
            cost,
            estimated=estimated + doubted.tokens,
            cost_estimated=doubted.cost,
            unpriced=doubted.unpriced,
        )

    def _report(self) -> None:
        """Call `on_progress`. The iterating task gets what it raises."""
        self._last_report = _concurrency.now()
        if self._on_progress is not None:
            progress = try_accounting("the progress of a map", lambda: self.progress)
            if progress is not None:
                self._on_progress(progress)

    async def _report_regularly(self) -> None:
        """Report also while no call ends, because the user wants to know then what the calls wait for."""
        try:
            while True:
                await anyio.sleep(max(0.0, self._last_report + _REPORT_EVERY - _concurrency.now()))
                if _concurrency.now() >= self._last_report + _REPORT_EVERY:
                    self._report()
        except BaseException as error:
            self._end_with(error)
            self._changed.set()

    def _end_with(self, error: BaseException) -> None:
        """Hand an error of user code, of whatever class, to the iterating task; raise a cancellation here."""
        if not _concurrency.cancels(error):
            self._failure = error
            return
        if not self.closed:  # it was not cancelled by the map, and a task may wait for the result
            self._failure = RuntimeError("a call of the map was cancelled from outside")
        raise error


def _used(value: Any) -> tuple[int, int, float | None]:
    """The tokens of a reply, how many of them are estimated, and its cost."""
    meta, usage = value.meta, getattr(value, "usage", None)
    if meta.estimated_tokens is not None:
        return meta.estimated_tokens, meta.estimated_tokens, meta.cost
    return usage.as_completion_usage().total_tokens if isinstance(usage, Counted) else 0, 0, meta.cost


def _halted_error(cause: Exception, failed: int) -> MapHaltedError:
    last = (
        cause if isinstance(cause, OpenAIError) else type(cause).__name__
    )  # the text of a foreign error may hold anything
    return MapHaltedError(f"the map was halted: its first {failed} calls all failed with one error: {last}")


def _without_frames(error: Exception) -> Exception:
    """The error of a call, without its frames (see `frameless`). A foreign one says where it was raised."""
    if not isinstance(error, OpenAIError):
        error.add_note(f"raised at {raised_at(error)}")
    return frameless(error)


def _iterate(requests: Requests) -> AsyncIterator[Mapping[str, Any]]:
    """Iterate the requests, whichever kind of iterable holds them."""
    return aiter(requests) if isinstance(requests, AsyncIterable) else _AsyncIterator(requests)


class _AsyncIterator:
    """An iterable as an asynchronous iterator."""

    __slots__ = ("_is_new", "_iterator")

    def __init__(self, requests: Iterable[Mapping[str, Any]]) -> None:
        self._iterator = iter(requests)
        self._is_new = self._iterator is not requests  # begun here, and so to be ended here

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        try:
            return next(self._iterator)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        if self._is_new and isinstance(self._iterator, Generator):
            self._iterator.close()  # pyright: ignore[reportUnknownMemberType]
