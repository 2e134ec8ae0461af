"""What the demo draws: progress while calls run, and a table of what they came to.

On a terminal the progress is one line, drawn again ten times a second; anywhere else it is a plain line now and then,
so that a log stays readable. Nothing here touches the text of a reply.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from rich import box
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from openai_async.cli.tally import Tally

#: Called whenever the tally has changed.
Refresh: TypeAlias = Callable[[], None]

_PLAIN_LINES = 5  # how many lines of progress a log gets


@contextmanager
def progress(console: Console, tally: Tally) -> Generator[Refresh, None, None]:
    """Show the tally while the block runs; what the block gets is to be called after each change."""
    if console.is_terminal and not console.is_dumb_terminal:
        # Looks at the tally by itself, also while no call ends. A thread draws; it reads numbers and changes nothing.
        with Live(get_renderable=lambda: _line(tally), console=console, refresh_per_second=10):
            yield lambda: None
    else:
        yield _lines(console, tally)


def _line(tally: Tally) -> Table:
    width = len(str(tally.planned))  # figures keep their width, or the line would dance
    line = Table.grid(padding=(0, 1))
    line.add_column()
    line.add_column(no_wrap=True)
    figures = Text.assemble(
        f"{tally.done:>{width}}/{tally.planned} done ",
        (f" {tally.failed:>{width}} failed ", "red" if tally.failed else "dim"),
        (f" {tally.in_flight:>{width}} in flight ", "cyan"),
        (f" {tally.calls_per_second:>5.0f} calls/s", "green"),
    )
    line.add_row(ProgressBar(total=tally.planned, completed=tally.done, width=20), figures)
    return line


def _lines(console: Console, tally: Tally) -> Refresh:
    step = max(1, tally.planned // _PLAIN_LINES)

    def refresh() -> None:
        if tally.done % step == 0 or tally.done == tally.planned:
            console.print(
                f"{tally.done}/{tally.planned} done, {tally.failed} failed, {tally.in_flight} in flight,"
                f" {tally.calls_per_second:.0f} calls/s",
                soft_wrap=True,
            )

    return refresh


def summary(tally: Tally) -> Table:
    """The table of a finished run."""
    table = Table(box=box.ROUNDED, show_header=False)
    table.add_column()
    table.add_column(justify="right", style="bold")
    table.add_row("calls", f"{tally.done:,}")
    table.add_row("prompt tokens", f"{tally.prompt_tokens:,}")
    table.add_row("completion tokens", f"{tally.completion_tokens:,}")
    table.add_row("time", f"{tally.seconds:.2f} s")
    if (least := tally.least_seconds) is not None:
        table.add_row("least time at this limit", f"{least:.2f} s")
        table.add_row("429s", f"{tally.refused}", style="red" if tally.refused else None)
    table.add_row("calls per second", f"{tally.calls_per_second:,.0f}")
    table.add_row("latency, p50", _milliseconds(tally.latency(0.50)))
    table.add_row("latency, p99", _milliseconds(tally.latency(0.99)))
    table.add_row("errors", _errors(tally), style="red" if tally.failed else None)
    return table


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _errors(tally: Tally) -> str:
    kinds = ", ".join(f"{name} {count}" for name, count in tally.errors.most_common())
    return f"{tally.failed} ({kinds})" if kinds else "0"
