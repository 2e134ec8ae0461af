"""Lists that come in one reply: awaited like a call, or iterated like every other list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import wraps
from typing import Any, ParamSpec

from openai_async.types.models import Model, ModelList

P = ParamSpec("P")


class _Listing:
    """The list of models, not asked for yet: await it for a `ModelList`, or iterate it for its models."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, ModelList]]) -> None:
        self._ask = ask
        self._models: Iterator[Model] | None = None

    def __await__(self) -> Generator[Any, Any, ModelList]:
        return self._ask().__await__()

    def __aiter__(self) -> AsyncIterator[Model]:
        return _Listing(self._ask)

    async def __anext__(self) -> Model:
        if self._models is None:
            self._models = iter(await self._ask())
        for model in self._models:
            return model
        raise StopAsyncIteration


def listed(method: Callable[P, Coroutine[Any, Any, ModelList]]) -> Callable[P, _Listing]:
    """Make a method awaitable and iterable, like every other list."""

    @wraps(method)
    def listing(*args: P.args, **options: P.kwargs) -> _Listing:
        return _Listing(lambda: method(*args, **options))

    return listing
