"""Turn error responses into exceptions.

An error arrives in three forms: the body of an error status, an event of a stream, or a JSON body in place of a stream.
Messages and bodies are masked before they reach an exception, because servers quote keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from openai_async._wire import error_pages, exhausted_quota, json, retry_delays
from openai_async._wire.headers import should_retry
from openai_async.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentFilterError,
    ContextLengthExceededError,
    DecodeError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestExceedsLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    UnprocessableEntityError,
)
from openai_async.types.meta import Meta
from openai_async.types.settings import Secret

_BY_STATUS: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    409: ConflictError,
    413: RequestTooLargeError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}
#: The status that an error inside a stream would have had as a response.
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "requests": 429,
    "tokens": 429,
    "insufficient_quota": 429,
    "slow_down": 429,
    "server_error": 500,
    "api_error": 500,
    "server_is_overloaded": 503,
    "overloaded_error": 503,
}
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_CONTEXT_WORDS = "maximum context length is"  # of servers that copy the API's message, but not its code
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation"})
_KEY = re.compile(r"(?<![A-Za-z])(?:sk|sess|rk)-[A-Za-z0-9_\-*]{6,}")
_MASK = "***"


def error_in(event: Any) -> Any | None:
    """The error object of a decoded event or body; None if there is none."""
    if not isinstance(event, dict):
        return None
    error: Any = event.get("error")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not error and event.get("object") == "error":  # pyright: ignore[reportUnknownMemberType]
        return event  # pyright: ignore[reportUnknownVariableType]  # some servers do not wrap it
    return error if error else None  # pyright: ignore[reportUnknownVariableType]


def from_response(meta: Meta, body: bytes, *, secrets: Collection[Secret]) -> APIStatusError:
    """The exception for an error status. The body may be JSON of any server, HTML, or empty."""
    try:
        decoded = _unwrapped(json.loads(body))
    except DecodeError:
        decoded = error_pages.first_event(body)
    error, shown = error_in(decoded) or decoded, None
    if not isinstance(error, (dict, str)) and body:
        # Masked before it is cut: half a key is no longer recognized.
        text = _masked(body.decode("utf-8", "replace").strip(), _revealed(secrets))
        error, shown = text[:500], error_pages.summary(meta, text)
    return _build(
        meta.status,
        error,
        secrets,
        shown=shown and _masked(shown, _revealed(secrets)),
        retry_after=lambda message: retry_delays.retry_delay(meta, decoded, message),
        request_id=meta.request_id,
        should_retry=should_retry(meta.headers),
        rate_limits=meta.rate_limits,
        processing_ms=meta.processing_ms,
        organization=meta.organization,
        version=meta.version,
        model=meta.model,
    )


def _unwrapped(decoded: Any) -> Any:
    """Google's servers put the error body into an array."""
    return decoded[0] if isinstance(decoded, list) and decoded else decoded  # pyright: ignore[reportUnknownVariableType]


def from_success(meta: Meta, body: bytes, *, secrets: Collection[Secret]) -> APIStatusError | None:
    """The exception for an error object inside a 2xx response, as some servers send it; None if there is none."""
    try:
        error = error_in(json.loads(body))
    except DecodeError:
        return None
    return None if error is None else from_event(error, request_id=meta.request_id, secrets=secrets)


def from_event(error: Any, *, request_id: str | None, secrets: Collection[Secret]) -> APIStatusError:
    """The exception of an error that came inside a stream, where no status belongs to it."""
    status = _implied_status(error)
    return _build(
        status,
        error,
        secrets,
        retry_after=lambda message: retry_delays.from_error(status, error, message, None),
        request_id=request_id,
    )


def from_event_data(data: bytes, *, request_id: str | None, secrets: Collection[Secret]) -> APIStatusError | None:
    """The exception for the data of an event; None if it is no error."""
    try:
        event: Any = json.loads(data)
    except DecodeError:
        return None
    error = error_in(event)
    if error is None and isinstance(event, dict) and "message" in event:
        error = event  # pyright: ignore[reportUnknownVariableType]
    if error is None:
        return None
    exception = from_event(error, request_id=request_id, secrets=secrets)
    exception.message += " (inside the stream)"
    return exception


def from_status(status: int, error: Any, *, request_id: str | None) -> APIStatusError:
    """The exception for a status and an error that were read from a file, without header fields."""
    return _build(status, error, (), request_id=request_id, retry_after=lambda _: None)


def _implied_status(error: Any) -> int:
    if not isinstance(error, dict):
        return 500
    values: list[Any] = [error.get(name) for name in ("status", "code", "type")]  # pyright: ignore
    for value in values:
        if isinstance(value, str) and re.fullmatch("[45][0-9][0-9]", value):
            return int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    for value in values:
        if isinstance(value, str):
            if value.lower() in exhausted_quota.CODES:
                return 429
            if value in _STATUS_OF_TYPE:
                return _STATUS_OF_TYPE[value]
    return 500


def _build(
    status: int,
    error: Any,
    secrets: Collection[Secret],
    *,
    retry_after: Callable[[str], float | None],
    shown: str | None = None,
    **known: Any,
) -> APIStatusError:
    error = _masked(_unquoted(error), _revealed(secrets))
    fields: dict[str, Any] = error if isinstance(error, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    code, kind, param = (_text(fields.get(name)) for name in ("code", "type", "param"))
    message = _text(fields.get("message")) or shown or (error if isinstance(error, str) else "")
    message = message or _told_by(fields.get("detail")) or "no message"
    delay = retry_after(message if shown is None else str(cast("object", error)))
    return _class_of(status, code, kind, message, delay)(
        f"{status}: {message[:2000]}",
        status_code=status,
        code=code,
        type=kind,
        param=param,
        body=error,
        retry_after=delay,
        **known,
    )


def _unquoted(error: Any) -> Any:
    """The body without what FastAPI quotes of the request: the `input` of each entry of `detail`, which is a prompt."""
    if not isinstance(error, dict):
        return error
    body = cast("dict[str, Any]", error)
    if not isinstance(body.get("detail"), list):
        return body
    return {**body, "detail": [_without_input(entry) for entry in body["detail"]]}


def _without_input(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    fields = cast("dict[str, Any]", entry)
    return {**fields, "input": _MASK} if "input" in fields else fields


def _told_by(detail: Any) -> str:
    """FastAPI's word for a message: a text, or a list of entries that say where and what."""
    if not isinstance(detail, list):
        return detail if isinstance(detail, str) else ""
    entries = [cast("dict[str, Any]", entry) for entry in cast("list[object]", detail) if isinstance(entry, dict)]
    return "; ".join(f"{_location(entry.get('loc'))}{entry['msg']}" for entry in entries if "msg" in entry)


def _location(loc: Any) -> str:
    steps = [str(step) for step in cast("list[object]", loc) if step != "body"] if isinstance(loc, list) else []
    return f"{'.'.join(steps)}: " if steps else ""


def _class_of(
    status: int, code: str | None, kind: str | None, message: str, delay: float | None
) -> type[APIStatusError]:
    if exhausted_quota.is_quota_exhausted(status, code, kind, message, delay=delay):
        return QuotaExhaustedError
    if status == 429 and message.startswith("Request too large"):  # the API has no code of its own for it
        return RequestExceedsLimitError
    if status in (400, 413, 422, 500):
        if code in _CONTEXT_CODES or kind in _CONTEXT_CODES or _CONTEXT_WORDS in message:
            return ContextLengthExceededError
        if status == 400 and (code in _FILTER_CODES or kind in _FILTER_CODES):
            return ContentFilterError
    return _BY_STATUS.get(status) or (InternalServerError if status >= 500 else APIStatusError)


def _text(value: object) -> str | None:
    return None if value is None or value == "" else value if isinstance(value, str) else str(value)


def mask_keys(text: str) -> str:
    """A server's text without what looks like a key."""
    return _KEY.sub(_MASK, text)


def _revealed(secrets: Collection[Secret]) -> list[str]:
    """Longest first: one key may begin with another."""
    return sorted((secret.reveal() for secret in secrets), key=len, reverse=True)


def _masked(value: Any, secrets: list[str], depth: int = 0) -> Any:
    """Every string of a decoded body without the secrets in use, and without what looks like a key."""
    if isinstance(value, str):
        for secret in secrets:
            if len(secret) >= 4:
                value = value.replace(secret, _MASK)
        return _KEY.sub(_MASK, value)
    if depth > 20:
        return None
    if isinstance(value, dict):
        return {
            _masked(k, secrets, depth + 1): _masked(v, secrets, depth + 1)
            for k, v in value.items()  # pyright: ignore[reportUnknownVariableType]
        }
    if isinstance(value, list):
        return [_masked(item, secrets, depth + 1) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
