"""What a batch shows on standard error: progress while it runs, and what it came to.

The progress is that of `show_progress`: lines that are drawn again and again on a terminal, and a plain line every ten
seconds anywhere else, so that a log stays readable and a short run says one sentence only.
"""

from __future__ import annotations

from typing import Final

from rich.console import Console

from openai_async.batch import BatchSummary
from openai_async.cli.failures import advice_of
from openai_async.cli.transcript import visible
from openai_async.integrations.figures import duration, money
from openai_async.integrations.progress import InLog, InTerminal, ProgressDisplay

_BOUNDS: Final = {"max_total_tokens": "max-tokens", "max_cost": "max-cost"}
_LISTED: Final = 10  # bad lines, and ambiguous rows


def display(console: Console) -> ProgressDisplay | None:
    """What shows the progress; to be closed before anything else is written. None if nothing is to be said."""
    if console.quiet:
        return None
    return (
        InTerminal(console) if console.is_terminal and not console.is_dumb_terminal else InLog(console.file, ends=False)
    )


def describe(console: Console, summary: BatchSummary) -> None:
    """Write what a run came to, and what is to be done about it."""

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
    if summary.stopped is not None:
        say(f"Stopped at --{_BOUNDS[summary.stopped]}.", "yellow")
    if summary.left:
        say(f"{summary.left:,} rows are left; the same command goes on.", "yellow")
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
    cost = "cost unknown" if summary.cost is None else money(summary.cost) if summary.cost else ""
    spent = f"{summary.tokens:,} tokens" + (f", {cost}" if cost else "")
    seconds = f"{summary.seconds:.1f} s" if summary.seconds < 60 else duration(summary.seconds)
    return f"{', '.join(parts)}; {spent}, {seconds}."
