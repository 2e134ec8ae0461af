"""The progress and the summary of a batch. Arithmetic only: no clock, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from openai_async._policy.spending import Bound
from openai_async._policy.totals import cost_text
from openai_async.batch.input.rows import BadLine
from openai_async.batch.output.output_lines import Kind, Outcome
from openai_async.batch.spent import NOTHING, Spent
from openai_async.types._plain import Record
from openai_async.types.progress import BatchProgress

#: Bad lines and ambiguous rows that are listed by name; further ones are only counted.
LISTED = 1_000
#: Unmatched lines that are kept, and how many bytes of each.
_SHOWN_LINES = 10
_SHOWN_BYTES = 200
#: Characters of a failure's message that are kept.
_SHOWN_MESSAGE = 500


@attrs.frozen(repr=False)
class FailureKind(Record):
    """Rows that failed with the same error.

    Attributes:
        name: of their error, as in `BatchSummary.failures`.
        count: how many of them there were in this run.
        custom_id: of the first of them.
        message: what the server, or this library, said of the first of them.
    """

    name: str
    count: int
    custom_id: str
    message: str


@attrs.frozen(repr=False)
class BatchTotals(Record):
    """The totals of one run, or of all runs of one OUT.

    Attributes:
        done: rows that have come to an end.
        failed: those of them that hold a failure.
        tokens: as counted by the server, or estimated where it counted none.
        tokens_estimated: those of them that are estimated: of answers whose server counted none, and of `unanswered`
            calls, as far as these have an estimate.
        cost: US dollars of what is known: what was spent at least, if `unpriced` or `unanswered` is not 0. None if
            nothing is known.
        cost_estimated: US dollars that `unanswered` calls may have cost beside that, as far as prices are known.
        unpriced: answers whose cost is not known, such as those of a model without a price.
        unanswered: calls that were sent, may have been charged, and brought no answer that can be read. Reasons are a
            timeout, a broken connection, a server error (500), and a killed run.
    """

    done: int = 0
    failed: int = 0
    tokens: int = 0
    tokens_estimated: int = 0
    cost: float | None = 0.0
    unpriced: int = 0
    unanswered: int = 0
    cost_estimated: float = 0.0

    @classmethod
    def of(cls, done: int, failed: int, spent: Spent) -> BatchTotals:
        """So many rows, and what was spent on them."""
        return cls(
            done,
            failed,
            spent.tokens,
            spent.tokens_estimated,
            spent.known_cost,
            spent.unpriced,
            spent.unanswered + spent.doubted,
            spent.cost_estimated,
        )

    @property
    def spent(self) -> str:
        """The cost as a text that says what it is: "$1.5000", ">= $1.5000", or "unknown"."""
        return cost_text(self.cost, in_part=self.unpriced > 0 or self.unanswered > 0)

    def _shown(self) -> Iterator[tuple[str, object]]:
        for name, value in self._items():
            if name == "cost":
                yield name, value if value is not None and not (self.unpriced or self.unanswered) else self.spent
            elif value or name in ("done", "failed", "tokens"):
                yield name, value


@attrs.frozen(repr=False)
class BatchSummary(Record):
    """The result of a run.

    Attributes:
        total: rows of the input, its bad lines included.
        done: rows that this run has brought to an end.
        failed: those of them that failed.
        retryable: those of them that the next run sends again, because their failure may pass.
        skipped: rows that were on the disk before, answered or with a failure that is final.
        failed_before: those of the skipped rows that hold a failure.
        bad: lines that are no request.
        bad_lines: the first 1,000 of them, with line number and reason.
        ambiguous: rows that an earlier run had sent when it was killed, and of which there is no answer: the server may
            have answered, and charged for it.
        ambiguous_ids: custom_id of the first 1,000 of them.
        damaged_notes: notes of OUT.journal that cannot be read, torn by a kill or damaged. As many rows may have been
            in flight.
        unmatched: lines of a remote batch's results that name no row of the input.
        unmatched_lines: the beginnings of the first few of them.
        failures: this run's failed rows by the name of their error.
        failure_kinds: the same with the first row and the first message of each, the most frequent first.
        tokens: of this run: as counted by the server, or estimated where it counted none.
        tokens_estimated: those of them that are estimated: of answers whose server counted none, and of attempts that
            were sent and not answered, which may have been billed.
        cost: US dollars of this run; None if the price of a model is not known.
        cost_estimated: what attempts without an answer may have cost beside that, as far as prices are known.
        this_run: the totals of this run once more, with what is known of a cost that is not known in full.
        all_runs: the totals of all runs of this OUT, this one included. They are read from OUT: runs that were killed,
            and failures that have been made good since, are in them.
        seconds: duration of this run.
        complete: every row of the input is on the disk; False for a run that was stopped.
        stopped: the bound that ended the run early, "max_total_tokens" or "max_cost"; None if none did.
    """

    total: int
    done: int
    failed: int
    retryable: int
    skipped: int
    failed_before: int
    bad: int
    bad_lines: tuple[BadLine, ...]
    ambiguous: int
    ambiguous_ids: tuple[str, ...]
    failures: Mapping[str, int]
    tokens: int
    cost: float | None
    seconds: float
    complete: bool
    stopped: Bound | None = None
    damaged_notes: int = 0
    unmatched: int = 0
    unmatched_lines: tuple[str, ...] = attrs.field(default=(), repr=False)
    failure_kinds: tuple[FailureKind, ...] = attrs.field(default=(), repr=False)
    tokens_estimated: int = 0
    this_run: BatchTotals = attrs.field(default=BatchTotals(), repr=False)
    all_runs: BatchTotals = BatchTotals()
    cost_estimated: float = 0.0

    def _shown(self) -> Iterator[tuple[str, object]]:
        """What there is to tell, lists cut to their first three; counts of nothing are left out."""
        for name, value in super()._shown():
            if isinstance(value, tuple) and len(value) > 3:  # pyright: ignore[reportUnknownArgumentType]
                value = (*value[:3], ...)  # pyright: ignore[reportUnknownVariableType]
            if name == "all_runs" and value == self.this_run:
                continue
            if value or name in ("total", "done", "failed", "tokens", "cost", "complete"):
                yield name, value

    @property
    def left(self) -> int:
        """Rows that are still to be sent."""
        return self.total - self.done - self.skipped - self.bad

    @property
    def ok(self) -> bool:
        """Every row of the input has its answer."""
        return self.complete and not (self.failed or self.failed_before or self.bad)


@attrs.define
class Tally:
    """The running totals that the two above are made from."""

    total: int = 0
    done: int = 0
    failed: int = 0
    retryable: int = 0
    skipped: int = 0
    failed_before: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = attrs.field(factory=list[BadLine])
    ambiguous: int = 0
    ambiguous_ids: list[str] = attrs.field(factory=list[str])
    failures: Counter[str] = attrs.field(factory=Counter[str])
    #: In this run, and in the earlier ones; and the rows that these have answered.
    spent: Spent = NOTHING
    before: Spent = NOTHING
    answered_before: int = 0
    complete: bool = False
    stopped: Bound | None = None
    damaged_notes: int = 0
    unmatched: int = 0
    unmatched_lines: list[str] = attrs.field(factory=list[str])
    _firsts: dict[str, Outcome] = attrs.field(factory=dict[str, Outcome])

    def count(self, outcome: Outcome) -> None:
        """A row that is on the disk now."""
        self.done += 1
        self.spent += outcome.spent
        if outcome.failure is not None:
            self.failed += 1
            self.retryable += outcome.kind is Kind.RETRYABLE
            self.failures[outcome.failure] += 1
            self._firsts.setdefault(outcome.failure, outcome)

    def skip(self, kind: Kind) -> None:
        """Count a row that OUT already has."""
        self.skipped += 1
        self.failed_before += kind is not Kind.OK

    def refuse(self, line: BadLine) -> None:
        """Count a line that is not a request."""
        self.bad += 1
        if self.bad <= LISTED:
            self.bad_lines.append(line)

    def unmatch(self, line: bytes) -> None:
        """Count a line of a remote batch's results that names no row."""
        self.unmatched += 1
        if self.unmatched <= _SHOWN_LINES:
            self.unmatched_lines.append(line[:_SHOWN_BYTES].decode("utf-8", "replace"))

    def add_ambiguous(self, custom_id: str) -> None:
        """Count a row that an earlier run sent and that was never answered."""
        self.ambiguous += 1
        if self.ambiguous <= LISTED:
            self.ambiguous_ids.append(custom_id)

    @property
    def cost(self) -> float | None:
        """US dollars of this run; None if the price of a model is not known."""
        return None if self.spent.unpriced else self.spent.cost

    @property
    def to_do(self) -> int:
        """Rows of this run, as far as is known."""
        return self.total - self.skipped - self.bad

    def progress(self, in_flight: int, seconds: float, limits: Mapping[str, Any]) -> BatchProgress:
        """The totals so far. `limits` are the fields about rate limits."""
        return BatchProgress(
            total=self.to_do,
            done=self.done,
            failed=self.failed,
            in_flight=in_flight,
            tokens=self.spent.tokens,
            tokens_estimated=self.spent.tokens_estimated,
            cost=self.cost,
            cost_estimated=self.spent.cost_estimated,
            seconds=seconds,
            **limits,
            skipped=self.skipped,
            bad=self.bad,
            ambiguous=self.ambiguous,
        )

    def summary(self, seconds: float) -> BatchSummary:
        """The totals at the end of the run."""
        return BatchSummary(
            total=self.total,
            done=self.done,
            failed=self.failed,
            retryable=self.retryable,
            skipped=self.skipped,
            failed_before=self.failed_before,
            bad=self.bad,
            bad_lines=tuple(self.bad_lines),
            ambiguous=self.ambiguous,
            ambiguous_ids=tuple(self.ambiguous_ids),
            failures=dict(self.failures),
            tokens=self.spent.tokens,
            tokens_estimated=self.spent.tokens_estimated,
            cost=self.cost,
            cost_estimated=self.spent.cost_estimated,
            this_run=BatchTotals.of(self.done, self.failed, self.spent),
            all_runs=BatchTotals.of(
                self.skipped + self.done, self.failed_before + self.failed, self.before + self.spent
            ),
            seconds=seconds,
            complete=self.complete,
            stopped=self.stopped,
            damaged_notes=self.damaged_notes,
            unmatched=self.unmatched,
            unmatched_lines=tuple(self.unmatched_lines),
            failure_kinds=tuple(
                FailureKind(name, count, first.row.custom_id, first.message[:_SHOWN_MESSAGE])
                for name, count in self.failures.most_common()
                for first in [self._firsts[name]]
            ),
        )
