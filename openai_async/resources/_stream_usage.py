"""Streams are asked for their usage, which the caller did not write: a server that refuses that streams without it.

A strict server answers 422, or a 400 that names the field; the same
request is then sent once more without it, and the client asks that server no more.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from openai_async._pipeline.call import Answer, Call
from openai_async._pipeline.pipeline import Pipeline
from openai_async.errors import APIStatusError

_FIELD: Final = "stream_options"
_ASKED: Final = {"include_usage": True}
#: As it stands in the encoded body. In a text its quotes would be escaped.
_ENCODED: Final = b',"stream_options":{"include_usage":true}'


def ask_for_usage(pipeline: Pipeline, params: dict[str, Any]) -> bool:
    """Put the question into the parameters of a stream, unless they say otherwise or the server refuses it."""
    if _FIELD in params or pipeline.refuses_stream_options:
        return False
    params[_FIELD] = dict(_ASKED)
    return True


async def open_asking(pipeline: Pipeline, call: Call, *, asked: bool) -> Answer:
    """Open a stream; `asked`: with the question of ours in its body. Raises what opening raises.

    Cancelling drops the connection.
    """
    if not asked:
        return await pipeline.open(call)
    try:
        return await pipeline.open(call)
    except APIStatusError as error:
        plain = _without(call) if _refuses_field(error) else None
        if plain is None:
            raise
    answer = await pipeline.open(plain)
    pipeline.refuses_stream_options = True
    return answer


def _refuses_field(error: APIStatusError) -> bool:
    if error.status_code not in (400, 422):
        return False
    told = f"{error.message} {error.param} {error.body}"
    if _FIELD in told or "include_usage" in told:
        return True
    # A 422 that names nothing may mean it: the second answer tells.
    return error.status_code == 422 and not error.param and "loc" not in told


def _without(call: Call) -> Call | None:
    """The same call without the question; None if it is not in the body as we put it."""
    body = call.body
    if not isinstance(body, bytes):
        return None
    before, found, after = body.rpartition(_ENCODED)
    return attrs.evolve(call, body=before + after, attempts=[]) if found else None
