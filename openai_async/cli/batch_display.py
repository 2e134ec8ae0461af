"""What a batch shows on standard error: progress while it runs, and what it came to.

On a terminal the progress is one line, drawn again and again; anywhere else a plain line every ten seconds, so that a
log stays readable.
"""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from openai_async.batch import BatchProgress, BatchSummary, RemoteProgress
from openai_async.cli.transcript import visible

_LOG_SECONDS: Final = 10.0
_LISTED: Final = 10  # bad lines, and ambiguous rows


class Display:
    """Shows progress inside its block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._logged = 0.0
        self._drawn: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal and not console.quiet:
            columns = (
                BarColumn(bar_width=20),
                TextColumn("{task.description}"),
                TimeRemainingColumn(compact=True),
            )
            self._drawn = Progress(*columns, console=console)
            self._task = self._drawn.add_task("", total=None)

    def show(self, progress: BatchProgress) -> None:
        """The state of this moment."""
        line = (
            f"{progress.done:,}/{progress.total:,} done, {progress.failed:,} failed, {progress.in_flight:,} in flight,"
            f" {progress.calls_per_minute:,.0f} rows/min, {progress.tokens:,} tokens"
        )
        self._show(line, progress)

    def show_remote(self, progress: RemoteProgress) -> None:
        """The state of the batches at the server."""
        states = Counter(part.status for part in progress.parts)
        words = ", ".join(f"{count} {status}" for status, count in states.items())
        line = f"{progress.done:,}/{progress.total:,} done, {progress.failed:,} failed; batches: {words or 'none'}"
        self._show(line, progress)

    def _show(self, line: str, progress: BatchProgress | RemoteProgress) -> None:
        if self._drawn is not None:
            self._drawn.update(self._task, description=line, total=progress.total, completed=progress.done)
        elif progress.seconds - self._logged >= _LOG_SECONDS:
            self._logged = progress.seconds
            self._console.print(line, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._drawn is not None:
            self._drawn.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn is not None:
            self._drawn.stop()


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
    say(_sentence(summary))
    if summary.left:
        say(f"{summary.left:,} rows are left; the same command goes on.", "yellow")
    elif summary.retryable:
        say(f"The same command sends {summary.retryable:,} of the failed rows again.", "yellow")


def _sentence(summary: BatchSummary) -> str:
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
    return f"{', '.join(parts)}; {summary.tokens:,} tokens, {summary.seconds:.1f} s."
