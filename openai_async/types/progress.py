"""How far a long piece of work has come."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from openai_async.types._base import EMPTY
from openai_async.types._plain import Record


@attrs.frozen
class Progress(Record):
    """A map, or a batch, at one moment.

    Attributes:
        total: how many calls there are in all; None if the source does not say.
        done, failed: calls that have ended, and how many of those with an error.
        in_flight: calls that were started and have not ended, those that wait for their turn included.
        tokens: so far: as counted by the server, or estimated where it counted none.
        tokens_estimated: those of them that are estimated: of answers whose server counted none, and of attempts that
            were sent and not answered, which may have been billed.
        cost: US dollars so far; None if the price of a model is not known.
        cost_estimated: what attempts without an answer may have cost beside that, as far as prices are known.
        seconds: since the start.
        waiting_for: how many calls of the whole client wait, by what for.
        limit_requests_per_minute, limit_tokens_per_minute: the rate limits, where they are known.
        least_seconds: the least time, from the start, that they allow for all calls, at the mean size so far.
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
        """Calls that ended, per minute since the start; 0 before any time has passed."""
        return 60.0 * self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def tokens_per_minute(self) -> float:
        """Tokens that were used, per minute since the start; 0 before any time has passed."""
        return 60.0 * self.tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None while there is none, or no total."""
        if self.total is None or not self.done:
            return None
        return self.seconds * max(0, self.total - self.done) / self.done


@attrs.frozen(kw_only=True)
class BatchProgress(Progress):
    """How far a batch is. Rows count as done when they are on the disk.

    Attributes:
        total: rows of this run: those of IN without the skipped ones and the bad lines.
        done, failed, in_flight, and all others: as in `Progress`, of this run.
        skipped: rows that were on the disk before.
        bad: lines that are no request, so far.
        ambiguous: rows that an earlier run had sent when it was killed, and of which there is no answer.
    """

    skipped: int
    bad: int
    ambiguous: int


@attrs.frozen
class RemotePart(Record):
    """One remote batch of a run.

    Attributes:
        status: "waiting" before there is a batch, "uploading" its file, "queue full" while the account has too many
            tokens enqueued; from then on the API's own word, such as "validating", "in_progress" or "completed".
        total: its rows.
        done, failed: of these, as the API counts them; a failed row is done, too.
        batch_id: None before there is a batch.
    """

    status: str
    total: int
    done: int = 0
    failed: int = 0
    batch_id: str | None = None

    @property
    def completed(self) -> int:
        """Rows that were answered."""
        return self.done - self.failed


@attrs.frozen
class RemoteProgress(Record):
    """How far a remote run is.

    Attributes:
        parts: its batches.
        seconds: since the run began.
        done_before: rows that had ended at the server when this run found its batches there.
    """

    parts: tuple[RemotePart, ...]
    seconds: float
    done_before: int = 0

    @property
    def total(self) -> int:
        """Rows of all parts."""
        return sum(part.total for part in self.parts)

    @property
    def done(self) -> int:
        """Rows that have ended at the server, the failed ones included."""
        return sum(part.done for part in self.parts)

    @property
    def failed(self) -> int:
        """Rows that have failed at the server."""
        return sum(part.failed for part in self.parts)

    @property
    def completed(self) -> int:
        """Rows that were answered at the server."""
        return self.done - self.failed

    @property
    def seconds_left(self) -> float | None:
        """At the pace of this run so far; None while there is none."""
        gained = self.done - self.done_before
        return self.seconds * (self.total - self.done) / gained if gained > 0 else None
