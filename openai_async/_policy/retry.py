"""Whether a failed attempt is followed by another, and how long after. Arithmetic only: no clock, no I/O.

What is known of the failure decides:

    outcome     example                                 sent again
    ----------  --------------------------------------  ---------------------------------------------------
    not_sent    refused, DNS, TLS, connect timeout      yes: the server cannot have acted
    rejected    429, 503, 408, 409                      yes, after the server's own delay
    ambiguous   reset or timeout after sending, 500     if the call may be repeated; counted on the reply
    completed   a whole body that cannot be read        no: it was paid for, and would be paid for again
    (any)       400, 404, a drained account             no: it would end the same way

A request that makes something at the server, such as a batch, is ambiguous after any 5xx and 408: a proxy may say so of
what was carried out behind it. `x-should-retry: true` does not change that. Elsewhere `x-should-retry` overrides the
table for answers with a status, except for a drained account. A server's delay over
`MAX_RETRY_AFTER`, and any delay that ends after the deadline, is not waited for: the error is raised at once and says
how long to wait.
"""

from __future__ import annotations

from openai_async.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    DeadlineExceededError,
    DecodeError,
    InternalServerError,
    QuotaExhaustedError,
    RateLimitError,
    RequestExceedsLimitError,
)
from openai_async.types.attempt import RetriesEnded

#: Seconds; the longest delay of a server that is waited for.
MAX_RETRY_AFTER = 120.0
#: Seconds; full delays are base, 2 base, 4 base, ... up to the cap, less up to a quarter of jitter.
BACKOFF_BASE = 0.5
BACKOFF_CAP = 8.0
_RETRIED_STATUS = frozenset({408, 409, 425, 429})


def may_retry(error: APIError, *, repeatable: bool) -> bool:
    """Whether sending the call again can help, and does no harm."""
    return why_not(error, repeatable=repeatable) is None


def why_not(error: APIError, *, repeatable: bool) -> RetriesEnded | None:
    """Why a call is not sent again after a failure, whatever time and attempts are left; None if it may be."""
    if isinstance(error, DeadlineExceededError):
        return "deadline"
    if isinstance(error, (QuotaExhaustedError, RequestExceedsLimitError)):
        return "lasting"
    if isinstance(error, APIStatusError):
        passes = isinstance(error, (InternalServerError, RateLimitError)) or error.status_code in _RETRIED_STATUS
        if not (passes if error.should_retry is None else error.should_retry):
            return "should_retry" if passes else "lasting"
    elif not isinstance(error, (APIConnectionError, DecodeError)) or error.outcome == "completed":
        return "lasting"
    return "ambiguous" if error.outcome not in ("not_sent", "rejected") and not repeatable else None


def shows_outage(error: BaseException) -> bool | None:
    """Whether a failure says that the server is out of order; False if it says that it is not, None if neither."""
    if isinstance(error, DeadlineExceededError) or not isinstance(error, APIError):
        return None
    return isinstance(error, (APIConnectionError, InternalServerError))


def delay(retry_number: int, retry_after: float | None, *, jitter: float) -> float | None:
    """Seconds to wait before retry 1, 2, ...; None if the server asks for more than is waited for.

    `jitter` is a random number in [0, 1). A server's delay is a minimum: up to 10 % (at most 1 s) is added, so that
    callers who were refused together do not come back together.
    """
    if retry_after is not None:
        if retry_after > MAX_RETRY_AFTER:
            return None
        return retry_after + jitter * min(1.0, 0.1 * retry_after)
    full = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(retry_number - 1, 32))
    return full * (1.0 - 0.25 * jitter)
