"""The root of a synchronous client: its hold on the portal, and what the table alone has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai_async._client_resources import TopLevel
from openai_async.client import AsyncClient
from openai_async.sync._bridge.proxies import Facade, Lease

if TYPE_CHECKING:
    from openai_async.sync._bridge.generic import NounForThreads  # noqa: F401  # the string that a base is made of names it


class ClientFace(Facade[AsyncClient], TopLevel["NounForThreads"]):
    """The root of a client."""

    def __init__(self, inner: AsyncClient) -> None:
        super().__init__(Lease(inner), inner)

    def _find(self, name: str) -> Any:
        from openai_async.sync._bridge.generic import twin_of

        return twin_of(self._lease, name, getattr(self._inner, name))

    def _end(self) -> None:
        self._lease.release()
