"""The messages of a batch on standard error: progress while it runs, and its result.

The progress is that of `show_progress`. On a terminal, its lines are redrawn. Anywhere else it is a plain line every
ten seconds, so that a log stays readable and a short run writes only its result.
"""

from __future__ import annotations

from typing import Final

from rich.console import Console

from openai_async.batch import BatchSummary, BatchTotals
from openai_async.batch.local.run import Bounds
from openai_async.cli.failures import advice_of
from openai_async.cli.transcript import visible
from openai_async.progress.show import InLog, InTerminal, ProgressDisplay
from openai_async.progress.text import duration, money

_BOUNDS: Final = {"max_total_tokens": "max-tokens", "max_cost": "max-cost"}
_LISTED: Final = 10  # bad lines, and ambiguous rows


def display(console: Console) -> ProgressDisplay | None:
    """Make the progress display. Close it before anything else is written. None if nothing is to be shown."""
    if console.quiet:
        return None
    return (
        InTerminal(console) if console.is_terminal and not console.is_dumb_terminal else InLog(console.file, ends=False)
    )


def describe(console: Console, summary: BatchSummary, bounds: Bounds = "this_run") -> None:
    """Write the result of a run and advice about it. `bounds` says which runs the bounds apply to."""

    def say(text: str, style: str | None = None) -> None:
        console.print(visible(text), style=style, soft_wrap=True, markup=False)

    for line in summary.bad_lines[:_LISTED]:
        say(f"line {line.number}: {line.reason}", "yellow")
    if summary.bad > _LISTED:
        say(f"... and {summary.bad - _LISTED:,} more bad lines", "yellow")
    if summary.ambiguous:
        names = ", ".join(summary.ambiguous_ids[:_LISTED]) + (", ..." if summary.ambiguous > _LISTED else "")
        say(f"{summary.ambiguous:,} rows were in flight when an earlier run was killed: {names}", "yellow")
    if summary.damaged_notes:
        said = f"{summary.damaged_notes:,} notes of OUT.journal cannot be read: as many rows may have been in flight."
        say(said, "yellow")
    if summary.unmatched:
        say(f"{summary.unmatched:,} lines of the results name no row of IN: {summary.unmatched_lines[0]}", "yellow")
    for kind in summary.failure_kinds[:_LISTED]:
        advice = advice_of(kind.name)
        what = f"{kind.message or kind.name}" + (f" - {advice}" if advice else "")
        say(f"{kind.count:,} x {kind.name}, first {kind.custom_id}: {what}", "yellow")
    say(_sentence(summary))
    if summary.all_runs != summary.this_run:
        say(_of_all_runs(summary.all_runs))
    if summary.stopped is not None:
        say(_why_stopped(summary, bounds), "yellow")
    if summary.left:
        higher = " with a higher bound" if summary.stopped is not None and bounds == "all_runs" else ""
        say(f"{summary.left:,} rows are left; the same command{higher} goes on.", "yellow")
    elif summary.retryable:
        say(f"The same command sends {summary.retryable:,} of the failed rows again.", "yellow")


def _sentence(summary: BatchSummary) -> str:
    if summary.complete and summary.total and summary.skipped == summary.total:
        failed = f", {summary.failed_before:,} of them as failures (--retry-failed sends these again)"
        return f"Nothing to do: all {summary.total:,} rows are in OUT{failed if summary.failed_before else ''}."
    kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(summary.failures.items()))
    parts = [
        f"{summary.done - summary.failed:,} of {summary.total:,} rows answered",
        f"{summary.failed:,} failed" + (f" ({kinds})" if kinds else ""),
    ]
    if summary.skipped:
        before = f" ({summary.failed_before:,} of them failures)" if summary.failed_before else ""
        parts.append(f"{summary.skipped:,} were there before{before}")
    if summary.bad:
        parts.append(f"{summary.bad:,} bad lines")
    seconds = f"{summary.seconds:.1f} s" if summary.seconds < 60 else duration(summary.seconds)
    return f"{', '.join(parts)}; {_spent(summary.this_run)}, {seconds}."


def _of_all_runs(totals: BatchTotals) -> str:
    failed = f", {totals.failed:,} failed" if totals.failed else ""
    said = f"All runs of OUT: {totals.done - totals.failed:,} rows answered{failed}; {_spent(totals)}."
    if totals.unanswered:
        said += f" {totals.unanswered:,} calls were not answered, and may have been charged."
    return said


def _spent(totals: BatchTotals) -> str:
    """Format the tokens, and the cost if there is one. A partial cost is marked as such."""
    in_part = "at least " if totals.unpriced or totals.unanswered else ""
    cost = "cost unknown" if totals.cost is None else f"{in_part}{money(totals.cost)}" if totals.cost else ""
    return f"{totals.tokens:,} tokens" + (f", {cost}" if cost else "")


def _why_stopped(summary: BatchSummary, bounds: Bounds) -> str:
    assert summary.stopped is not None
    name = f"Stopped at --{_BOUNDS[summary.stopped]}"
    bounded = summary.all_runs if bounds == "all_runs" else summary.this_run
    if summary.stopped == "max_cost" and bounded.unpriced:
        return f"{name}: the price of {bounded.unpriced:,} answers is not known."
    if bounds == "all_runs":
        return f"{name}, which bounds all runs of OUT together."
    return f"{name}, which bounds this run alone: the next one may spend as much again (see --bounds)."
