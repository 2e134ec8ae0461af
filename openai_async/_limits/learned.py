"""Limits that only a server states: what they are taken to be, and how they change as it says something else.

What a server says delays requests, and forbids none. It is followed down and up again; see `buckets.LONGEST_DELAY`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from openai_async._limits.levels import HeaderSample, Kind, RateBucket, Window, end_of

#: Windows that a limit may be for, where its name does not say it.
_MINUTE: Final = 60.0
_LONGER: Final = (3_600.0, 86_400.0)
#: A bucket that fills in so nearly one of them is one of an hour, or of a day.
_NEARLY: Final = 0.03
#: No limit of tokens is smaller: a server that says so means something else.
_TOKENS_LEAST: Final = 100.0


def plausible(kind: Kind, stated: HeaderSample) -> HeaderSample:
    """What is said, or nothing where that cannot be meant."""
    if kind == "tokens" and stated.limit is not None and stated.limit < _TOKENS_LEAST:
        return HeaderSample()
    return stated


def level_of(kind: Kind, stated: HeaderSample, time: float, now: float) -> RateBucket:
    """The limit that a reply to a request sent at `time` describes, full."""
    limit = stated.limit
    assert limit is not None
    seconds = stated.window or _seconds_of(stated)
    fixed = stated.at_once or (stated.window is None and _is_too_slow(stated, seconds))
    capacity = stated.capacity if seconds == _MINUTE and not fixed else None
    level = RateBucket(kind, limit / seconds, capacity or limit, math.inf, is_learned=True)
    level.most = limit
    if fixed and stated.reset is not None:
        level.fixed = Window()
        level.fixed.hear(time, stated.reset, now)
    return level


def _seconds_of(stated: HeaderSample) -> float:
    """What a limit is for, by how fast its bucket fills or how long its window lasts: a minute if nothing tells it."""
    if not stated.reset or stated.limit is None:
        return _MINUTE
    if stated.at_once:
        return next((seconds for seconds in (_MINUTE, *_LONGER) if stated.reset <= seconds), stated.reset)
    used = stated.limit - (stated.limit if stated.remaining is None else stated.remaining)
    if used >= 1:
        fills_in = stated.limit * stated.reset / used
        return next((seconds for seconds in _LONGER if abs(fills_in / seconds - 1) < _NEARLY), _MINUTE)
    return _MINUTE


def _is_too_slow(stated: HeaderSample, seconds: float) -> bool:
    """Whether no bucket of this limit takes so long to fill: then it is the end of a window that was said."""
    return stated.reset is not None and stated.reset > 1.1 * seconds


def known(levels: Sequence[RateBucket], kind: Kind, stated: HeaderSample) -> RateBucket | None:
    """The limit that was learned before from what is stated now, if it was."""
    found = [level for level in levels if level.is_learned and level.kind == kind]
    if stated.window is not None:
        found = [level for level in found if 0.5 < level.most / level.rate / stated.window < 2]
    return found[0] if found else None


def is_news(levels: Sequence[RateBucket], kind: Kind, limit: float, *, learns: bool) -> bool:
    """Whether a limit is to be learned: all are where none was stated, else those below what was."""
    stated = [level.most for level in levels if level.kind == kind and not level.is_learned]
    return limit < 0.99 * min(stated, key=lambda most: abs(math.log(most / limit))) if stated else learns


def follow(level: RateBucket, stated: HeaderSample, time: float, now: float, *, refused: bool = False) -> None:
    """A reply to a request sent at `time`, the newest one so far, says this of a limit."""
    if level.is_learned:
        if stated.limit is not None and abs(stated.limit / level.most - 1) > 0.01:
            level.become(stated.limit)
        _tell_filling(level, stated, time)
    elif stated.at_once and stated.reset is not None:
        used_up = stated.remaining is not None and stated.remaining < 1
        level.held = end_of(time, stated.reset, stated.reset) if used_up else -math.inf
    if level.fixed is not None and stated.reset is not None:
        level.fixed.hear(time, stated.reset, now, refused=refused)


def _tell_filling(level: RateBucket, stated: HeaderSample, time: float) -> None:
    """Whether it fills bit by bit or all at once: two samples of one filling tell it.

    Of a bucket, the time until it is full grows with what was used. The end of a window does not move.
    """
    if stated.remaining is None or stated.reset is None:
        return
    used, before = level.most - stated.remaining, level.filling
    level.filling = (time, used, stated.reset)
    if stated.at_once and level.fixed is None:
        level.fixed = Window()
    if stated.at_once or before is None or before[1] < 1 or used <= before[1]:
        return
    moved = abs(time + stated.reset - before[0] - before[2])  # the end of the window
    off = abs(stated.reset - before[2] * used / before[1])  # the filling of the bucket
    if level.fixed is None and off > 4 * moved + 0.5:
        level.fixed = Window()
    elif level.fixed is not None and moved > 4 * off + 0.05:
        level.fixed = None
