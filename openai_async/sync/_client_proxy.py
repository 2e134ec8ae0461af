"""The root of a synchronous client: its hold on the portal, and what the table alone has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai_async._client_resources import TopLevel
from openai_async.client import AsyncClient
from openai_async.sync._bridge.proxies import PortalHandle, Proxy

if TYPE_CHECKING:
    from openai_async._policy.statistics import ClientStatistics
    from openai_async.sync._bridge.generic import GenericResourceProxy  # noqa: F401  # the string that a base is made of names it


class ClientProxy(Proxy[AsyncClient], TopLevel["GenericResourceProxy"]):
    """The root of a client."""

    def __init__(self, inner: AsyncClient) -> None:
        super().__init__(PortalHandle(inner), inner)

    def _find(self, name: str) -> Any:
        from openai_async.sync._bridge.generic import proxy_of

        return proxy_of(self._handle, name, getattr(self._inner, name))

    def statistics(self) -> ClientStatistics:
        """Take a snapshot of calls, connections, limits, outages and costs, such as for a health endpoint.

        It sends nothing and waits for no call. It takes time and memory for the scopes, keys and models in use,
        whatever the number of calls.
        """
        return self._run_on_loop(lambda: self._inner.statistics())

    def _end(self) -> None:
        self._handle.release()
