"""The proxy of a stream of chunks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from openai_async._streams.stream import AsyncStream, reader_of
from openai_async._streams.text import text_of
from openai_async.sync._bridge.connections import ConnectionProxy
from openai_async.sync._bridge.proxies import PortalHandle
from openai_async.types._base import Value

C = TypeVar("C", bound=Value)
F = TypeVar("F")


class StreamProxy(ConnectionProxy[AsyncStream[C, F]], Generic[C, F]):
    """A stream, for threads that iterate.

    Chunks that arrive together are decoded together, on the loop. A thread takes them without a call, and makes a call
    only to wait.
    """

    def __init__(self, handle: PortalHandle, inner: AsyncStream[C, F]) -> None:
        self._source = reader_of(inner)
        self._lock = threading.Lock()
        super().__init__(handle, inner, self._source)

    def _next(self) -> C:
        self._check()
        source = self._source
        with self._lock:
            while (chunk := source.take()) is None:
                self._handle.call(source.fetch)
            return chunk

    def _texts(self) -> Iterator[str]:
        while True:
            try:
                text = text_of(self._next())
            except StopIteration:
                return
            if text:
                yield text
