"""Progress displays: `on_progress=show_progress()` for a map or a batch, local or remote.

In a terminal it is a bar and some lines by rich, in a notebook a bar by tqdm, and in a log a plain line at intervals.
Each shows the finished, failed and running calls, and calls and tokens a minute with their limits. It also shows what
calls wait for, the time so far and left, the least time that the rate limits allow, and the cost so far. Without rich
or tqdm it writes plain lines.
"""

from __future__ import annotations

import sys
import weakref
from importlib.util import find_spec
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self, TextIO, TypeAlias, cast

from openai_async._limits.accounting import try_accounting
from openai_async.progress.output_stream import Outlet
from openai_async.progress.text import describe, is_over
from openai_async.types.progress import Progress, RemoteProgress

if TYPE_CHECKING:
    from rich.console import Console

Style: TypeAlias = Literal["auto", "rich", "tqdm", "plain"]

#: Seconds between two lines of a log.
_LOG_EVERY: Final = 10.0


class ProgressDisplay:
    """A callable for `on_progress`. It ends by itself when all is done, or when nothing refers to it any more.

    As a context manager it ends with its block: the last state stays on the screen, and the cursor is restored.
    """

    def __call__(self, progress: Progress | RemoteProgress) -> None:
        """Show the present state. A terminal that is closed ends no map and no batch."""
        try_accounting("the display of progress", self._show, progress)

    def _show(self, progress: Progress | RemoteProgress) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Show nothing more. A second call has no effect."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def show_progress(style: Style = "auto", *, file: TextIO | None = None) -> ProgressDisplay:
    """What to give as `on_progress`, for one map or one batch.

    Args:
        style: "rich", "tqdm" or "plain"; "auto" picks by where it runs.
        file: where to write; stderr by default.

    Raises:
        ValueError: an unknown style.
    """
    if style not in ("auto", "rich", "tqdm", "plain"):
        raise ValueError(f"style must be 'auto', 'rich', 'tqdm' or 'plain', not {style!r}")
    out = cast(TextIO, Outlet(file or sys.stderr))
    if style == "auto":
        style = "tqdm" if _in_notebook() else "rich" if out.isatty() else "plain"
    try:
        if style == "rich":
            from rich.console import Console

            return InTerminal(Console(file=out))
        if style == "tqdm":
            return _InNotebook(out)
    except ImportError:
        pass  # the plain lines need nothing
    return InLog(out)


class InLog(ProgressDisplay):
    """A display that writes a line every ten seconds.

    Args:
        ends: also write a first and a last line. Without them, a short run writes nothing.
    """

    def __init__(self, out: IO[str], *, ends: bool = True) -> None:
        self._out = out
        self._ends = ends
        self._next = 0.0 if ends else _LOG_EVERY

    def _show(self, progress: Progress | RemoteProgress) -> None:
        over = is_over(progress)
        if progress.seconds >= self._next or (self._ends and over):
            self._ends = self._ends and not over  # a batch reports its end twice
            self._next = progress.seconds + _LOG_EVERY
            self._out.write(describe(progress) + "\n")
            self._out.flush()


class InTerminal(ProgressDisplay):
    """A display of lines that are redrawn. Needs rich."""

    def __init__(self, console: Console) -> None:
        from openai_async.progress.terminal import Renderer, live

        self._renderer = Renderer()
        self._live = live(console, self._renderer)
        self._end = weakref.finalize(self, self._live.stop)  # the cursor comes back, also at the interpreter's end

    def _show(self, progress: Progress | RemoteProgress) -> None:
        self._renderer.take(progress)
        if not self._end.alive:
            return
        if not self._live.is_started:
            self._live.start()
        if is_over(progress):
            self.close()

    def close(self) -> None:
        """Leave the last state on the screen, and restore the cursor."""
        self._renderer.freeze()
        self._end()


class _InNotebook(ProgressDisplay):
    """A display of one bar. Needs tqdm."""

    def __init__(self, out: TextIO) -> None:
        if find_spec("ipywidgets"):
            from tqdm.auto import tqdm  # type: ignore[import-untyped]  # pyright: ignore
        else:  # a bar of text; the other module would complain of the lack of widgets
            from tqdm import tqdm  # type: ignore[import-untyped]  # pyright: ignore

        self._tqdm: Any = tqdm
        self._out = out
        self._bar: Any = None

    def _show(self, progress: Progress | RemoteProgress) -> None:
        if self._bar is None:
            form = "{percentage:3.0f}%|{bar}| {desc}"
            self._bar = self._tqdm(total=progress.total, file=self._out, bar_format=form)
        self._bar.set_description_str(describe(progress), refresh=False)
        self._bar.update(progress.done - self._bar.n)
        if is_over(progress):
            self.close()

    def close(self) -> None:
        """Leave the last state."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
