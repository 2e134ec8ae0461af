"""The phase of a request, from the `trace` extension of httpx and httpcore.

The class of an exception does not tell the phase: a read that fails may be that of a proxy's response to CONNECT. A
phase never goes back: a transport that sends twice by itself stays in "response".
"""

from __future__ import annotations

from typing import Any, Final

import anyio

from openai_async._transport.attempt import Attempt
from openai_async.errors import Phase

_ORDER: Final[tuple[Phase | None, ...]] = (None, "connect", "send", "response")


class Progress:
    """The phase of one request. Pass `trace` as its extension.

    Args:
        server: host and port that the request is for, as text.
        phase: the phase before the first event; None for unknown.
        attempt: is told when a connect and when the request begins.
    """

    def __init__(self, server: str = "", phase: Phase | None = None, attempt: Attempt | None = None) -> None:
        self.phase: Phase | None = phase
        self.server = f"the server at {server}" if server else ""
        self.proxy = ""
        self._address = server
        self._attempt = attempt
        self._stream: Any = None  # the connection, from the moment on that there is one
        self._tunnelled = False
        self._asks_proxy = False  # the request under way is a CONNECT

    def reached(self, otherwise: Phase = "response") -> Phase:
        """The phase; `otherwise` if no event came."""
        return self.phase or otherwise

    @property
    def hop(self) -> str:
        """The host that a connect was for, in words."""
        server = self.server or "the server"
        if not self.proxy:
            return server
        return f"{server} (through {self.proxy})" if self._tunnelled else self.proxy

    async def trace(self, name: str, info: dict[str, Any]) -> None:
        """Handle one trace event."""
        event = name.partition(".")[2]
        if event == "send_request_headers.started":
            self._asks_proxy = info["request"].method == b"CONNECT"
            if not self._asks_proxy:
                if self._attempt is not None:
                    self._attempt.request_started()
                self._move("send")
        elif event == "send_request_body.complete":
            if not self._asks_proxy:
                self._move("response")
        elif event in ("connect_tcp.started", "start_tls.started", "setup_socks5_connection.started"):
            self._connects(event, info)
        elif event == "connect_tcp.complete":
            self._stream = info["return_value"]
        elif event == "start_tls.failed" and self._stream is not None:
            with anyio.CancelScope(shield=True):  # a handshake that is cancelled leaves it open
                await self._stream.aclose()
        elif event == "setup_socks5_connection.complete" or (
            self._asks_proxy and event == "receive_response_headers.complete"
        ):
            self._tunnelled = True

    def _connects(self, event: str, info: dict[str, Any]) -> None:
        self._move("connect")
        if self._attempt is not None and "timeout" in info:
            info["timeout"] = None  # these are the arguments of the library's next step; the bound is kept here
        if event == "connect_tcp.started":
            hop = f"{info.get('host')}:{info.get('port')}"
            self.proxy = f"the proxy at {hop}" if self._address and hop != self._address else ""
            self._tunnelled = False
            if self._attempt is not None:
                self._attempt.connect_started()

    def _move(self, phase: Phase) -> None:
        if _ORDER.index(phase) > _ORDER.index(self.phase):
            self.phase = phase
