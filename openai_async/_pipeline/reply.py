"""The body of a whole reply -> its value, or what else a server answers with a success status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openai_async._pipeline.request import Request
from openai_async._wire import error_responses
from openai_async.errors import APIError, DecodeError, StreamInterrupted
from openai_async.types.chat import ChatCompletion
from openai_async.types.meta import Meta
from openai_async.types.settings import Secret


def decoded(call: Request, body: bytes, meta: Meta, streamed: Callable[[Request], None]) -> object:
    """The value of a reply. `streamed` is called with a call that was answered with a stream.

    Raises:
        APIStatusError: the body is an error.
        StreamInterrupted: it is a stream without its end; what had come is in `partial`.
        DecodeError: it is something else.
    """
    try:
        value = call.decode(body)
    except DecodeError as error:
        if (found := _of_stream(call, body, meta, streamed)) is not None:
            return found
        if (refusal := error_responses.from_success(meta, body, secrets=_secrets(call))) is not None:
            raise refusal from None
        error.status_code, error.request_id = meta.status, meta.request_id
        # A body whose end was not stated may have been cut.
        error.complete = meta.status == 204 or meta.states_end
        raise
    if isinstance(value, ChatCompletion) and not value.choices and value.extra:  # it may be an error
        refusal = error_responses.from_success(meta, body, secrets=_secrets(call))
        if refusal is not None:
            raise refusal
    return value


def _secrets(call: Request) -> list[Secret]:
    return [call.credentials.secret] if call.credentials else []


def _of_stream(call: Request, body: bytes, meta: Meta, streamed: Callable[[Request], None]) -> Any:
    """The reply that a stream amounts to; None if the body is none, or not one that is known."""
    from openai_async._wire.unexpected_stream import collect_stream  # loaded with the pipeline

    path = call.scope.partition(" ")[0]
    found = collect_stream(path, body, choices=call.choices, states_end=meta.states_end)
    if found is None:
        return None
    streamed(call)
    if found.reply is not None:
        return call.decode(found.reply)
    error: APIError = StreamInterrupted("the server answered with a stream, which ended without its terminal event")
    if found.fault is not None:
        told = error_responses.from_event_data(found.fault, request_id=meta.request_id, secrets=_secrets(call))
        error = told or DecodeError("the server answered with a stream, and an event of it is damaged")
    error.request_id, error.partial = meta.request_id, found.partial
    raise error from None
