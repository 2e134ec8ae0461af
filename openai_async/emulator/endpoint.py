"""One request through the emulator: log entry, method, key, injected fault, body, handler, pace, reply.

A handler is a synchronous function from a `Call` to an `Answer`, an `EventStream` or a `Download`. It refuses by
raising `ErrorResponse`. All waiting is done here. If the client disconnects, the work stops at once and the request is
logged as aborted. Every request ends in the request log exactly once. An exception of a handler never reaches the
server, and nothing is printed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import anyio
import anyio.lowlevel
from attrs import evolve
from starlette.types import Receive, Scope, Send

from openai_async.emulator import azure_paths, error_responses
from openai_async.emulator.call import Answer, Call, Download, EventStream, Handler, Reply
from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.known_fields import KnownFields

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["Endpoint", "Loader", "body_parts", "load_body"]

# Events that are due at the same instant go out in one write, up to this many: a bound on memory and on how
# long the other calls wait for their turn.
_WRITE = 64

# Reads the request's body into the call; the body is read to its end, because who is sending hears no answer.
Loader = Callable[["Call", Receive, "Backend"], Awaitable[None]]


class _HungUp(Exception):
    """The client disconnected before it had sent its complete request."""


class Endpoint:
    """An ASGI application for one path: `Endpoint(emulator, GET=handler, POST=other)`. Without a handler, a 404.

    `known`: the fields that bodies may have, while the emulator refuses unknown ones. None if any.
    """

    def __init__(self, emulator: Backend, load: Loader | None = None, /, **handlers: Handler) -> None:
        self._emulator = emulator
        self._load = load or load_body
        self._handlers = handlers
        self.known: KnownFields | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        emulator = self._emulator
        address = azure_paths.address_of(scope)
        path = scope["path"] if address is None else address.path
        entry = emulator.ledger.open(emulator.clock(), scope["method"], path)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        call = Call(entry, dict(scope["headers"]), scope.get("path_params", {}), query, address=address)
        delivery = _Delivery(emulator, call, receive, send)
        background = None
        try:
            reply = await self._reply(call, receive)
            if isinstance(reply, Answer):
                background = reply.background
            await delivery.deliver(reply)
        except (_HungUp, OSError):
            pass  # the client left; `close` notes it
        finally:
            delivery.close(aborted=True)
        if background is not None:
            await background()

    def perform(self, call: Call) -> Answer:
        """Answer a request without a connection, such as a row of a batch, at once.

        Its key counts as checked and its body as read. The caller closes its entry in the request log.
        """
        try:
            handler = self._handler(call)
            self._emulator.inject(call)
            self._tell_known(call)
            reply = handler(call)
            if isinstance(reply, Answer):
                return reply
            raise error_responses.invalid("This request can only be answered over a connection of its own.")
        except Exception as error:
            return _refusal(call, error)

    async def _reply(self, call: Call, receive: Receive) -> Reply:
        try:
            handler = self._handler(call)
            self._emulator.identify(call)
            self._emulator.inject(call)
            await self._load(call, receive, self._emulator)
            if call.address is not None and call.address.deployment is not None:
                self._emulator.deploy(call, call.address.deployment)
            self._tell_known(call)
            reply = handler(call)
            try:
                self._emulator.inject(call, carried_out=True)
            except ErrorResponse as fault:
                return evolve(_refusal(call, fault), background=reply.background if isinstance(reply, Answer) else None)
            return reply
        except _HungUp:
            raise
        except Exception as error:
            return _refusal(call, error)

    def _tell_known(self, call: Call) -> None:
        call.known = self.known if self._emulator.refuse_unknown and call.entry.method == "POST" else None

    def _handler(self, call: Call) -> Handler:
        method, path = call.entry.method, call.entry.path
        if not self._handlers:
            if call.address is not None:
                raise azure_paths.resource_unknown()
            raise error_responses.url_unknown(method, path)
        if method not in self._handlers:
            raise error_responses.method_not_allowed(method, path, tuple(self._handlers))
        return self._handlers[method]


def _refusal(call: Call, error: Exception) -> Answer:
    error_response = error if isinstance(error, ErrorResponse) else error_responses.internal(error)
    call.entry.code = error_response.code or error_response.type
    return Answer(error_response.body(), error_response.status, headers=error_response.headers)


async def body_parts(receive: Receive, limit: int) -> AsyncGenerator[bytes, None]:
    """Read the body part by part, to its end. If it is longer than `limit` bytes, raise the API's 413."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HungUp
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size <= limit:
            yield part
    if size > limit:
        raise error_responses.body_too_large(limit)


async def load_body(call: Call, receive: Receive, emulator: Backend) -> None:
    """Load the body into memory, as `call.body`."""
    async with aclosing(body_parts(receive, emulator.max_body)) as parts:
        call.body = b"".join([part async for part in parts])


class _Delivery:
    """Sends one reply at its pace, and closes the request in the log just before the last byte."""

    def __init__(self, emulator: Backend, call: Call, receive: Receive, send: Send) -> None:
        self._emulator = emulator
        self._call = call
        self._receive = receive
        self._send = send
        self._closed = False

    async def deliver(self, reply: Reply) -> None:
        if isinstance(reply, EventStream):
            events = reply.events
            await self._attended(lambda: self._stream(events))
            return
        if isinstance(reply, Download):
            download = reply
            await self._attended(lambda: self._download(download))
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

    async def _download(self, reply: Download) -> None:
        sizes = [(b"content-type", reply.content_type), (b"content-length", b"%d" % reply.size)]
        await self._start(200, [*sizes, *reply.headers])
        last = b""
        for piece in reply.pieces:
            if last:
                await self._send({"type": "http.response.body", "body": last, "more_body": True})
                await anyio.lowlevel.checkpoint()  # else a client that hangs up is noticed by nobody
            last = piece
        self.close()
        await self._send({"type": "http.response.body", "body": last, "more_body": False})

    async def _attended(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work, but stop it when the client disconnects. Gives whether it was done."""
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
        """Close the request in the log. Only the first call counts."""
        if self._closed:
            return
        self._closed = True
        entry = self._call.entry
        entry.aborted = aborted
        entry.status = entry.status or 499
        entry.lasted = max(0.0, self._emulator.clock() - entry.received)
        self._emulator.ledger.close(entry)
