"""Many calls at once, in a bounded window.

Tasks are started only to fill the window, and results wait only inside it, so memory does not grow with the input. A
result is a value: one failed call does not end the others. Whatever ends the map early - leaving it, cancelling, a
source that raises - cancels and awaits every call of it that is in flight. Dropping it cancels them, too, and warns.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from openai_async._limits.limiter import Limiter
from openai_async._limits.queue import PRIORITIES
from openai_async._map.window import MapHaltedError as MapHaltedError, MapSettings, Result as Result, Window
from openai_async._policy.probing import PROBES
from openai_async._policy.spending import Bound
from openai_async.errors import InvalidParameterError
from openai_async.types._base import EMPTY, Reply
from openai_async.types._uncopied import Uncopied
from openai_async.types.progress import Progress

R = TypeVar("R", bound=Reply)


def map_calls(
    limiter: Limiter,
    method: Callable[..., Awaitable[R]],
    requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
    shared: Mapping[str, Any],
    *,
    max_in_flight: int | None,
    give_up_after: int | None = PROBES,
    fixed: Mapping[str, Any] = EMPTY,
    **settings: Any,
) -> AsyncMap[R]:
    """A map over a client's method. `fixed` arguments win over a request's. Settings as `MapSettings` has them.

    Raises:
        InvalidParameterError: a setting that cannot be.
    """
    if max_in_flight is None:
        max_in_flight = min(1000, limiter.limit or 1000)
    elif isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int) or max_in_flight < 1:  # pyright: ignore
        raise InvalidParameterError("max_in_flight", "must be a positive integer")
    if give_up_after is not None and (isinstance(give_up_after, bool) or give_up_after < 1):
        raise InvalidParameterError("give_up_after", "must be a positive integer, or None for never")
    total = settings.get("total")
    if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 0):
        raise InvalidParameterError("total", "must be the number of requests")
    if settings.get("priority") not in PRIORITIES:
        raise InvalidParameterError("priority", f"must be one of {', '.join(PRIORITIES)}")

    def one(request: Mapping[str, Any]) -> Awaitable[R]:  # not awaited here: no frame keeps the arguments
        if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidParameterError("requests", "each request must be a mapping of parameters")
        return method(**{**shared, **request, **fixed})

    return AsyncMap(
        one,
        requests,
        MapSettings(
            limit=max_in_flight,
            give_up_after=give_up_after,
            waiting_for=limiter.waiting_for,
            best=limiter.best,
            **settings,
        ),
    )


class AsyncMap(Uncopied, Generic[R]):
    """An asynchronous iterator over the results of many calls. See the module, and `AsyncClient.map`.

    Each result goes to one of the tasks that iterate.
    """

    def __init__(
        self,
        one: Callable[[Mapping[str, Any]], Awaitable[R]],
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        settings: MapSettings,
    ) -> None:
        self._window = Window(one, requests, settings)

    @property
    def stopped(self) -> Bound | None:
        """Why the map starts no further calls although its source is not used up; None if there is no such reason."""
        return self._window.spending.stopped

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        return self._window.progress

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result[R]:
        window = self._window
        if window.closed:
            raise StopAsyncIteration
        if window.begun:
            window.check_loop()
        else:
            window.start()
        try:
            result = await window.take()
            if result is None:
                raise StopAsyncIteration
        except BaseException:
            await window.close()
            raise
        return result

    async def aclose(self) -> None:
        """End the map: cancel its calls in flight and wait until they have let go. Whoever iterates is at its end."""
        await self._window.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if hasattr(self, "_window") and self._window.under_way:
            self._window.drop()  # first: a warning may be an error
            warn_of_leaving(self)


def window_of(calls: AsyncMap[R]) -> Window[R]:
    """The window of a map, for the synchronous client, which asks whether it is under way."""
    return calls._window


def warn_of_leaving(dropped: object) -> None:
    """Warn of a map that was dropped before its end. For finalizers."""
    warnings.warn(
        f"{dropped!r} was left before its end, and its calls in flight were cancelled: leave it through its block, "
        "or close it",
        ResourceWarning,
        source=dropped,
        stacklevel=2,
    )
