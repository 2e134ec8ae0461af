"""The calls of a map under way: a bounded window over its source.

The tasks of a map hold this, and not the map itself: a map that its owner drops can be collected, and ends its calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sized
from functools import partial
from typing import Any, Final, Generic, Self, TypeVar

import anyio
import attrs

from openai_async import _concurrency
from openai_async._limits.accounting import raised_at, try_accounting
from openai_async._limits.queue import Priority, QueuePosition, queue_position
from openai_async._policy.probing import PROBES, Probing
from openai_async._policy.spending import Doubted, Spending
from openai_async.errors import APIError, ForeignLoopError, OpenAIError, frameless
from openai_async.types._base import EMPTY, Reply
from openai_async.types._plain import Record, short
from openai_async.types.attempt import Attempt
from openai_async.types.progress import Progress
from openai_async.types.usage import Counted

R = TypeVar("R", bound=Reply)

_NO_DOUBT: Final = Doubted.of(())
#: Seconds between two reports of progress while no call ends.
_REPORT_EVERY: Final = 1.0


class MapHaltedError(OpenAIError):
    """A map was ended early, because its first calls all failed with one error that does not pass by itself.

    That error is the `__cause__`. The results of these calls were given before; no further call was made.
    """


@attrs.frozen(repr=False)
class Result(Record, Generic[R]):
    """How one call of a map ended: `value` or `error`, one of them None.

    `index` is the place of its request in the source, from 0. `error` is what the call raised, whatever its class: an
    error of this package, or one of an `http_client` or a key provider of yours.
    """

    index: int
    value: R | None = None
    error: Exception | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """One record per attempt; empty if the call was refused before it was sent."""
        if self.value is not None:
            return self.value.meta.attempts  # what is no JSON has no attempts of its own
        return self.error.attempts if isinstance(self.error, APIError) else ()

    def _shown(self) -> Iterator[tuple[str, object]]:
        """One line of a list of results: which one, and how it ended."""
        yield "index", self.index
        if self.error is not None:
            yield "error", f"{type(self.error).__name__}: {short(str(self.error))}"
        elif isinstance(text := getattr(self.value, "text", None), str):
            yield "text", short(text)
        else:
            yield "value", short(repr(self.value))

    def unwrap(self) -> R:
        """The value; raises the error if there is none."""
        if self.error is not None:
            raise self.error
        assert self.value is not None
        return self.value


@attrs.frozen(kw_only=True)
class MapSettings:
    """How a map runs. See `AsyncClient.map` for what each means to a user."""

    ordered: bool = True
    limit: int = 1000
    priority: Priority = "default"
    max_total_tokens: int | None = None
    max_cost: float | None = None
    give_up_after: int | None = PROBES
    on_progress: Callable[[Progress], None] | None = None
    #: What the client's calls wait for, for progress.
    waiting_for: Callable[[], Mapping[Any, int]] = lambda: EMPTY
    #: How many requests there are, where the source does not say it.
    total: int | None = None
    #: The rate limits of scopes, and the least time for so many calls of so many tokens, as fields of `Progress`.
    best: Callable[[int | None, float, set[str]], Mapping[str, float | None]] = lambda calls, tokens, scopes: EMPTY


class Window(Generic[R]):
    """See the module. A result is taken once; several tasks may wait for one."""

    def __init__(
        self,
        one: Callable[[Mapping[str, Any]], Awaitable[R]],
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        settings: MapSettings,
    ) -> None:
        self.spending = Spending(settings.max_total_tokens, settings.max_cost)
        self._probing = Probing(settings.give_up_after)
        self._started = 0
        self.begun = False
        self._loop: object = None  # of its calls
        self.closed = False
        self._one = one
        self._requests = requests
        self._settings = settings
        self._ordered = settings.ordered
        self._limit = settings.limit
        self._running = 0
        self._done: dict[int, Result[R]] = {}  # finished, and not yet taken
        self._finished: deque[int] = deque()  # their indices in order of completion
        self._taken = 0
        self._scopes: set[str] = set()  # that its calls ask for
        self._jobs = _concurrency.Jobs()
        self._fed = False  # the source is used up
        self._failure: BaseException | None = None
        self._room = anyio.Event()  # set when a call may be started
        self._news = anyio.Event()  # set when there is something to take, or the end
        self._began = 0.0
        self._reported = 0.0  # when `on_progress` was last called
        self._ended = self._failed = 0

    @property
    def complete(self) -> bool:
        """Whether every call has ended and every result was taken."""
        return self._fed and not self._running and not self._done

    @property
    def under_way(self) -> bool:
        """Whether it was begun, and neither closed nor read to its end."""
        return self.begun and not self.closed and not self.complete

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        total = self._total()
        return Progress(
            total=total,
            done=self._ended,
            failed=self._failed,
            in_flight=self._running,
            tokens=self.spending.tokens,
            tokens_estimated=self.spending.estimated,
            cost=self.spending.cost,
            cost_estimated=self.spending.cost_estimated,
            seconds=_concurrency.now() - self._began if self._began else 0.0,
            waiting_for=self._settings.waiting_for(),
            **self._settings.best(total, self._mean(), self._scopes),
        )

    def _total(self) -> int | None:
        """How many calls there will be: as the source has shown, else as it says, else as was said of it."""
        if self._fed and not self._stops():
            return self._started
        total = self._settings.total
        if total is None and isinstance(self._requests, Sized):
            total = len(self._requests)
        return total if total is None else max(total, self._started)

    def _mean(self) -> float:
        answered = self._ended - self._failed
        return self.spending.tokens / answered if answered else 0.0

    def start(self) -> None:
        """Begin to read the source and to make calls."""
        self.begun = True
        self._loop = _concurrency.loop_token()
        self._began = self._reported = _concurrency.now()
        self._jobs.start(self._feed)
        if self._settings.on_progress is not None:
            self._jobs.start(self._tick)

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
                raise _halted(cause, self._failed) from cause
            if self.closed or self.complete:
                return None
            if self._news.is_set():  # else others wait for it, too
                self._news = anyio.Event()
            await self._news.wait()
        return result

    async def close(self) -> None:
        """Cancel the calls in flight and wait until they have let go. Cancelling does not shorten that."""
        if self.begun and _concurrency.running_loop() is not self._loop:
            return self.drop()
        self.closed = True
        self._news.set()
        with anyio.CancelScope(shield=True):
            await self._jobs.cancel()

    def drop(self) -> None:
        """Cancel the calls in flight without waiting. From any thread."""
        self.closed = True
        self._jobs.drop()

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
        index = 0
        source = aiter(self._requests) if isinstance(self._requests, AsyncIterable) else _Async(self._requests)
        try:
            async for request in source:
                while self._is_full() and not self._stops():
                    self._room = anyio.Event()
                    await self._room.wait()
                if self._stops():
                    break
                self._running += 1
                self._started += 1
                self._jobs.start(partial(self._run, index, request))
                index += 1
            self._fed = True
        except BaseException as error:
            self._fail(error)
        finally:
            self._news.set()
            if (close := getattr(source, "aclose", None)) is not None:
                with anyio.CancelScope(shield=True):
                    await close()

    def _stops(self) -> bool:
        return self.spending.stopped is not None or self._probing.halted_by is not None

    def _is_full(self) -> bool:
        if not self._probing.may_start(self._started):
            return True
        if self._running >= self._limit or self._running + len(self._done) >= 2 * self._limit:
            return True
        return not self.spending.has_room(self._running)

    async def _run(self, index: int, request: Mapping[str, Any]) -> None:
        if self.closed:  # dropped before its turn came
            return
        try:
            queue_position.set(QueuePosition(self._settings.priority, self, self._scopes))
            try:
                call = self._one(request)
                del request  # what user code raises leads through this frame, and others may show it
                result: Result[R] = Result(index, value=await call)
            except Exception as error:
                result = Result(index, error=_own(error))
            finally:
                self._running -= 1
            self._done[index] = result
            if not self._ordered:
                self._finished.append(index)
            self._ended += 1
            self._failed += result.value is None
            self._probing.ended(result.error)
            try_accounting("what a call of a map has used", self._count, result)
            self._report()
        except BaseException as error:  # of `on_progress`, or no `Exception`
            self._fail(error)
        finally:
            self._room.set()
            self._news.set()

    def _count(self, result: Result[R]) -> None:
        attempts = result.attempts
        doubted = Doubted.of(attempts) if len(attempts) > 1 or result.value is None else _NO_DOUBT
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
        """Call `on_progress`. What it raises is for whoever iterates."""
        self._reported = _concurrency.now()
        if self._settings.on_progress is not None:
            progress = try_accounting("the progress of a map", lambda: self.progress)
            if progress is not None:
                self._settings.on_progress(progress)

    async def _tick(self) -> None:
        """Report also while no call ends: what is waited for is what one wants to know then."""
        try:
            while True:
                await anyio.sleep(max(0.0, self._reported + _REPORT_EVERY - _concurrency.now()))
                if _concurrency.now() >= self._reported + _REPORT_EVERY:
                    self._report()
        except BaseException as error:
            self._fail(error)
            self._news.set()

    def _fail(self, error: BaseException) -> None:
        """Have whoever iterates raise what user code raised, of whatever class; raise a cancellation here."""
        if not _concurrency.cancels(error):
            self._failure = error
            return
        if not self.closed:  # not by the map: nobody is to wait for the result
            self._failure = RuntimeError("a call of the map was cancelled from outside")
        raise error


def _used(value: Any) -> tuple[int, int, float | None]:
    """The tokens of an answer, those of them that are estimated, and its cost."""
    meta, usage = value.meta, getattr(value, "usage", None)
    if meta.estimated_tokens is not None:
        return meta.estimated_tokens, meta.estimated_tokens, meta.cost
    return usage.as_completion_usage().total_tokens if isinstance(usage, Counted) else 0, 0, meta.cost


def _halted(cause: Exception, failed: int) -> MapHaltedError:
    last = cause if isinstance(cause, OpenAIError) else type(cause).__name__  # others may say anything
    return MapHaltedError(f"the map was halted: its first {failed} calls all failed with one error: {last}")


def _own(error: Exception) -> Exception:
    """The error of a call, without its frames (see `frameless`). A foreign one says where it was raised."""
    if not isinstance(error, OpenAIError):
        error.add_note(f"raised at {raised_at(error)}")
    return frameless(error)


class _Async:
    """An iterable as an asynchronous iterator."""

    __slots__ = ("_iterator", "_ours")

    def __init__(self, requests: Iterable[Mapping[str, Any]]) -> None:
        self._iterator = iter(requests)
        self._ours = self._iterator is not requests  # what we began, we end

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        try:
            return next(self._iterator)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        if self._ours and isinstance(self._iterator, Generator):
            self._iterator.close()  # pyright: ignore[reportUnknownMemberType]
