"""The root of a synchronous client: its hold on the portal, and what the table alone has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai_async._client_resources import TopLevel
from openai_async.client import AsyncClient
from openai_async.sync._bridge.proxies import PortalHandle, Proxy

if TYPE_CHECKING:
    from openai_async.sync._bridge.generic import GenericResourceProxy  # noqa: F401  # the string that a base is made of names it


class ClientProxy(Proxy[AsyncClient], TopLevel["GenericResourceProxy"]):
    """The root of a client."""

    def __init__(self, inner: AsyncClient) -> None:
        super().__init__(PortalHandle(inner), inner)

    def _find(self, name: str) -> Any:
        from openai_async.sync._bridge.generic import proxy_of

        return proxy_of(self._handle, name, getattr(self._inner, name))

    def _end(self) -> None:
        self._handle.release()
