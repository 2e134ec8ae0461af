"""Progress values of maps and batches."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from openai_async.types._base import EMPTY
from openai_async.types._plain import Record


@attrs.frozen
class Progress(Record):
    """The progress of a map or a batch.

    Attributes:
        total: the number of calls; None if the source does not say.
        done, failed: the number of ended calls, and of those with an error.
        in_flight: calls that have started and not ended, including those that wait for their turn.
        tokens: used tokens, as the server counted them; estimated where it did not.
        tokens_estimated: the estimated part of `tokens`: replies without usage, and unanswered attempts, which may have
            been billed.
        cost: US dollars so far; None if a model's price is not known.
        cost_estimated: the estimated cost of unanswered attempts, not included in `cost`; known prices only.
        seconds: seconds since the start.
        waiting_for: the number of waiting calls of the client, by reason.
        limit_requests_per_minute, limit_tokens_per_minute: the rate limits, if known.
        least_seconds: the shortest total time that the limits allow, at the mean size so far.
    """

    total: int | None
    done: int
    failed: int
    in_flight: int
    tokens: int
    cost: float | None
    seconds: float
    waiting_for: Mapping[str, int] = EMPTY
    limit_requests_per_minute: float | None = None
    limit_tokens_per_minute: float | None = None
    least_seconds: float | None = None
    tokens_estimated: int = 0
    cost_estimated: float = 0.0

    @property
    def calls_per_minute(self) -> float:
        """Ended calls per minute since the start; 0 at the start."""
        return 60.0 * self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def tokens_per_minute(self) -> float:
        """Used tokens per minute since the start; 0 at the start."""
        return 60.0 * self.tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The estimated seconds left at the pace so far; None without a pace or a total."""
        if self.total is None or not self.done:
            return None
        return self.seconds * max(0, self.total - self.done) / self.done


@attrs.frozen(kw_only=True)
class BatchProgress(Progress):
    """The progress of a batch. Rows count as done when they are on the disk.

    Attributes:
        total: rows of this run: rows of IN, without skipped rows and bad lines.
        done, failed, in_flight, and all others: as in `Progress`, for this run.
        skipped: rows that an earlier run had finished.
        bad: lines so far that are not a request.
        ambiguous: rows that an earlier run had sent, without an answer, when it was killed.
    """

    skipped: int
    bad: int
    ambiguous: int


@attrs.frozen
class RemotePart(Record):
    """One remote batch of a run.

    Attributes:
        status: "waiting", "uploading" its file, or "queue full" while the account has too many enqueued tokens. Then
            the status of the API, such as "validating", "in_progress" or "completed".
        total: number of rows.
        done, failed: rows, as the API counts them; a failed row is also done.
        batch_id: ID of the batch; None before it is created.
    """

    status: str
    total: int
    done: int = 0
    failed: int = 0
    batch_id: str | None = None

    @property
    def completed(self) -> int:
        """The number of answered rows."""
        return self.done - self.failed


@attrs.frozen
class RemoteProgress(Record):
    """The progress of a remote run.

    Attributes:
        parts: the batches of the run.
        seconds: seconds since the run began.
        done_before: rows that had ended on the server before this run.
    """

    parts: tuple[RemotePart, ...]
    seconds: float
    done_before: int = 0

    @property
    def total(self) -> int:
        """The number of rows of all parts."""
        return sum(part.total for part in self.parts)

    @property
    def done(self) -> int:
        """The number of rows that ended on the server, including failed ones."""
        return sum(part.done for part in self.parts)

    @property
    def failed(self) -> int:
        """The number of rows that failed on the server."""
        return sum(part.failed for part in self.parts)

    @property
    def completed(self) -> int:
        """The number of rows answered on the server."""
        return self.done - self.failed

    @property
    def seconds_left(self) -> float | None:
        """The estimated seconds left at the pace of this run; None without a pace."""
        gained = self.done - self.done_before
        return self.seconds * (self.total - self.done) / gained if gained > 0 else None
