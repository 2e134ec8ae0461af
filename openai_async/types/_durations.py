"""Numbers, durations and times in the formats of servers. Invalid input reads as absent; nothing here raises.

No clock is read: what a moment is measured against is an argument.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from typing import Final

#: 21h26m17.041s, 6m0s, 40ms: durations as Go prints them. (Its µ comes as UTF-8, headers are read as Latin-1.)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|Â?µs|ns|d|h|m|s)")
_UNIT = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "Âµs": 1e-6, "ns": 1e-9}
#: Seconds. No limit and no delay is longer: what is stated beyond that is a mistake.
LONGEST: Final = 366 * 86_400.0
#: Seconds by which a moment may lie in the past: clocks differ, and a window may just have ended.
_PAST: Final = 86_400.0
#: Numbers from here on are no durations but moments since 1970, in seconds or smaller units.
_EPOCHS: Final = ((1e9, 1.0), (1e12, 1e3), (1e15, 1e6), (1e18, 1e9))


def number(text: str | None) -> float | None:
    """A finite number, or None."""
    if not text or len(text) > 64:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def duration(text: str | None) -> float | None:
    """The seconds of a duration such as `6m0s`, `40ms` or a plain number; None for anything else."""
    if not text or len(text) > 64:
        return None
    seconds, end = 0.0, 0
    for match in _DURATION.finditer(text):
        if match.start() != end:
            return None
        seconds += float(match[1]) * _UNIT[match[2]]
        end = match.end()
    if end == len(text):
        return seconds
    plain = number(text)
    return plain if plain is not None and plain >= 0 else None


def moment(text: str) -> float | None:
    """Epoch seconds of a moment: a number of them (or of milli-, micro- or nanoseconds), an HTTP date, or ISO 8601."""
    value = number(text)
    if value is not None:
        return epoch(value)
    text = text.strip()[:64]
    if not text[:1].isalnum():
        return None
    import email.utils  # rare, and slow to load

    try:
        read = datetime.datetime.fromisoformat if text[:4].isdigit() else email.utils.parsedate_to_datetime
        date = read(text)
        if date.tzinfo is None:  # the old forms of RFC 9110 name no zone, and mean UTC
            date = date.replace(tzinfo=datetime.UTC)
        return date.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def epoch(value: float) -> float | None:
    """The epoch seconds of a number in seconds, milliseconds, microseconds or nanoseconds; None if it is too small."""
    for least, parts in reversed(_EPOCHS):
        if value >= least:
            return value / parts if value < 100 * least else None
    return None


def seconds_until(text: str | None, headers: Mapping[str, str], received: float | None) -> tuple[float, bool] | None:
    """The seconds that a reply asks to wait, and whether the value was a point in time.

    A moment counts from the reply's own Date; from `received` (epoch seconds by our clock) if it has none.
    """
    parsed = duration(text)
    if parsed is not None and parsed <= LONGEST:
        return parsed, False
    if not text or (then := moment(text)) is None or (now := sent_at(headers, received)) is None:
        return None
    return (max(0.0, then - now), True) if -_PAST <= then - now <= LONGEST else None


def sent_at(headers: Mapping[str, str], received: float | None) -> float | None:
    """The epoch seconds at which a reply was sent, by the server's clock; by ours if it does not say."""
    date = headers.get("date")
    parsed = moment(date) if date and not date[:1].isdigit() else None
    return received if parsed is None else parsed
