"""The proxy of a map, whose results are handed over in batches."""

from __future__ import annotations

from typing import Generic, TypeVar

from openai_async._map.calls import AsyncMap, warn_of_leaving, window_of
from openai_async._map.result import Result
from openai_async.sync._bridge.iterators import IteratorProxy
from openai_async.sync._bridge.proxies import PortalHandle, Proxy
from openai_async.types._base import Reply

R = TypeVar("R", bound=Reply)


class MapProxy(Proxy[AsyncMap[R]], Generic[R]):
    """A map, for threads that iterate. Dropping it closes it."""

    def __init__(self, handle: PortalHandle, inner: AsyncMap[R]) -> None:
        super().__init__(handle, inner)
        self._window = window_of(inner)
        self._iterator: IteratorProxy[Result[R]] = self._iterate(lambda: inner)

    def _next(self) -> Result[R]:
        return next(self._iterator)

    def _end(self) -> None:
        self._iterator.close()

    def __del__(self) -> None:
        iterator: IteratorProxy[Result[R]] | None = getattr(self, "_iterator", None)
        if iterator is None or iterator.over or not (iterator.unread or self._window.under_way):
            return
        iterator.drop()  # first: a warning may be an error
        warn_of_leaving(self)
