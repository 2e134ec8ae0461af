"""Standard input, output and errors of a process that something else has started.

A daemon may have closed all three: whatever is opened next would take their numbers, and uvloop aborts on that.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, TextIO, cast


def open_closed() -> None:
    """Open those that are closed, on the null device. Call it first: before anything else is opened."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.open(os.devnull, os.O_WRONLY if number else os.O_RDONLY)
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or cast(Any, _opened(0, "r"))
    sys.stdout = sys.stdout or cast(Any, _opened(1, "w"))
    sys.stderr = sys.stderr or cast(Any, _opened(2, "w"))


def abandon_output() -> None:
    """Let what standard output still holds go nowhere, after a failure: the interpreter would flush it at its end."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _opened(number: int, mode: str) -> TextIO:
    return cast(TextIO, open(number, mode, encoding="utf-8", errors="replace", closefd=False))
