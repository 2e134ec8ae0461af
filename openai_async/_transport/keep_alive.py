"""How long a server keeps an idle connection, by its own word (`Keep-Alive: timeout=5`)."""

from __future__ import annotations

import math
import re
from typing import Final

_TIMEOUT: Final = re.compile(rb"(?:^|[,;\s])timeout\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def keep_alive_timeout(value: bytes) -> float:
    """Seconds for which an idle connection may be used, from the value of a Keep-Alive field; infinite if unstated.

    A second less than stated, or half of a shorter time: the next request must arrive before the server closes.
    """
    found = _TIMEOUT.search(value)
    if found is None:
        return math.inf
    seconds = float(found[1])
    return seconds - min(1.0, seconds / 2)
