"""Usage in streams: `stream_options` is added to requests, and removed for servers that refuse it.

A strict server answers 422, or a 400 that names the field. The same request is then sent once more without the field,
and the client stops adding it for that server. A 422 that names nothing may have another cause: one request is sent
once more to find out, and others that were refused meanwhile wait for it. A streamed answer settles it, too.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from openai_async._pipeline.answer import Answer
from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Request
from openai_async.errors import APIStatusError

_FIELD: Final = "stream_options"
_USAGE: Final = {"include_usage": True}
#: As it stands in the encoded body. In a text its quotes would be escaped.
_ENCODED: Final = b',"stream_options":{"include_usage":true}'
#: Statuses that judge a request: it is refused for what it says.
_JUDGES: Final = frozenset({400, 401, 403, 404, 413, 415, 422})


def ask_for_usage(pipeline: Pipeline, params: dict[str, Any]) -> bool:
    """Add the request for usage to a stream's parameters, unless they have one or the server refuses it."""
    if _FIELD in params or pipeline.stream_options.takes is False:
        return False
    params[_FIELD] = dict(_USAGE)
    return True


async def open_asking(pipeline: Pipeline, call: Request, *, usage_requested: bool) -> Answer:
    """Open a stream. `usage_requested`: its body has our request for usage. Raises the errors of opening.

    Cancelling drops the connection.
    """
    if not usage_requested:
        return await pipeline.open(call)
    options = pipeline.stream_options
    try:
        answer = await pipeline.open(call)
    except APIStatusError as error:
        if names := _names_field(error):
            options.takes = False
        plain = _without(call) if names or _names_nothing(error) else None
        if plain is None or await options.known():
            raise
    else:
        if options.takes is None:
            options.takes = True
        return answer
    if options.takes is False:
        return await pipeline.open(plain)
    with options.trial():
        return await _tried(pipeline, plain)


async def _tried(pipeline: Pipeline, plain: Request) -> Answer:
    """Find out whether a refusal that names nothing meant the question."""
    try:
        answer = await pipeline.open(plain)
    except APIStatusError as error:
        if error.status_code in _JUDGES:  # without the question, too: that was not the reason
            pipeline.stream_options.takes = True
        raise
    pipeline.stream_options.takes = False
    return answer


def _names_field(error: APIStatusError) -> bool:
    text = f"{error.message} {error.param} {error.body}"
    return error.status_code in (400, 422) and (_FIELD in text or "include_usage" in text)


def _names_nothing(error: APIStatusError) -> bool:
    if error.status_code != 422 or error.param:
        return False
    return "'loc'" not in f"{error.body}"  # FastAPI's word for where it is


def _without(call: Request) -> Request | None:
    """The same call without the request for usage; None if it is not in the body as we put it."""
    body = call.body
    if not isinstance(body, bytes):
        return None
    before, separator, after = body.rpartition(_ENCODED)
    return attrs.evolve(call, body=before + after) if separator else None
