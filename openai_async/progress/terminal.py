"""Progress in a terminal: a bar and a few lines, drawn again four times a second by rich.

    ━━━━━━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━━━━━━━━━━━━━  42%   4,213/10,000 done      3 failed    250 in flight
        9,870 of 10,000 calls/min    1,203,400 of 2,000,000 tokens/min
         25s so far     35s left     at best 58s in all      $0.42  waits for tokens

Between two reports the clock goes on by itself, so that a run which waits is seen to live. Needs rich; knows nothing of
calls and limits but what a report says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

import attrs
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from openai_async.progress import text
from openai_async.types.progress import BatchProgress, Progress, RemotePart, RemoteProgress

_REFRESHES: Final = 4  # a second
_NARROW: Final = 60  # columns
_LISTED: Final = 8  # parts of a remote batch
_QUIET: Final = frozenset({"waiting", "completed"})  # states that are left out first
_STATES: Final = {"completed": "green", "failed": "red", "expired": "red", "cancelled": "red", "queue full": "yellow"}


class Renderer:
    """Draws the last report, with the time that has passed since."""

    def __init__(self) -> None:
        self._progress: Progress | RemoteProgress | None = None
        self._at = 0.0
        self._lock = threading.Lock()  # rich draws in a thread of its own

    def take(self, progress: Progress | RemoteProgress) -> None:
        """Set the report."""
        with self._lock:
            self._progress, self._at = progress, time.monotonic()

    def freeze(self) -> None:
        """Stop the clock, because no report follows."""
        with self._lock:
            self._at = float("inf")

    def draw(self) -> RenderableType:
        """Draw the present state."""
        with self._lock:
            progress, since = self._progress, max(0.0, time.monotonic() - self._at)
        if progress is None:
            return Text()
        if not text.is_over(progress):
            progress = attrs.evolve(progress, seconds=progress.seconds + since)
        return render(progress)


def live(console: Console, renderer: Renderer) -> Live:
    """Make the live display. It must be stopped in every case, because it hides the cursor."""
    return Live(get_renderable=renderer.draw, console=console, refresh_per_second=_REFRESHES)


@attrs.frozen
class _Responsive:
    """The lines, or plain text if the terminal is too narrow for them."""

    lines: RenderableType
    words: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield self.lines if options.max_width >= _NARROW else self.words


def render(progress: Progress | RemoteProgress) -> RenderableType:
    """Draw a report as lines. If the terminal is slightly too narrow, they are cropped."""
    words = Text(text.describe(progress), overflow="fold")
    if isinstance(progress, Progress) and text.is_idle(progress):
        return words
    return _Responsive(_lines(progress), words)


def _lines(progress: Progress | RemoteProgress) -> RenderableType:
    lines = _of_remote(progress) if isinstance(progress, RemoteProgress) else _of_calls(progress)
    return Group(_first(progress), *lines)


def _first(progress: Progress | RemoteProgress) -> Table:
    """Draw the first line. The bar takes the width that the figures leave."""
    total, done = progress.total, progress.done
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(ratio=1, min_width=6, max_width=60)
    line.add_column(no_wrap=True, overflow="crop")
    share = 100 * done // total if total else 100 if total == 0 else None
    width = len(f"{total:,}") if total is not None else 9
    figures = Text.assemble(
        ("     " if share is None else f"{share:>4}%", "bold"),
        f"  {done:>{width},}" + ("" if total is None else f"/{total:,}") + " done",
        (f"  {progress.failed:>{min(width, 7)},} failed", "red" if progress.failed else "dim"),
    )
    if isinstance(progress, Progress):
        figures.append(f"  {progress.in_flight:>5,} in flight", "cyan")
    bar = ProgressBar(total=None if total is None else total or 1, completed=done if total else total == 0)
    line.add_row(bar, figures)
    return line


def _of_calls(progress: Progress) -> Iterator[Text]:
    calls, tokens = text.calls(progress, 7), text.tokens(progress, 11)
    yield _line((f"  {calls} calls/min", "green"), (f"  {tokens} tokens/min", "green"))
    best = f"  {best}" if (best := text.at_best(progress)) else ""
    cost = "cost n/a" if progress.cost is None else text.money(progress.cost)
    yield _line(_times(progress), (best, "dim"), f"  {cost:>9}", (f"  {text.waits(progress)}", "yellow"))
    if isinstance(progress, BatchProgress) and (extras := text.extras(progress)):
        yield _line((f"  {', '.join(extras)}", "dim"))


def _of_remote(progress: RemoteProgress) -> Iterator[Text]:
    numbered = list(enumerate(progress.parts, 1))
    if len(numbered) > _LISTED:
        numbered = [pair for pair in numbered if pair[1].status not in _QUIET][:_LISTED]
        yield _line((f"  batches: {text.states(progress)}", "dim"))
    width = len(f"{max((part.total for part in progress.parts), default=0):,}")
    for number, part in numbered:
        yield _part(f"{number:>{len(str(len(progress.parts)))}}/{len(progress.parts)}", width, part)
    yield _line(_times(progress))


def _part(position: str, width: int, part: RemotePart) -> Text:
    return _line(
        f"  {position}  ",
        (f"{part.status:<11}", _STATES.get(part.status, "cyan")),
        f"  {part.completed:>{width},} completed",
        (f"  {part.failed:>{width},} failed", "red" if part.failed else "dim"),
        f"  of {part.total:>{width},}",
        (f"  {part.batch_id or ''}", "dim"),
    )


def _times(progress: Progress | RemoteProgress) -> str:
    over = text.is_over(progress)
    left = "" if over or progress.seconds_left is None else text.duration(progress.seconds_left)
    return f"  {text.duration(progress.seconds):>6} so far  {left:>6} {'left' if left else '    '}"


def _line(*pieces: str | tuple[str, str]) -> Text:
    return Text.assemble(*pieces, no_wrap=True, overflow="crop")
