"""Remove the traceback frames of errors."""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def frameless(error: E) -> E:
    """The error without the frames and the context it passed through. Its cause stays.

    Their local variables hold what was sent and what came back, and crash reporters show local variables.
    """
    error.__context__ = None
    return error.with_traceback(None)
