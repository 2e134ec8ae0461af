"""The proxy of a download."""

from __future__ import annotations

from openai_async.resources._download import AsyncDownload, body_of
from openai_async.sync._bridge.connections import ConnectionProxy
from openai_async.sync._bridge.proxies import PortalHandle, StepProxy


class DownloadProxy(ConnectionProxy[AsyncDownload], StepProxy[AsyncDownload, bytes]):
    """A download whose pieces are read one call each."""

    def __init__(self, handle: PortalHandle, inner: AsyncDownload) -> None:
        super().__init__(handle, inner, body_of(inner))

    def _next(self) -> bytes:
        self._check()
        return super()._next()
