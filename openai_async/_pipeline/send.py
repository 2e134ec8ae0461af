"""The last station: one attempt on the transport, read whole or handed up as a stream.

Everything that a server can answer becomes a value or one of our exceptions here.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from openai_async._limits.accounting import try_accounting
from openai_async._pipeline.answer import Response
from openai_async._pipeline.credentials import Credentials
from openai_async._pipeline.reply import check_is_no_error, value_of_other
from openai_async._pipeline.request import Headers, Request
from openai_async._pipeline.usage import usage_of_reply
from openai_async._transport.exchange import DeadlineReached, Exchange, Transport, WireRequest
from openai_async._wire import error_responses, paths
from openai_async.errors import (
    APITimeoutError,
    DeadlineExceededError,
    DecodeError,
    InvalidParameterError,
    InvalidResponseError,
    Phase,
    ResponseTooLargeError,
    UnexpectedRedirectError,
)
from openai_async.types._base import EMPTY, Reply
from openai_async.types.meta import Meta, ReplyHeaders
from openai_async.types.settings import Secret

log = logging.getLogger("openai_async")

#: Bytes of an error body that are read; the rest is dropped with the connection.
_MAX_ERROR_BODY = 1024 * 1024
#: Bytes; httpx carries no longer URL, and no server takes one.
_MAX_URL = 65_536
_MEANWHILE: Mapping[Phase, str] = {
    "connect": "while it was connecting",
    "send": "while the request was being sent",
    "response": "before an answer came",
    "body": "before the answer was complete",
}
#: They have a body only where one is given (RFC 9110, section 8.3: the type is that of the content).
_BODILESS = ("GET", "HEAD", "DELETE")
_NOT_A_STREAM = ("text/html", "application/xml", "text/xml", "image/", "audio/")


class Send:
    """One attempt.

    Args:
        transport: where requests go.
        base_url: without a trailing slash.
        max_response_bytes: bound on a decoded body.
        streamed: called with a call for a whole reply that was answered with a stream.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        max_response_bytes: int,
        streamed: Callable[[Request], None] = lambda request: None,
    ) -> None:
        self._streamed = streamed
        self._transport = transport
        self._base_url = base_url
        self._max_response_bytes = max_response_bytes

    async def __call__(
        self, request: Request, now: Callable[[], float], credentials: Credentials | None, began: float
    ) -> Response:
        """Make the attempt. Cancelling drops the connection.

        `now` is the loop's clock, `credentials` whose key is sent, `began` when the attempt got its permit.
        """
        transport = self._transport.ready()
        bound, by_deadline = _bound(request, now)
        sent = WireRequest(request.method, self._base_url + request.path, _headers(request, credentials), request.body)
        if len(sent.url) > _MAX_URL:
            raise InvalidParameterError("path", f"the URL is over {_MAX_URL} bytes")
        if request.deadline is not None:
            sent.call_deadline = request.deadline
        try:
            exchange = await transport.send(sent, connect_timeout=request.timeout.connect, deadline=bound)
            deadline = sent.deadline_of_attempt(bound) if sent.local_wait else bound
            status, received = exchange.status, time.time()
            headers = ReplyHeaders(exchange.header, None if credentials is None else credentials.secret)
            if log.isEnabledFor(logging.DEBUG):
                try_accounting("the log", _log, request, Meta(status, headers))
            if status >= 300:
                await self._refuse(
                    request, exchange, Meta(status, headers, (), received), _secrets(credentials), deadline
                )
            if request.rejected_media_types:
                _check_is_fit(request, exchange, Meta(status, headers))
            if request.stream or request.download:
                if request.stream:
                    _check_is_stream(exchange, Meta(status, headers))
                return Response(status, headers, received, began, exchange=exchange, secrets=_secrets(credentials))
            body = exchange.read_arrived()
            if body is None or len(body) > self._max_response_bytes:
                body = await _read_all(exchange, self._max_response_bytes, deadline, body or b"")
        except DeadlineReached as due:
            raise _late(request, due, by_deadline or sent.deadline_of_attempt(bound) >= sent.call_deadline) from None
        try:
            value = request.decode(body)
        except DecodeError as error:
            meta = Meta(status, headers, (), received)
            value = value_of_other(request, body, meta, _secrets(credentials), self._streamed, error)
        if isinstance(value, Reply) and value.extra is not EMPTY and value._may_be_error():
            check_is_no_error(body, Meta(status, headers, (), received), _secrets(credentials))
        return Response(status, headers, received, began, value, usage_of_reply(value, request))

    async def _refuse(
        self, request: Request, exchange: Exchange, meta: Meta, secrets: Sequence[Secret], deadline: float
    ) -> None:
        """Raise the exception of a status that is no success."""
        if meta.status < 400:
            exchange.abandon()
            raise UnexpectedRedirectError(
                f"the server answered {meta.status}, a redirect; it is not followed. Is the base_url right?",
                status_code=meta.status,
                request_id=meta.request_id,
            )
        try:
            body = await _read_all(exchange, _MAX_ERROR_BODY, deadline)
        except InvalidResponseError:
            body = b""  # the status says enough
        error = error_responses.from_response(meta, body, secrets=secrets)
        if meta.status in (404, 405) and not (error.code or error.param or "model" in error.message):
            doubt = paths.base_url_hint(self._base_url) if self._base_url else None
            error.message += f"; {doubt}" if doubt else ""
        if meta.status == 407 or "proxy-authenticate" in meta.headers:
            error.message = f"the proxy refused the request: {error.message}"
        if request.makes and (meta.status == 408 or meta.status >= 500):
            error._doubtful = True  # a server that failed, or its proxy, may have carried it out before
            error.message += "; it may have been carried out all the same"
        raise error


def _secrets(credentials: Credentials | None) -> list[Secret]:
    return [] if credentials is None else [credentials.secret]


def _log(request: Request, meta: Meta) -> None:
    log.debug("%s %s -> %d, request %s", request.method, request.shown_path, meta.status, meta.request_id)


def _late(request: Request, due: DeadlineReached, by_deadline: bool) -> APITimeoutError:
    when = _MEANWHILE[due.phase] + (f": {due.reason}" if due.reason else "")
    if by_deadline:
        return DeadlineExceededError(f"the deadline of the call passed {when}", phase=due.phase)
    message = f"no whole answer within {request.timeout.attempt} s (timeout): the time ended {when}"
    return APITimeoutError(message, phase=due.phase)


def _bound(request: Request, now: Callable[[], float]) -> tuple[float, bool]:
    """Loop time at which the attempt must have ended, and whether that is the whole call's deadline."""
    until = math.inf if request.timeout.attempt is None else now() + request.timeout.attempt
    if request.deadline is not None and request.deadline < until:
        return request.deadline, True
    return until, False


def _headers(request: Request, credentials: Credentials | None) -> Headers:
    headers = list(credentials.headers) if credentials is not None else []
    if request.headers:
        replaced = {name for name, _ in request.headers}
        headers = [pair for pair in headers if pair[0] not in replaced]
        headers += request.headers
    if not isinstance(request.body, bytes):
        length = request.body.length
        headers.append((b"transfer-encoding", b"chunked") if length is None else (b"content-length", b"%d" % length))
    elif request.body or request.method not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(request.body)))
    else:  # some servers refuse a type without content; what the call itself states stays
        headers = [pair for pair in headers if pair[0] != b"content-type" or pair in request.headers]
    return headers


async def _read_all(exchange: Exchange, bound: int, deadline: float, begin: bytes = b"") -> bytes:
    """Read a body to its end. `begin` is what was read of it before."""
    chunks, size = [begin], len(begin)
    while size <= bound and (chunk := await exchange.read(deadline)):
        chunks.append(chunk)
        size += len(chunk)
    if size > bound:
        exchange.abandon()
        raise ResponseTooLargeError(f"the body is over the bound of {bound} bytes (max_response_bytes)")
    return b"".join(chunks)


def _check_is_fit(request: Request, exchange: Exchange, meta: Meta) -> None:
    if (kind := meta.media_type) in request.rejected_media_types and "content-disposition" not in meta.headers:
        _refuse_kind(exchange, meta, f"the server answered with {kind} where something else was asked for")


def _check_is_stream(exchange: Exchange, meta: Meta) -> None:
    if (kind := meta.media_type).startswith(_NOT_A_STREAM):
        _refuse_kind(exchange, meta, f"the server answered with {kind} where a stream of events was expected")


def _refuse_kind(exchange: Exchange, meta: Meta, message: str) -> NoReturn:
    exchange.abandon()
    raise DecodeError(message, status_code=meta.status, request_id=meta.request_id)
