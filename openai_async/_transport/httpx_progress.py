"""How far a request has come, as httpx and httpcore tell it while they send (their `trace` extension).

A class of exception says where the library was, not how far the request had come: a read that fails may be that of a
proxy's answer to CONNECT. What was told never goes back: a transport that sends twice by itself stays "response".
"""

from __future__ import annotations

from typing import Any, Final

import anyio

from openai_async._transport.attempt import Attempt
from openai_async.errors import Phase

_ORDER: Final[tuple[Phase | None, ...]] = (None, "connect", "send", "response")


class Progress:
    """Give `trace` to a request.

    Args:
        server: host and port that the request is for, as text.
        phase: how far it has come before anything was told; None for unknown.
        attempt: hears when a connect begins and when the request itself does.
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
        """How far it has come; `otherwise` where nothing was told."""
        return self.phase or otherwise

    @property
    def hop(self) -> str:
        """Where a connect was going, in words."""
        server = self.server or "the server"
        if not self.proxy:
            return server
        return f"{server} (through {self.proxy})" if self._tunnelled else self.proxy

    async def trace(self, name: str, info: dict[str, Any]) -> None:
        """Hear of one event."""
        event = name.partition(".")[2]
        if event == "send_request_headers.started":
            self._asks_proxy = info["request"].method == b"CONNECT"
            if not self._asks_proxy:
                if self._attempt is not None:
                    self._attempt.connected()
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
                self._attempt.connects()

    def _move(self, phase: Phase) -> None:
        if _ORDER.index(phase) > _ORDER.index(self.phase):
            self.phase = phase
