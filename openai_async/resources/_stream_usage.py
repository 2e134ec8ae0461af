"""Streams are asked for their usage, which the caller did not write: a server that refuses that streams without it.

A strict server answers 422, or a 400 that names the field; the same request is then sent once more without it, and the
client asks that server no more. A 422 that names nothing may mean the question, or anything else: the request is sent
once more while it is not known whether the server takes the question. Its first answer to a stream settles that.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Answer, Request
from openai_async.errors import APIStatusError

_FIELD: Final = "stream_options"
_ASKED: Final = {"include_usage": True}
#: As it stands in the encoded body. In a text its quotes would be escaped.
_ENCODED: Final = b',"stream_options":{"include_usage":true}'
#: Statuses that judge a request: it is refused for what it says.
_JUDGES: Final = frozenset({400, 401, 403, 404, 413, 415, 422})


def ask_for_usage(pipeline: Pipeline, params: dict[str, Any]) -> bool:
    """Put the question into the parameters of a stream, unless they say otherwise or the server refuses it."""
    if _FIELD in params or pipeline.takes_stream_options is False:
        return False
    params[_FIELD] = dict(_ASKED)
    return True


async def open_asking(pipeline: Pipeline, call: Request, *, asked: bool) -> Answer:
    """Open a stream; `asked`: with the question of ours in its body. Raises what opening raises.

    Cancelling drops the connection.
    """
    if not asked:
        return await pipeline.open(call)
    try:
        answer = await pipeline.open(call)
    except APIStatusError as error:
        names = _names_field(error)
        plain = _without(call) if names or _may_mean_field(pipeline, error) else None
        if plain is None:
            raise
    else:
        if pipeline.takes_stream_options is None:
            pipeline.takes_stream_options = True
        return answer
    if names:
        pipeline.takes_stream_options = False
        return await pipeline.open(plain)
    return await _open_without(pipeline, plain)


async def _open_without(pipeline: Pipeline, plain: Request) -> Answer:
    """Find out whether a refusal meant the question."""
    try:
        answer = await pipeline.open(plain)
    except APIStatusError as error:
        if error.status_code in _JUDGES and pipeline.takes_stream_options is None:
            pipeline.takes_stream_options = True  # as far as anybody knows: it refuses the request without it, too
        raise
    pipeline.takes_stream_options = False
    return answer


def _names_field(error: APIStatusError) -> bool:
    told = f"{error.message} {error.param} {error.body}"
    return error.status_code in (400, 422) and (_FIELD in told or "include_usage" in told)


def _may_mean_field(pipeline: Pipeline, error: APIStatusError) -> bool:
    """Whether a refusal names nothing, and the server has not shown yet that it takes the question."""
    if error.status_code != 422 or pipeline.takes_stream_options is not None:
        return False
    return not error.param and "'loc'" not in f"{error.body}"  # FastAPI's word for where it is


def _without(call: Request) -> Request | None:
    """The same call without the question; None if it is not in the body as we put it."""
    body = call.body
    if not isinstance(body, bytes):
        return None
    before, found, after = body.rpartition(_ENCODED)
    return attrs.evolve(call, body=before + after, attempts=[]) if found else None
