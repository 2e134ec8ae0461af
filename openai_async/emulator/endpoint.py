"""One request's way through the emulator: ledger, method, key, injected fault, body, handler, pace, reply.

A handler is a plain function from a `Call` to an `Answer` or an `EventStream`, and refuses by raising
`Problem`; all the waiting is done here. A client that hangs up stops the work at once and is noted in the
ledger as aborted; whatever happens, the request ends in the ledger exactly once. Never prints, and never lets
an exception of a handler reach the server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import anyio
import orjson
from attrs import define, field, frozen
from starlette.types import Receive, Scope, Send

from . import problems
from .problems import Headers, Problem

if TYPE_CHECKING:
    from .ledger import Entry
    from .server import Emulator

__all__ = ["Answer", "Call", "Endpoint", "EventStream", "Handler"]

# Events that are due at the same instant go out in one write, up to this many: a bound on memory and on how
# long the other calls wait for their turn.
_WRITE = 64


@frozen
class Answer:
    """A whole reply; `after` is how many seconds from now it is ready."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: Headers = ()
    after: float = 0.0


@frozen
class EventStream:
    """A reply in server-sent events: each is the seconds from now at which it is due, and its bytes."""

    events: Iterator[tuple[float, bytes]]


Handler = Callable[["Call"], Answer | EventStream]


@define
class Call:
    """What a handler sees of a request, and its `entry` in the ledger, which the handler completes."""

    entry: Entry
    headers: dict[bytes, bytes]
    path_params: dict[str, str]
    key: str = ""
    body: bytes = b""
    limit_headers: list[tuple[bytes, bytes]] = field(factory=list[tuple[bytes, bytes]])

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object; raises the API's 400 when it is not one."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise problems.not_json() from None
        if not isinstance(found, dict):
            raise problems.not_json()
        return found  # pyright: ignore[reportUnknownVariableType]


class _HungUp(Exception):
    """The client left before it had sent its whole request."""


class Endpoint:
    """An ASGI application for one path: `Endpoint(emulator, GET=handler, POST=other)`; without any, a 404."""

    def __init__(self, emulator: Emulator, **handlers: Handler) -> None:
        self._emulator = emulator
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        emulator = self._emulator
        entry = emulator.ledger.open(emulator.clock(), scope["method"], scope["path"])
        call = Call(entry, dict(scope["headers"]), scope.get("path_params", {}))
        delivery = _Delivery(emulator, call, receive, send)
        try:
            await delivery.deliver(await self._reply(call, receive))
        except (_HungUp, OSError):
            pass  # the client left; `close` notes it
        finally:
            delivery.close(aborted=True)

    async def _reply(self, call: Call, receive: Receive) -> Answer | EventStream:
        try:
            handler = self._handler(call)
            self._emulator.identify(call)
            self._emulator.inject(call)
            call.body = await _read(receive, self._emulator.max_body)
            return handler(call)
        except Problem as problem:
            refused = problem
        except _HungUp:
            raise
        except Exception as error:
            refused = problems.internal(error)
        call.entry.code = refused.code or refused.type
        return Answer(refused.body(), refused.status, headers=refused.headers)

    def _handler(self, call: Call) -> Handler:
        method, path = call.entry.method, call.entry.path
        if not self._handlers:
            raise problems.url_unknown(method, path)
        if method not in self._handlers:
            raise problems.method_not_allowed(method, path, tuple(self._handlers))
        return self._handlers[method]


async def _read(receive: Receive, limit: int) -> bytes:
    """Read the whole body, though not keep it beyond `limit` bytes: who is still sending hears no answer."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HungUp
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size <= limit:
            parts.append(part)
    if size > limit:
        raise problems.body_too_large(limit)
    return b"".join(parts)


class _Delivery:
    """Sends one reply at its pace and closes the request in the ledger just before the last byte."""

    def __init__(self, emulator: Emulator, call: Call, receive: Receive, send: Send) -> None:
        self._emulator = emulator
        self._call = call
        self._receive = receive
        self._send = send
        self._closed = False

    async def deliver(self, reply: Answer | EventStream) -> None:
        if isinstance(reply, EventStream):
            events = reply.events
            await self._attended(lambda: self._stream(events))
            return
        if reply.after > 0 and not await self._attended(lambda: anyio.sleep(reply.after)):
            return
        await self._start(
            reply.status,
            [
                (b"content-type", reply.content_type),
                (b"content-length", b"%d" % len(reply.body)),
                *reply.headers,
            ],
        )
        self.close()
        await self._send({"type": "http.response.body", "body": reply.body, "more_body": False})

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        emulator, entry = self._emulator, self._call.entry
        entry.status = status
        spent = max(0.0, emulator.clock() - entry.received)
        headers += (
            (b"x-request-id", entry.request_id.encode()),
            (b"openai-processing-ms", b"%d" % (spent * 1000)),
            (b"openai-organization", emulator.organization.encode()),
            (b"openai-version", b"2020-10-01"),
            *self._call.limit_headers,
        )
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _stream(self, events: Iterator[tuple[float, bytes]]) -> None:
        began = now = anyio.current_time()
        await self._start(
            200, [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
        )
        ready: list[bytes] = []
        for due, event in events:
            wait = began + due - now
            if ready and (wait > 0 or len(ready) >= _WRITE):
                await self._send({"type": "http.response.body", "body": b"".join(ready), "more_body": True})
                ready.clear()
                await anyio.sleep(max(0.0, wait))
                now = anyio.current_time()
            elif wait > 0:
                await anyio.sleep(wait)
                now = anyio.current_time()
            ready.append(event)
        self.close()
        await self._send({"type": "http.response.body", "body": b"".join(ready), "more_body": False})

    async def _attended(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work, but stop it as soon as the client hangs up; say whether it was done."""
        done = False
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await self._receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            try:
                await work()
                done = True
            except OSError:
                pass  # sending failed: the client hung up
            group.cancel_scope.cancel()
        return done

    def close(self, *, aborted: bool = False) -> None:
        """Enter the request in the ledger, the first time that this is called."""
        if self._closed:
            return
        self._closed = True
        entry = self._call.entry
        entry.aborted = aborted
        entry.status = entry.status or 499
        self._emulator.ledger.close(entry)
