"""Send one row through the client's pipeline, with the retries, limits and deadlines of any other call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from openai_async._pipeline.pipeline import Pipeline
from openai_async._policy.estimates import tokens_of_reply
from openai_async._wire import json
from openai_async._wire.error_responses import error_in
from openai_async._wire.usage import usage_of
from openai_async.batch.errors import BatchError
from openai_async.batch.input.endpoints import ENDPOINTS, path_of
from openai_async.batch.input.rows import Row
from openai_async.batch.output.output_lines import Outcome, failure, success
from openai_async.batch.spent import Spent, wasted
from openai_async.errors import APIError, DecodeError, InvalidParameterError
from openai_async.resources._base import prepare
from openai_async.resources._operation import Operation
from openai_async.types.attempt import Attempt
from openai_async.types.meta import NO_META, Meta
from openai_async.types.usage import CompletionUsage

#: From model, time, tier, usage and the model that was asked for to US dollars; see `Billing.bill`.
Bill: TypeAlias = Callable[[str | None, float | None, str | None, CompletionUsage | None, str | None], float | None]
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
        """Send a row when the limits allow it, after a call of `on_send`. A failure is an outcome, too.

        Cancelling after that call drops the connection, and the row may have been processed.
        """
        # As `extra_body`, a field of the body is never mistaken for an option, and a null is sent as a null.
        params = {**self._options, "extra_body": row.body, "extra_headers": self._headers_of(row)}
        read = _Reader(row.path)
        try:
            call = prepare(self._pipeline, Operation("POST", row.path, repeatable=True), read, params, on_send=on_send)
            reply: RowReply = await self._pipeline.fetch(call)
        except BatchError:
            raise  # of `on_send`: the batch's own
        except Exception as error:  # whatever its class, such as one of an `http_client` of the user's
            attempts = error.attempts if isinstance(error, APIError) else ()
            return failure(row, error, self._wasted(row, read.unusable, attempts))
        meta, counted = reply.meta, None if reply.usage is None else reply.usage.total_tokens
        tokens = (meta.estimated_tokens or 0) + reply.written if counted is None else counted
        spent = Spent.of_answer(tokens, meta.cost, estimated=counted is None)
        if len(meta.attempts) > 1:
            spent += self._wasted(row, read.unusable, meta.attempts)
        return success(row, meta, reply.body, spent)

    def _wasted(self, row: Row, unusable: list[RowReply], attempts: tuple[Attempt, ...]) -> Spent:
        """The cost of attempts without an answer. Some of them report their usage; the others are estimated."""
        reported = [attempt for attempt in attempts if attempt.error == "DecodeError"][: len(unusable)]
        spent = wasted([attempt for attempt in attempts if attempt not in reported])
        for reply in unusable:
            spent += billed(reply, row, self._pipeline.billing.bill, reply.service_tier)
        return spent

    def limits(self, calls: int, tokens: float, scopes: set[str]) -> dict[str, Any]:
        """The rate limits of these scopes, for so many calls of so many tokens, as fields of `Progress`."""
        limiter = self._pipeline.limiter
        return {"waiting_for": limiter.waiting_for(), **limiter.best(calls, tokens, scopes)}

    def _headers_of(self, row: Row) -> Mapping[str, str]:
        """Send the custom_id as the client's request id, if it is ASCII of up to 512 characters.

        With it the server's support can look up a row.
        """
        text = row.custom_id
        fits = len(text) <= 512 and text.isascii() and text.isprintable() and text.strip() == text
        return {_ID_HEADER: text, **self._headers} if fits and self._names_rows else self._headers


@attrs.define
class RowReply:
    """The body of an answer, and the fields that the limiter and the bill need."""

    body: bytes = attrs.field(repr=False)
    usage: CompletionUsage | None
    model: str | None
    created: float | None
    service_tier: str | None
    #: Tokens of its texts, as estimated where the server counted none.
    written: int = 0
    meta: Meta = NO_META


def reply_in(path: str, value: Any) -> RowReply:
    """Check the decoded body of an answer of an endpoint, and read its fields. `body` is left empty.

    Raises:
        DecodeError: it is no answer of the endpoint: the field that holds the answer is absent or null, or it is empty
            beside an error.
    """
    field = _FIELDS[path]
    body = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if body.get(field) is None or (not body[field] and error_in(body) is not None):
        raise DecodeError(f"the body has no field {field!r}, as an answer of this endpoint has")
    reply = facts_in(body)
    if reply.usage is None:
        reply.written = tokens_of_reply(body)
    return reply


def facts_in(value: Any) -> RowReply:
    """Read the model, time, tier and usage of a decoded body, whether it holds an answer or not."""
    body = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    model, created, tier = body.get("model"), body.get("created", body.get("created_at")), body.get("service_tier")
    return RowReply(
        b"",
        usage_of(body),
        model if isinstance(model, str) else None,
        created if isinstance(created, (int, float)) else None,
        tier if isinstance(tier, str) else None,
    )


def billed(reply: RowReply, row: Row, bill: Bill, tier: str | None) -> Spent:
    """The tokens and the cost of a reply in a tier of service."""
    requested = row.body.get("model")
    dollars = bill(reply.model, reply.created, tier, reply.usage, requested if isinstance(requested, str) else None)
    tokens = reply.written if reply.usage is None else reply.usage.total_tokens
    return Spent.of_answer(tokens, dollars, estimated=reply.usage is None)


class _Reader:
    """Decodes the answers to one row, and keeps the unusable ones that report their usage."""

    __slots__ = ("_path", "unusable")

    def __init__(self, path: str) -> None:
        self._path = path
        self.unusable: list[RowReply] = []

    def __call__(self, body: bytes) -> RowReply:
        value, text = json.loads_and_normalize(body)
        try:
            reply = reply_in(self._path, value)
        except DecodeError:
            if (reply := facts_in(value)).usage is not None:
                self.unusable.append(reply)
            raise
        reply.body = text
        return reply


_FIELDS: Mapping[str, str] = {path_of(name): endpoint.reply for name, endpoint in ENDPOINTS.items()}
