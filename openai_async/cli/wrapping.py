"""Word wrap at the edge of a terminal while text arrives, without delaying any text.

A word that reaches the edge is erased and written again on the next line. A word longer than a line is split at the end
of the line.
"""

from __future__ import annotations

import unicodedata

_TAB = 8


class Wrapper:
    """The column of the cursor, and the current word. Linear in the text."""

    def __init__(self) -> None:
        self._column = 0
        self._word = ""  # without a space, up to the cursor
        self._cells = 0  # of the word

    def wrap(self, piece: str, width: int) -> str:
        """Get the output for a piece of text (no control characters but tab and newline) in so many columns."""
        # The last column stays free: after it, terminals differ about where the cursor is.
        edge = max(1, width - 1)
        return "".join([self._placed(character, edge) for character in piece])

    def _placed(self, character: str, edge: int) -> str:
        if character == "\n":
            self._column = 0
            return self._between(character)
        if character in " \t":
            self._column += 1 if character == " " else _TAB - self._column % _TAB
            if self._column <= edge:
                return self._between(character)
            self._column = 0  # the line ends here instead
            return self._between("\n")
        cells = _cells(character)
        if self._column + cells <= edge or not self._column:
            return self._grown(character, cells)
        return self._broken() + self._grown(character, cells)

    def _between(self, written: str) -> str:
        self._word, self._cells = "", 0
        return written

    def _grown(self, character: str, cells: int) -> str:
        self._column += cells
        if cells == 2:  # scripts of wide characters have no spaces: a line may end at each
            return self._between(character)
        self._word += character
        self._cells += cells
        return character

    def _broken(self) -> str:
        """Move the current word to the next line."""
        if self._cells >= self._column:  # it fills the whole line
            self._column = 0
            self._between("")
            return "\n"
        self._column = self._cells
        back = f"\x1b[{self._cells}D\x1b[K" if self._cells else ""
        return f"{back}\n{self._word}"


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
