"""One row through the client's pipeline: its retries, limits and deadlines are those of any other call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import attrs

from openai_async._layers.pipeline import Pipeline
from openai_async._policy.estimates import tokens_of_reply
from openai_async._wire import json
from openai_async._wire.problems import error_in
from openai_async._wire.usage import usage_of
from openai_async.batch.endpoints import ENDPOINTS, path_of
from openai_async.batch.errors import BatchError
from openai_async.batch.outputs import Outcome, failure, success
from openai_async.batch.rows import Row
from openai_async.errors import DecodeError, InvalidParameterError
from openai_async.resources._base import prepare
from openai_async.resources._operation import Operation
from openai_async.types.meta import NO_META, Meta
from openai_async.types.usage import CompletionUsage

_ID_HEADER = "x-client-request-id"


class Sender:
    """Sends rows. `options` are the call options of all of them.

    Raises:
        InvalidParameterError: an option cannot be used.
    """

    def __init__(self, pipeline: Pipeline, options: Mapping[str, Any]) -> None:
        if options.get("extra_body"):
            raise InvalidParameterError("extra_body", "has no place here; params= is for what all bodies share")
        self._pipeline = pipeline
        self._headers: Mapping[str, str] = options.get("extra_headers") or {}
        self._names_rows = not any(name.lower() == _ID_HEADER for name in self._headers)
        self._options = {name: value for name, value in options.items() if value is not None}
        prepare(
            pipeline, Operation("POST", "/"), bytes, dict(self._options)
        )  # refuses what any row would be refused for

    async def send(self, row: Row, on_send: Callable[[], None]) -> Outcome:
        """Send a row when its turn has come, which `on_send` hears of first; a failure is an outcome, too.

        Cancelling after that drops the connection: nobody knows how it ended.
        """
        # As `extra_body`, a field of the body is never mistaken for an option, and a null is sent as a null.
        params = {**self._options, "extra_body": row.body, "extra_headers": self._headers_of(row)}
        decode = _READERS[row.path]
        try:
            call = prepare(self._pipeline, Operation("POST", row.path, repeatable=True), decode, params)
            call.on_send = on_send
            reply: RowReply = await self._pipeline.fetch(call)
        except BatchError:
            raise  # of `on_send`: the batch's own
        except Exception as error:  # whatever its class, such as one of an `http_client` of the user's
            return failure(row, error)
        counted = None if reply.usage is None else reply.usage.total_tokens
        tokens = (reply.meta.estimated_tokens or 0) + reply.written if counted is None else counted
        return success(row, reply.meta, reply.body, tokens, estimated=counted is None)

    def limits(self, calls: int, tokens: float, families: set[str]) -> dict[str, Any]:
        """The rate limits of these families, for so many calls of so many tokens, as fields of `Progress`."""
        limiter = self._pipeline.limiter
        return {"waiting_for": limiter.waiting_for(), **limiter.best(calls, tokens, families)}

    def _headers_of(self, row: Row) -> Mapping[str, str]:
        """The custom_id goes along as the client's own id of the request, where it fits: ASCII, up to 512 characters.

        So the server's support can find a row.
        """
        text = row.custom_id
        fits = len(text) <= 512 and text.isascii() and text.isprintable() and text.strip() == text
        return {_ID_HEADER: text, **self._headers} if fits and self._names_rows else self._headers


@attrs.define
class RowReply:
    """The body of an answer as it came, if any reader of JSON can read it; and what the limiter and the bill go by."""

    body: bytes = attrs.field(repr=False)
    usage: CompletionUsage | None
    model: str | None
    created: float | None
    service_tier: str | None
    #: Tokens of its texts, as estimated where the server counted none.
    written: int = 0
    meta: Meta = NO_META


def reply_in(path: str, found: Any) -> RowReply:
    """What the decoded body of an answer says, by the path of its endpoint. `body` is left empty.

    Raises:
        DecodeError: it is no answer of the endpoint: the field that holds the answer is absent or null, or it is empty
            beside an error.
    """
    field = _FIELDS[path]
    body = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if body.get(field) is None or (not body[field] and error_in(body) is not None):
        raise DecodeError(f"the body has no field {field!r}, as an answer of this endpoint has")
    model, created, tier = body.get("model"), body.get("created", body.get("created_at")), body.get("service_tier")
    usage = usage_of(body)
    return RowReply(
        b"",
        usage,
        model if isinstance(model, str) else None,
        created if isinstance(created, (int, float)) else None,
        tier if isinstance(tier, str) else None,
        tokens_of_reply(body) if usage is None else 0,
    )


def _read(path: str, body: bytes) -> RowReply:
    found, text = json.loads_and_text(body)
    reply = reply_in(path, found)
    reply.body = text
    return reply


_FIELDS: Mapping[str, str] = {path_of(name): endpoint.reply for name, endpoint in ENDPOINTS.items()}
_READERS: Mapping[str, Callable[[bytes], RowReply]] = {path: partial(_read, path) for path in _FIELDS}
