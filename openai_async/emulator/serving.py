"""Run an ASGI application on a loopback port, in a thread with an event loop of its own.

The socket is bound before the thread starts, so the port is known and connections queue at once. Stopping closes what
is still open and returns when the thread has ended: no socket, task or thread remains. Logs nothing, prints nothing,
installs no signal handler.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from attrs import frozen
from starlette.types import ASGIApp

from openai_async.emulator.guard import header_deadline

__all__ = ["Serving", "serve"]

_BACKLOG = 2048
_GRACE = 1.0  # seconds that a cut call has to end
_IDLE = 75  # seconds that an idle connection is kept


@frozen
class Serving:
    """The address of a running server. `base_url` is the `base_url` for a client."""

    host: str
    port: int

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL for a client: the origin, and the version."""
        return f"{self.origin}/v1"


@contextmanager
def serve(app: ASGIApp, host: str, port: int, *, head_timeout: float) -> Generator[Serving, None, None]:
    """Serve `app` until the block ends. Raises `OSError` if the address cannot be bound.

    A connection that has not sent the headers of its request in `head_timeout` seconds is closed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    server = _Server(
        uvicorn.Config(
            app,
            http=header_deadline(head_timeout),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_IDLE,
        )
    )
    thread = threading.Thread(
        target=server.run, args=([listener],), name=f"emulator:{listener.getsockname()[1]}", daemon=True
    )
    try:
        serving = Serving(host, listener.getsockname()[1])
        thread.start()
        server.ready.wait()
        if not server.started:
            raise RuntimeError("the emulator's server did not start")
        yield serving
    finally:
        if thread.ident is not None:
            server.stop()
            thread.join()
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn's server, but woken when it must stop, because uvicorn polls every tenth of a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.ready.set()

    def stop(self) -> None:
        """Ask the server to end. May be called from any thread."""
        self.should_exit = True
        if self._loop is not None and self._wake is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        assert self._wake is not None
        await self.on_tick(0)  # writes the `date` header, which replies carry from now on
        self.ready.set()
        while not self.should_exit:
            try:
                await asyncio.wait_for(self._wake.wait(), 1.0)
            except TimeoutError:
                await self.on_tick(0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # to the call it serves this looks like a client that hung up
        await asyncio.sleep(0)  # the transports let go of their sockets on the loop's next turn
        if tasks := set(self.server_state.tasks):
            for task in tasks:
                task.cancel()  # a batch runs on without a connection, and would not notice
            await asyncio.wait(tasks, timeout=_GRACE)
        for server in self.servers:
            await server.wait_closed()
