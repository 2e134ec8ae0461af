"""The limit on open files, raised because a shell's own limit (256 on macOS) is too low for a batch."""

from __future__ import annotations

import contextlib
import sys
from typing import Final

#: More is of no use, and some systems refuse an unlimited number.
_MOST: Final = (65_536, 10_240)


def raise_limit() -> None:
    """Raise this process's limit on open files as far as its hard limit allows. Never lowers it, never fails."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return
    for most in _MOST:
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        if wanted <= soft:
            return
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return
