"""A reply on standard output: written unchanged, piece by piece, without delay.

On a terminal, words are wrapped at its edge, and control characters of a reply are shown instead of obeyed. A model
repeats what it has read, and an escape sequence can rename the window, overwrite lines or fill the clipboard. A pipe
gets every character unchanged.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Final, cast

from openai_async.cli.wrapping import Wrapper

if TYPE_CHECKING:
    import io

#: C0 but tab and newline, as the symbols that Unicode has for them; DEL and C1, which have none, as U+FFFD.
_SYMBOLS: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    **dict.fromkeys(range(0x7F, 0xA0), 0xFFFD),
}


def visible(text: str) -> str:
    """Replace control characters by symbols. Line ends of every kind stay line ends."""
    return text.replace("\r\n", "\n").translate(_SYMBOLS)


class Transcript:
    """The text of one reply, written to standard output."""

    def __init__(self) -> None:
        self._out = cast("io.TextIOWrapper", sys.stdout)
        # A character that the encoding lacks becomes "?": no reason to lose the rest of the reply.
        self._out.reconfigure(errors="replace")
        self._terminal = self._out.isatty()
        self._wrapper = Wrapper() if self._terminal and os.environ.get("TERM", "dumb") != "dumb" else None
        self._last = ""

    @property
    def begun(self) -> bool:
        """Whether anything was written."""
        return bool(self._last)

    def write(self, piece: str) -> None:
        """Write a piece at once. Raises `BrokenPipeError` if the reader has closed the pipe."""
        if piece:
            self._out.write(self._drawn(visible(piece)) if self._terminal else piece)
            self._out.flush()
            self._last = piece[-1]

    def _drawn(self, piece: str) -> str:
        if self._wrapper is None:
            return piece
        return self._wrapper.wrap(piece, shutil.get_terminal_size().columns)  # it may have been resized

    def end(self) -> None:
        """End the last line, if something was written and the line is not ended."""
        if self._last not in ("", "\n"):
            self.write("\n")
