"""Every exception of the package.

OpenAIError
├── ConfigurationError (ValueError)      the client was set up wrongly; names the field, never shows its value
├── InvalidParameterError (ValueError)   a call was given bad arguments; nothing was sent
├── RemovedEndpointError                 the API has removed the operation; names what replaces it; nothing was sent
├── ForeignLoopError (RuntimeError)      the object belongs to another event loop, or to another process
├── NotCopiedError (TypeError)           clients, and what is open, cannot be copied or pickled; says what to do
├── WaitTimeoutError (TimeoutError)      a job has not ended in the time given to it; carries its last state
├── ConcurrentReadError (RuntimeError)   two tasks read from one stream, download or list of pages at once
├── InvalidWebhookSignatureError (ValueError)  a webhook's call was not signed by the API, or not now
└── APIError                             a call failed; carries request_id, attempts, retry_after, partial
    ├── APIConnectionError               no (whole) answer arrived; `phase` says how far the call came
    │   ├── APITimeoutError              the time given to one phase ran out
    │   │   ├── ConnectTimeoutError      ... to reach the server
    │   │   ├── FirstTokenTimeoutError   ... until the first event of a stream
    │   │   ├── IdleTimeoutError         ... between two events of a stream
    │   │   └── DeadlineExceededError    ... to the whole call, with waiting and retries
    │   └── StreamInterrupted            a stream ended without its terminal event
    ├── QueueFullError                   too many calls wait already (`max_waiting`); nothing was sent
    ├── InvalidResponseError             an answer arrived that is not one of this API
    │   ├── DecodeError                  not JSON, or not of the documented shape
    │   ├── ResponseTooLargeError        over the bound on decoded bytes, or on one event
    │   └── UnexpectedRedirectError      3xx: redirects are never followed
    └── APIStatusError                   the server answered with an error status
        ├── BadRequestError              400
        │   ├── ContextLengthExceededError
        │   └── ContentFilterError
        ├── AuthenticationError          401
        ├── PermissionDeniedError        403
        ├── NotFoundError                404
        ├── RequestTimeoutError          408
        ├── ConflictError                409
        ├── RequestTooLargeError         413
        ├── UnprocessableEntityError     422
        ├── RateLimitError               429, passes with time
        ├── QuotaExhaustedError          429, the account is drained: waiting does not help
        ├── RequestExceedsLimitError     429, larger than the limit itself: it can never succeed
        └── InternalServerError          5xx

All of them survive pickling and copying. They hold plain values only: no HTTP object, no key, no prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from openai_async.types._frameless import frameless as frameless

if TYPE_CHECKING:
    from openai_async.types._rate_limit_headers import RateLimits
    from openai_async.types.attempt import Attempt, Outcome, RetriesEnded

Phase = Literal["connect", "send", "response", "body"]
#: What an error's text says of the end of retries. A lasting failure speaks for itself.
_ENDED_BY: Mapping[str | None, str] = {
    "max_retries": "max_retries reached",
    "deadline": "the deadline leaves no time",
    "retry_budget": "the retry budget is empty, as the server fails every call",
    "retry_after": "the server asks to wait too long",
    "should_retry": "the server says that it does not help",
    "ambiguous": "it may have been carried out",
}


class OpenAIError(Exception):
    """The base class of all errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own way calls the class with `args`, which fails for keyword-only constructors.
        return _revive, (type(self), self.args, self.__dict__.copy())


def _revive(cls: type[OpenAIError], args: tuple[object, ...], state: dict[str, object]) -> OpenAIError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(OpenAIError, ValueError):
    """The client cannot be built from its settings.

    `field` is the argument or environment variable at fault. The value is never shown: it may be a key.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class InvalidParameterError(OpenAIError, ValueError):
    """A call was refused before anything was sent; `field` names the argument, such as `messages[0].role`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class RemovedEndpointError(OpenAIError):
    """OpenAI has removed this operation from its API. Servers at another `base_url` are still called.

    Attributes:
        operation: dotted name, as on the client.
        replacement: what to use instead.
    """

    def __init__(self, operation: str, replacement: str) -> None:
        super().__init__(f"{operation} was removed from the API: use {replacement}")
        self.operation = operation
        self.replacement = replacement


class ForeignLoopError(OpenAIError, RuntimeError):
    """An open object was used from another event loop or process than the one that opened it.

    Nothing was sent or read. Open another stream or iterator there; the client itself can be used anywhere.
    """


class NotCopiedError(OpenAIError, TypeError):
    """A client, a resource, a stream or an iterator cannot be copied or pickled.

    They hold connections, limits and a key. Use the same client everywhere in a process, including other threads and
    event loops. Build another client in another process.
    """


class WaitTimeoutError(OpenAIError, TimeoutError):
    """A job did not end within `max_wait`. It continues on the server.

    Attributes:
        last: the last known state.
    """

    def __init__(self, message: str, *, last: Any = None) -> None:
        super().__init__(message)
        self.last = last


class ConcurrentReadError(OpenAIError, RuntimeError):
    """Another task is waiting for data from the same stream, download or list; that task goes on."""


class InvalidWebhookSignatureError(OpenAIError, ValueError):
    """A webhook call is not signed with the secret, or was signed too long ago. It may be forged."""


class APIError(OpenAIError):
    """A call failed.

    Attributes:
        message: one line for people; secrets are masked.
        code, type, param: the API's own fields of an error body, where there was one.
        body: the decoded error body, secrets masked; None without one.
        request_id: the server's ID of the last attempt, for support requests.
        retry_after: seconds that the server asked to wait, or until the call's turn.
        rate_limits: the rate limits in the answer's headers.
        processing_ms, organization, version, model: other response headers, as on a reply.
        should_retry: the server's advice on retrying (`x-should-retry`), if any.
        attempts: one record per attempt, oldest first.
        retries_ended: why there was no further attempt (see `types.attempt.RetriesEnded`); None if a stream or a job
            failed after its call had succeeded.
        partial: the reply that a stream had delivered before it failed; else None.
    """

    _outcome: ClassVar[Outcome] = "completed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        body: object = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        rate_limits: RateLimits | None = None,
        processing_ms: float | None = None,
        organization: str | None = None,
        version: str | None = None,
        model: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        retries_ended: RetriesEnded | None = None,
        partial: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.type = type
        self.param = param
        self.body = body
        self.request_id = request_id
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.rate_limits = rate_limits
        self.processing_ms = processing_ms
        self.organization = organization
        self.version = version
        self.model = model
        self.attempts = attempts
        self.retries_ended: RetriesEnded | None = retries_ended
        self.partial = partial

    @property
    def outcome(self) -> Outcome:
        """How far the server got, as far as the error can tell (see `types.attempt.Outcome`)."""
        return self._outcome

    @property
    def possibly_billed(self) -> bool:
        """Whether an attempt may have been carried out, and billed, without a usable answer."""
        return any(attempt.may_be_billed for attempt in self.attempts)

    def __str__(self) -> str:
        notes: list[str] = []
        if self.request_id:
            notes.append(f"request {self.request_id}")
        if len(self.attempts) > 1:
            notes.append(f"{len(self.attempts)} attempts")
        if self.retries_ended in _ENDED_BY:
            notes.append(f"no further attempt: {_ENDED_BY[self.retries_ended]}")
        return f"{self.message} ({', '.join(notes)})" if notes else self.message


class APIConnectionError(APIError):
    """No complete answer arrived.

    `phase` says how far the call came: "connect" and "send" (the server cannot have acted), "response" (sent, no answer
    yet) or "body" (the answer broke off).
    """

    def __init__(self, message: str, *, phase: Phase, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.phase: Phase = phase

    @property
    def outcome(self) -> Outcome:
        return "not_sent" if self.phase in ("connect", "send") else "ambiguous"


class APITimeoutError(APIConnectionError):
    """The timeout of one phase of a call expired."""


class ConnectTimeoutError(APITimeoutError):
    """The server could not be reached within `Timeout.connect`; nothing was sent."""


class FirstTokenTimeoutError(APITimeoutError):
    """A stream sent no event within `Timeout.first_token`."""


class IdleTimeoutError(APITimeoutError):
    """A stream sent no further event within `Timeout.idle`; comments and keep-alives do not count as events."""


class DeadlineExceededError(APITimeoutError):
    """The deadline of the complete call expired: waiting, connecting, retries and reading together.

    Raised at once, with `retry_after`, if the call's turn is known to come after the deadline.
    """


class StreamInterrupted(APIConnectionError):
    """A stream ended without its terminal event; `partial` holds the reply so far."""

    def __init__(self, message: str, *, phase: Phase = "body", **fields: Any) -> None:
        super().__init__(message, phase=phase, **fields)


class QueueFullError(APIError):
    """`max_waiting` calls already wait for their turn; this one was not sent."""

    _outcome: ClassVar[Outcome] = "not_sent"


class InvalidResponseError(APIError):
    """The server answered, but not in the form of this API."""

    _outcome: ClassVar[Outcome] = "ambiguous"

    def __init__(self, message: str, *, status_code: int | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.status_code = status_code


class DecodeError(InvalidResponseError):
    """A success status with a body that is not JSON, or not of the documented form.

    `path` is the position in the body (`$.choices[0].index`); the value there is never shown. `complete` says whether
    the complete body arrived. If so, the call was billed and is not retried.
    """

    def __init__(self, message: str, *, path: str = "$", complete: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.path = path
        self.complete = complete

    @property
    def outcome(self) -> Outcome:
        return "completed" if self.complete else "ambiguous"


class ResponseTooLargeError(InvalidResponseError):
    """The decoded body, or one event of a stream, is larger than the client's bound."""

    _outcome: ClassVar[Outcome] = "completed"


class UnexpectedRedirectError(InvalidResponseError):
    """The server answered 3xx. Redirects are not followed, because they would send key and prompt elsewhere."""

    _outcome: ClassVar[Outcome] = "completed"


class APIStatusError(APIError):
    """The server answered with an error status, or with an error event inside a stream."""

    _outcome: ClassVar[Outcome] = "rejected"
    _doubtful = False  # the request makes something, and this status does not say that nothing was made

    def __init__(self, message: str, *, status_code: int, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.status_code = status_code

    @property
    def outcome(self) -> Outcome:
        return "ambiguous" if self._doubtful else self._outcome


class BadRequestError(APIStatusError):
    """400: the server does not accept the request as it is."""


class ContextLengthExceededError(BadRequestError):
    """The messages and the requested reply exceed the model's context window."""


class ContentFilterError(BadRequestError):
    """The provider's content filter refused the prompt."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, wrong or revoked."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such model, object or path."""


class RequestTimeoutError(APIStatusError):
    """408: the server gave up waiting for the request."""


class ConflictError(APIStatusError):
    """409: the object is locked, or was changed by another request."""


class RequestTooLargeError(APIStatusError):
    """413: the body is larger than the server's bound."""


class UnprocessableEntityError(APIStatusError):
    """422: the request is well-formed but cannot be carried out."""


class RateLimitError(APIStatusError):
    """429: too many requests or tokens; `retry_after` says for how long, if the server did."""


class QuotaExhaustedError(APIStatusError):
    """402, 429 or 403 that waiting does not cure: no credit is left, or a spending limit is reached.

    Not a `RateLimitError`, so that code which waits and retries does not wait forever.
    """


class RequestExceedsLimitError(APIStatusError):
    """429 for a request larger than the rate limit itself: it can never succeed unchanged."""


class InternalServerError(APIStatusError):
    """5xx: the server failed. `outcome` tells a refusal (503) from a failure midway (500, 502, 504)."""

    @property
    def outcome(self) -> Outcome:
        return "rejected" if self.status_code in (503, 529) and not self._doubtful else "ambiguous"
