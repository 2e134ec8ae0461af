"""The record of one attempt at a call, for errors, replies and logs."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from openai_async.types._plain import Record

#: How far an attempt came. Retrying follows from it:
#:
#: - not_sent: the request never reached the server whole, so sending it again is free of risk;
#: - rejected: the server said no before doing the work (429, 503, 409, 4xx);
#: - ambiguous: sent, but no whole answer came back; the work may have been done and paid for;
#: - completed: a whole answer arrived.
Outcome: TypeAlias = Literal["not_sent", "rejected", "ambiguous", "completed"]

#: Why a call that failed made no further attempt:
#:
#: - max_retries: it made as many as it may;
#: - deadline: the next one would have begun after its deadline;
#: - retry_budget: the server failed every call, and did so for as long as a call without a deadline waits for it;
#: - retry_after: the server asked to wait for longer than is waited for;
#: - should_retry: the server said that sending it again does not help;
#: - ambiguous: it may have been carried out, and doing so twice would do harm;
#: - lasting: it would end the same way again.
RetriesEnded: TypeAlias = Literal[
    "max_retries", "deadline", "retry_budget", "retry_after", "should_retry", "ambiguous", "lasting"
]


@attrs.frozen
class Attempt(Record):
    """One attempt: its number from 1, how it ended, and what followed."""

    number: int
    outcome: Outcome
    #: HTTP status, if one arrived.
    status: int | None
    #: Class name of the error, or None for a success.
    error: str | None
    #: Duration of the attempt in seconds, without waiting for a permit.
    seconds: float
    #: Seconds waited after it before the next attempt; None if none followed.
    retry_delay: float | None = None
    #: The tokens and US dollars that it may have been billed for, as estimated, although no answer came that can be
    #: used; None where that is not so, and of a price that is not known.
    estimated_tokens: int | None = None
    estimated_cost: float | None = None

    @property
    def may_be_billed(self) -> bool:
        """Whether the attempt may have been carried out, and billed, without a usable answer."""
        if self.outcome == "completed":
            return self.error is not None and (self.status or 200) < 300
        return self.outcome == "ambiguous"
