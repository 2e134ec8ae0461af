"""The default transport: direct HTTP/1.1 on asyncio, httpx under trio and behind a proxy. Chosen on first use.

httpx is imported only when it is needed, because the import costs more than the rest of a client.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from openai_async import _concurrency
from openai_async._transport.exchange import Exchange, Transport, WireRequest
from openai_async._transport.proxies import proxy_for

#: Held while a transport is created.
_choosing = threading.RLock()


@attrs.define
class AutoTransport:
    """The transport that fits the running loop. Implements `exchange.Transport`.

    Args:
        base_url: decides, with the environment, whether a proxy is in use.
        proxies: proxy URL per scheme ("http", "https"), or "all".
        trust_env: also ask the environment for proxies.
        direct: False to use httpx in every case.
    """

    base_url: str
    proxies: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    trust_env: bool = True
    direct: bool = True
    _direct: Transport | None = attrs.field(default=None, init=False)
    _httpx: Transport | None = attrs.field(default=None, init=False)

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> Exchange:
        return await self.ready().send(request, connect_timeout=connect_timeout, deadline=deadline)

    async def aclose(self) -> None:
        for transport in (self._direct, self._httpx):
            if transport is not None:
                await transport.aclose()

    @property
    def open_connections(self) -> int:
        """Connections of all loops, idle and busy."""
        return sum(t.open_connections for t in (self._direct, self._httpx) if t is not None)

    @property
    def idle_connections(self) -> int:
        """Those of them that no call holds."""
        return sum(t.idle_connections for t in (self._direct, self._httpx) if t is not None)

    def ready(self) -> Transport:
        if self.direct and _concurrency.asyncio_loop() is not None:
            if self._direct is not None:
                return self._direct
            if not self._has_proxy():
                return self._make_direct()
        return self._httpx or self._make_httpx()

    def _make_direct(self) -> Transport:
        from openai_async._transport.direct import DirectTransport

        with _choosing:  # two loops may come at once
            self._direct = self._direct or DirectTransport()
        return self._direct

    def _make_httpx(self) -> Transport:
        from openai_async._transport.httpx_transport import HttpxSettings, HttpxTransport

        settings = HttpxSettings(proxies=self.proxies, trust_env=self.trust_env)
        with _choosing:
            self._httpx = self._httpx or HttpxTransport(settings)
        return self._httpx

    def _has_proxy(self) -> bool:
        parts = urlsplit(self.base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        origin = (parts.scheme, parts.hostname or "", port)
        return proxy_for(origin, self.proxies, trust_env=self.trust_env) is not None
