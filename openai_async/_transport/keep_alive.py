"""The time for which a server keeps an idle connection, from its Keep-Alive field (`timeout=5`)."""

from __future__ import annotations

import math
import re
from typing import Final

_TIMEOUT: Final = re.compile(rb"(?:^|[,;\s])timeout\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def keep_alive_timeout(value: bytes) -> float:
    """Seconds for which an idle connection may be used, from the value of a Keep-Alive field; infinite if absent.

    That is a second less than the field says, or half of it, so that the next request arrives before the server closes.
    """
    match = _TIMEOUT.search(value)
    if match is None:
        return math.inf
    seconds = float(match[1])
    return seconds - min(1.0, seconds / 2)
