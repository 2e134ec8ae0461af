"""Maps: an iterator over the results of many calls.

A result is a value: one failed call does not end the others. A map may end early: its block is left, the task is
cancelled, or its source raises. Then every call of it that is in flight is cancelled and awaited. Dropping the map
cancels them too, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from openai_async._limits.limiter import Limiter
from openai_async._map.options import MapOptions, check_options
from openai_async._map.result import Result
from openai_async._map.window import Requests, Window
from openai_async._policy.spending import Bound
from openai_async.errors import InvalidParameterError
from openai_async.types._base import EMPTY, Reply
from openai_async.types._uncopied import Uncopied
from openai_async.types.progress import Progress

R = TypeVar("R", bound=Reply)


def map_calls(
    limiter: Limiter,
    method: Callable[..., Awaitable[R]],
    requests: Requests,
    shared: Mapping[str, Any],
    *,
    fixed: Mapping[str, Any] = EMPTY,
    **options: Unpack[MapOptions],
) -> AsyncMap[R]:
    """A map over a client's method.

    Args:
        limiter: the limiter of the client.
        method: called once for each request.
        requests: the arguments of each call.
        shared: arguments of every call; those of a request win over them.
        fixed: arguments of every call that win over those of a request.
        options: see `MapOptions`.

    Raises:
        InvalidParameterError: an option that cannot be.
    """
    check_options(options)

    def send(request: Mapping[str, Any]) -> Awaitable[R]:  # not awaited here: no frame keeps the arguments
        if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidParameterError("requests", "each request must be a mapping of parameters")
        return method(**{**shared, **request, **fixed})

    return AsyncMap(Window(send, requests, limiter, options))


class AsyncMap(Uncopied, Generic[R]):
    """An asynchronous iterator over the results of many calls, as `AsyncClient.map` returns it.

    Each result goes to one of the tasks that iterate.
    """

    def __init__(self, window: Window[R]) -> None:
        self._window = window

    @property
    def stopped(self) -> Bound | None:
        """The bound that keeps the map from starting further calls; None if no bound is reached."""
        return self._window.spending.stopped

    @property
    def progress(self) -> Progress:
        """The progress so far."""
        return self._window.progress

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result[R]:
        window = self._window
        if window.closed:
            raise StopAsyncIteration
        if window.started:
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
        """End the map: cancel its calls in flight and wait until they have ended. Iterating it ends, too."""
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
