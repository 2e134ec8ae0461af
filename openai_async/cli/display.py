"""The output of the demo: progress while calls run, and a table of results.

On a terminal the progress is that of `show_progress`. Anywhere else it is a plain line at intervals, so that a log
stays readable. Nothing here changes the text of a reply.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table

from openai_async import Progress
from openai_async.cli.tally import Tally
from openai_async.progress.show import InTerminal
from openai_async.progress.text import money

#: Called whenever the tally has changed.
Refresh: TypeAlias = Callable[[], None]

_PLAIN_LINES = 5  # how many lines of progress a log gets


@contextmanager
def progress(console: Console, tally: Tally) -> Generator[Refresh, None, None]:
    """Show the tally during the block. The block must call the function that it gets after each change."""
    if console.is_terminal and not console.is_dumb_terminal:
        with InTerminal(console) as display:
            yield lambda: display(_progress(tally))
    else:
        yield _lines(console, tally)


def _progress(tally: Tally) -> Progress:
    return Progress(
        total=tally.planned,
        done=tally.done,
        failed=tally.failed,
        in_flight=tally.in_flight,
        tokens=tally.prompt_tokens + tally.completion_tokens,
        cost=tally.cost,
        seconds=tally.seconds,
        limit_requests_per_minute=None if tally.limit is None else 60.0 * tally.limit,
        least_seconds=tally.least_seconds,
    )


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
    """Make the table of a finished run."""
    table = Table(box=box.ROUNDED, show_header=False)
    table.add_column()
    table.add_column(justify="right", style="bold")
    table.add_row("calls", f"{tally.done:,}")
    table.add_row("prompt tokens", f"{tally.prompt_tokens:,}")
    table.add_row("completion tokens", f"{tally.completion_tokens:,}")
    cost = "unknown" if tally.cost is None else money(tally.cost)
    table.add_row("cost, at an invented price", cost)
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
