"""Error responses in the API's own words: one function per reason, each returning an `ErrorResponse`.

Clients read `type`, `code` and `param`, and people read `message`, so all four follow the real service as closely as is
known. A message never quotes a whole key or a prompt.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson

from openai_async.emulator.rate_limits import go_duration

if TYPE_CHECKING:
    from openai_async.emulator.rate_limits import Refusal

__all__ = [
    "ErrorResponse",
    "body_too_large",
    "context_exceeded",
    "fault",
    "internal",
    "invalid",
    "key_missing",
    "key_unknown",
    "method_not_allowed",
    "model_unknown",
    "not_emulated",
    "not_json",
    "quota_exhausted",
    "rate_limited",
    "url_unknown",
]

Headers = tuple[tuple[bytes, bytes], ...]


class ErrorResponse(Exception):
    """An error response: HTTP `status`, the four fields of the API's error object, and extra `headers`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.headers = headers

    def body(self) -> bytes:
        """Get the JSON of the response, `{"error": {...}}`."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ErrorResponse:
    """The 400 for a request that cannot succeed as it is."""
    return ErrorResponse(400, message, param=param, code=code)


def not_emulated(param: str, what: str) -> ErrorResponse:
    """The 400 for a part of the API that is not emulated, because ignoring it would mislead the caller."""
    return invalid(f"{what} is not emulated.", param=param, code="unsupported_parameter")


def not_json() -> ErrorResponse:
    return invalid(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
        "your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid "
        "JSON.)"
    )


def body_too_large(limit: int) -> ErrorResponse:
    return ErrorResponse(413, f"Maximum content size limit ({limit} bytes) exceeded.", code="request_too_large")


def key_missing() -> ErrorResponse:
    return ErrorResponse(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using "
        "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    )


def key_unknown(key: str) -> ErrorResponse:
    # A short key shows nothing: its first and last characters would be most of it.
    shown = f"{key[:4]}{'*' * 8}{key[-4:]}" if len(key) >= 20 else "*" * 8
    return ErrorResponse(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def url_unknown(method: str, path: str) -> ErrorResponse:
    return ErrorResponse(404, f"Invalid URL ({method} {path})")


def method_not_allowed(method: str, path: str, allowed: tuple[str, ...]) -> ErrorResponse:
    return ErrorResponse(
        405,
        f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)",
        code="method_not_supported",
        headers=((b"allow", ", ".join(allowed).encode()),),
    )


def model_unknown(name: str, *, param: str | None = None) -> ErrorResponse:
    return ErrorResponse(
        404,
        f"The model `{name}` does not exist or you do not have access to it.",
        param=param,
        code="model_not_found",
    )


def context_exceeded(window: int, prompt: int, completion: int | None) -> ErrorResponse:
    """The 400 for a prompt that, alone or with the completion, exceeds the context `window` (all in tokens)."""
    if completion is None:
        reason = f"your messages resulted in {prompt} tokens. Please reduce the length of the messages."
    else:
        reason = (
            f"you requested {prompt + completion} tokens ({prompt} in the messages, {completion} in the "
            "completion). Please reduce the length of the messages or completion."
        )
    return invalid(
        f"This model's maximum context length is {window} tokens. However, {reason}",
        param="messages",
        code="context_length_exceeded",
    )


def rate_limited(model: str, organization: str, refusal: Refusal) -> ErrorResponse:
    """The 429 of a rate limit. Without retry advice if the call can never be admitted."""
    unit = "tokens per min (TPM)" if refusal.dimension == "tokens" else "requests per min (RPM)"
    where = f"for {model} in organization {organization} on {unit}: Limit {refusal.limit}"
    if math.isinf(refusal.wait):
        message = (
            f"Request too large {where}, Requested {refusal.requested}. The input or output tokens must be "
            "reduced in order to run successfully."
        )
        headers: Headers = ()
    else:
        message = (
            f"Rate limit reached {where}, Used {refusal.used}, Requested {refusal.requested}. "
            f"Please try again in {go_duration(refusal.wait)}."
        )
        headers = (
            (b"retry-after", b"%d" % math.ceil(refusal.wait)),
            (b"retry-after-ms", b"%d" % math.ceil(refusal.wait * 1000)),
        )
    return ErrorResponse(429, message, type=refusal.dimension, code="rate_limit_exceeded", headers=headers)


def quota_exhausted(code: str) -> ErrorResponse:
    return ErrorResponse(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        type="insufficient_quota",
        code=code,
    )


def fault(status: int) -> ErrorResponse:
    """A failure that the user asked the emulator to inject."""
    if status == 429:
        return ErrorResponse(429, "Slow down: traffic grew too fast.", type="rate_limit_error", code="slow_down")
    if status == 503:
        message = "The engine is currently overloaded, please try again later."
        return ErrorResponse(503, message, type="service_unavailable_error", code="server_is_overloaded")
    return ErrorResponse(
        status,
        "The server had an error while processing your request. Sorry about that!",
        type="server_error",
    )


def internal(error: Exception) -> ErrorResponse:
    """The 500 for a defect of the emulator itself. Its message helps to report the defect."""
    return ErrorResponse(500, f"The emulator failed: {type(error).__name__}: {error}", type="server_error")
