"""Where in a program a synchronous call is made: a thread with a running event loop is warned."""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path
from typing import Final

_PACKAGE: Final = str(Path(__file__).parents[2])


def warn_of_running_loop() -> None:
    """Warn a caller that would block the event loop of its own thread."""
    if (asyncio._get_running_loop() is not None or ("trio" in sys.modules and _in_trio())) and not _in_notebook():
        warnings.warn(
            "a synchronous client blocks the event loop that runs in this thread; use AsyncClient here",
            RuntimeWarning,
            stacklevel=_depth_of_caller(),
        )


def _in_trio() -> bool:
    return bool(sys.modules["trio"].lowlevel.in_trio_run())


def _in_notebook() -> bool:
    """IPython and Jupyter run a loop around every cell: blocking it is what the user asks for."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def _depth_of_caller() -> int:
    """`stacklevel` of the first frame outside of the package, for a warning that is given one call below."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    return depth
