"""Proxies of what holds a connection: closed once, and by the finalizer at the latest."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from openai_async.errors import ForeignLoopError
from openai_async.sync._bridge.proxies import PortalHandle, Proxy

if TYPE_CHECKING:
    from openai_async._streams.interface import Closable

A = TypeVar("A")


class ConnectionProxy(Proxy[A]):
    """A proxy of a stream or a download.

    `_body` is how threads see what the proxied object reads from.
    """

    def __init__(self, handle: PortalHandle, inner: A, body: Closable) -> None:
        super().__init__(handle, inner)
        self._body = body
        self._portal = handle.portal
        self._portal.open.add(cast("Any", inner))

    def _end(self) -> None:
        if not self._portal.forked and not self._body.closed:
            self._handle.call(cast("Any", self._inner).aclose)

    def _check(self) -> None:
        if self._portal.forked:
            raise ForeignLoopError("this stream belongs to the parent process; open another one in this one")

    def __del__(self) -> None:
        body: Closable | None = getattr(self, "_body", None)
        if body is None or body.closed:
            return
        if self._portal.forked:
            body.disown()  # the parent may be reading from the connection
            return
        text = f"{self!r} was never closed"
        self._portal.post(partial(_close, body, self._inner))  # first: a warning may be an error
        warnings.warn(text, ResourceWarning, source=self, stacklevel=1)


def _close(body: Closable, inner: object) -> None:
    """Close it on the loop. `inner` lives until then, so that its own finalizer finds the body closed."""
    body.close()
