"""Progress that people like: `on_progress=show_progress()` for a map or a batch.

A live line by rich in a terminal, a bar by tqdm in a notebook, plain lines now and then in a log. Each shows what is
done, failed and in flight, calls and tokens a minute, what is waited for, the time left beside the least time that the
rate limits allow, and the cost so far. Falls back to plain lines where rich or tqdm is not installed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final, Literal, TextIO, TypeAlias

from openai_async.types.progress import Progress

Style: TypeAlias = Literal["auto", "rich", "tqdm", "plain"]

#: Seconds between two lines of a log, and between two drawings of a line.
_LOG_EVERY: Final = 10.0
_DRAW_EVERY: Final = 0.1


def show_progress(style: Style = "auto", *, file: TextIO | None = None) -> Callable[[Progress], None]:
    """What to give as `on_progress`.

    Args:
        style: "rich", "tqdm" or "plain"; "auto" picks by where it runs.
        file: where to write; stderr by default.

    Raises:
        ValueError: an unknown style.
    """
    out = file or sys.stderr
    if style == "auto":
        style = "tqdm" if _in_notebook() else "rich" if out.isatty() else "plain"
    if style == "rich":
        return _rich(out)
    if style == "tqdm":
        return _tqdm(out)
    if style == "plain":
        return _Plain(out)
    raise ValueError(f"style must be 'auto', 'rich', 'tqdm' or 'plain', not {style!r}")


def describe(progress: Progress) -> str:
    """One line that says how far it is."""
    total = f"/{progress.total:,}" if progress.total is not None else ""
    parts = [f"{progress.done:,}{total} done", f"{progress.failed:,} failed", f"{progress.in_flight:,} in flight"]
    parts.append(f"{progress.calls_per_minute:,.0f} calls/min{_of(progress.limit_requests_per_minute)}")
    parts.append(f"{progress.tokens_per_minute:,.0f} tokens/min{_of(progress.limit_tokens_per_minute)}")
    if progress.waiting_for:
        parts.append("waits for " + ", ".join(sorted(progress.waiting_for)))
    if progress.seconds_left is not None and not _is_over(progress):
        parts.append(f"{duration(progress.seconds_left)} left")
    if progress.least_seconds is not None:
        parts.append(f"{duration(progress.seconds)} so far, {duration(progress.least_seconds)} at best")
    if progress.cost:
        parts.append(f"${progress.cost:,.2f}")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as people say them: 42s, 3m10s, 2h05m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def _of(limit: float | None) -> str:
    return f" of {limit:,.0f}" if limit is not None else ""


def _is_over(progress: Progress) -> bool:
    return progress.total is not None and progress.done >= progress.total


class _Plain:
    """A line every ten seconds, and the last one."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next or _is_over(progress):
            self._next = now + _LOG_EVERY
            self._out.write(describe(progress) + "\n")
            self._out.flush()


def _rich(out: TextIO) -> Callable[[Progress], None]:
    try:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text
    except ImportError:
        return _Plain(out)
    live = Live(console=Console(file=out), auto_refresh=False)
    next_drawing = 0.0

    def draw(progress: Progress) -> None:
        nonlocal next_drawing
        now = time.monotonic()
        over = _is_over(progress)
        if now < next_drawing and not over:
            return
        next_drawing = now + _DRAW_EVERY
        if not live.is_started:
            live.start()
        live.update(Text(describe(progress), style="red" if progress.failed else ""), refresh=True)
        if over:
            live.stop()  # the line stays, the cursor comes back

    return draw


def _tqdm(out: TextIO) -> Callable[[Progress], None]:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]  # pyright: ignore
    except ImportError:
        return _Plain(out)
    bar: Any = None

    def draw(progress: Progress) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=progress.total, unit="call", file=out)
        bar.set_postfix_str(describe(progress).partition(", ")[2], refresh=False)
        bar.update(progress.done - bar.n)
        if _is_over(progress):
            bar.close()

    return draw


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
