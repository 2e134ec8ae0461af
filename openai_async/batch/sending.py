"""One row through the client's pipeline: its retries, limits and deadlines are those of any other call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openai_async._layers.pipeline import Pipeline
from openai_async._wire import json
from openai_async.batch.endpoints import ENDPOINTS
from openai_async.batch.outputs import Outcome, failure, success
from openai_async.batch.rows import Row
from openai_async.errors import DecodeError, InvalidParameterError, OpenAIError
from openai_async.resources._base import prepare

_ID_HEADER = "x-client-request-id"
_REPLY_FIELD = {name.removeprefix("/v1"): endpoint.reply for name, endpoint in ENDPOINTS.items()}


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
        prepare(pipeline, "POST", "/", bytes, dict(self._options))  # refuses what any row would be refused for

    async def send(self, row: Row) -> Outcome:
        """Send a row; a failure is an outcome, too. Cancelling drops the connection: nobody knows how it ended."""
        reply = _Reply(_REPLY_FIELD[row.path])
        # As `extra_body`, a field of the body is never mistaken for an option, and a null is sent as a null.
        params = {**self._options, "extra_body": row.body, "extra_headers": self._headers_of(row)}
        decode: Callable[[bytes], bytes] = reply.read
        try:
            call = prepare(self._pipeline, "POST", row.path, decode, params, repeatable=True)
            body, meta = await self._pipeline.fetch_bytes(call)
        except OpenAIError as error:
            return failure(row, error)
        return success(row, meta, body, reply.tokens)

    def _headers_of(self, row: Row) -> Mapping[str, str]:
        """The custom_id goes along as the client's own id of the request, where it fits: ASCII, up to 512 characters.

        So the server's support can find a row.
        """
        text = row.custom_id
        fits = len(text) <= 512 and text.isascii() and text.isprintable() and text.strip() == text
        return {_ID_HEADER: text, **self._headers} if fits and self._names_rows else self._headers


class _Reply:
    """Checks the body of an answer, and counts its tokens; the body stays as it came."""

    def __init__(self, field: str) -> None:
        self._field = field
        self.tokens = 0

    def read(self, body: bytes) -> bytes:
        """Raises `DecodeError` for what is no answer of the endpoint: it is tried again then, like any other."""
        reply = json.loads(body)
        if not isinstance(reply, dict) or self._field not in reply:
            raise DecodeError(f"the body has no field {self._field!r}, as an answer of this endpoint has")
        usage: Any = reply.get("usage")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if isinstance(usage, dict):
            total: Any = usage.get("total_tokens")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            self.tokens = total if isinstance(total, int) else 0
        return body
