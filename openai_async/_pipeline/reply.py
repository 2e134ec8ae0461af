"""What else a server answers with a success status: an error object, or a stream that nobody asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from openai_async._pipeline.request import Request
from openai_async._wire import error_responses
from openai_async.errors import APIError, DecodeError, StreamInterrupted
from openai_async.types.meta import Meta
from openai_async.types.settings import Secret


def check_is_no_error(body: bytes, meta: Meta, secrets: Sequence[Secret]) -> None:
    """Raise the error that a body holds, if it holds one."""
    error = error_responses.from_success(meta, body, secrets=secrets)
    if error is not None:
        raise error


def value_of_other(
    request: Request,
    body: bytes,
    meta: Meta,
    secrets: Sequence[Secret],
    streamed: Callable[[Request], None],
    error: DecodeError,
) -> object:
    """The value of a body that the request cannot decode.

    `streamed` is called with a request that was answered with a stream. `error` says why the body was not decoded.

    Raises:
        APIStatusError: the body is an error.
        StreamInterrupted: it is a stream without its end; what had come is in `partial`.
        DecodeError: it is something else.
    """
    value = _of_stream(request, body, meta, secrets, streamed)
    if value is not None:
        return value
    refusal = error_responses.from_success(meta, body, secrets=secrets)
    if refusal is not None:
        raise refusal from None
    error.status_code, error.request_id = meta.status, meta.request_id
    # A body whose end was not stated may have been cut.
    error.complete = meta.status == 204 or meta.states_end
    raise error


def _of_stream(
    request: Request, body: bytes, meta: Meta, secrets: Sequence[Secret], streamed: Callable[[Request], None]
) -> Any:
    """The reply that a stream amounts to; None if the body is none, or not one that is known."""
    from openai_async._wire.unexpected_stream import collect_stream  # loaded with the pipeline

    path = request.scope.partition(" ")[0]
    stream = collect_stream(path, body, choices=request.choices, states_end=meta.states_end)
    if stream is None:
        return None
    streamed(request)
    if stream.reply is not None:
        return request.decode(stream.reply)
    error: APIError = StreamInterrupted("the server answered with a stream, which ended without its terminal event")
    if stream.fault is not None:
        reported = error_responses.from_event_data(stream.fault, request_id=meta.request_id, secrets=secrets)
        error = reported or DecodeError("the server answered with a stream, and an event of it is damaged")
    error.request_id, error.partial = meta.request_id, stream.partial
    raise error from None
