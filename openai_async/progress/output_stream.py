"""A text stream for displays: if it fails or is closed, only the shown text is lost."""

from __future__ import annotations

import contextlib
from typing import Any, TextIO


class Outlet:
    """A wrapper that never raises when it writes. A closed pipe, a full disk and a closed file lose the text.

    Every other attribute is that of the stream, such as `encoding`. Without a stream (a daemon has none) nothing is
    shown.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or lose the text. Characters that the encoding lacks become question marks."""
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):  # a closed file raises ValueError
                try:
                    self._stream.write(text)
                except UnicodeEncodeError:
                    encoding = self._stream.encoding
                    self._stream.write(text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing."""
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal. A closed one is none."""
        with contextlib.suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
