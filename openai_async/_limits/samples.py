"""What one reply says of a level, and how far that level is moved by it. Arithmetic only: see `buckets`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from openai_async._limits.charges import GRAIN, ChargeLog
from openai_async._limits.levels import (
    REORDERING_BOUND_MOST,
    SAFETY_FACTOR_LEAST,
    HeaderSample,
    Kind,
    RateBucket,
    Reservation,
)

#: Bound of the share of capacity that is left untouched after refusals.
MARGIN_MOST: Final = 0.05
#: Seconds: the order of sending is never trusted further.
_REORDERING_BOUND_LEAST: Final = 0.02
#: A bucket that is this full may have flowed over, which hides what was taken from it: nothing is learned from it.
_FULL: Final = 0.95
SHARE_LEAST: Final = 0.05
#: A share this close to all of it is all of it: samples are not more precise than that.
_SHARE_GRAIN: Final = 0.05
#: Estimates of tokens may be this many times too high; a request is always one.
SHARE_MOST: Final = {"requests": 1.0, "tokens": 3.0}
_NOTHING_SETTLED: Final = ChargeLog(0.0)


def meant(levels: Sequence[RateBucket], kind: Kind, sample: HeaderSample) -> RateBucket | None:
    """The level that a sample is about: of several of its kind, the one that is nearest to what it says."""
    if sample.remaining is None:
        return None
    found = [level for level in levels if level.kind == kind]
    if len(found) > 1 and (limit := sample.limit) is not None:
        if sample.window is not None and any(level.is_learned for level in found):
            rate = limit / sample.window
            return min(found, key=lambda level: abs(math.log(level.rate / rate)))
        return min(found, key=lambda level: abs(math.log(level.capacity / limit)))
    return found[0] if found else None


def correct(
    level: RateBucket,
    sample: HeaderSample,
    reservation: Reservation,
    log: ChargeLog,
    settled: ChargeLog,
    now: float,
    *,
    newest: bool,
    admitted: bool,
) -> None:
    """Move a level into the interval that a sample allows. `log`: what was sent; `settled`: what was given back."""
    remaining = sample.remaining
    assert remaining is not None
    grown = remaining if level.fixed else remaining + level.rate * level.share * (now - reservation.time)
    window = 1e-9 if reservation.alone else level.reorder_window
    # A level that was full meanwhile lost what flowed over, but that our own level has seen, too: no cap above.
    # What was settled shortly before the sample may be in it or not, either.
    settled = settled if level.kind == "tokens" else _NOTHING_SETTLED
    sure, maybe = settled.after(reservation.time), settled.after(reservation.time - level.reorder_window)
    most = grown - log.after(reservation.time) - min(sure, maybe)
    # At worst what flowed in and what was given back came first, and flowed over.
    returned, taken = max(0.0, -max(sure, maybe)), max(0.0, sure, maybe)
    least = min(level.capacity, grown + returned) - log.after(reservation.time - window) - taken
    least += cost(level, reservation.tokens) if admitted or level.kind == "requests" else 0.0
    if is_more(sample, level):
        least = -math.inf  # we were told to use less than the server allows: its level may only lower ours
    if newest:
        between = log.after(level.synced) - log.after(reservation.time)
        if between > 0 and remaining < _FULL * level.capacity:
            excess = max(0.0, level.level - most)
            level.safety_factor += 0.1 * (
                min(level.most_safety_factor, max(SAFETY_FACTOR_LEAST, excess / between)) - level.safety_factor
            )
            reordering_bound = max(0.99 * level.reordering_bound, excess / level.rate)
            level.reordering_bound = min(REORDERING_BOUND_MOST, max(_REORDERING_BOUND_LEAST, reordering_bound))
    level.level = min(level.capacity, max(min(level.level, most), least))


def learn_window(level: RateBucket, sample: HeaderSample) -> None:
    """A limit per minute may be enforced by the second. (One that was stated per second is kept by the second.)"""
    if sample.limit is None or level.fixed or not 0.99 < sample.limit / 60 / level.rate < 1.01:
        return
    assert sample.remaining is not None
    capacity = sample.capacity
    if capacity is not None and capacity < level.capacity / 2:
        level.capacity = max(1.0, capacity)
        level.level = min(level.level, level.capacity)
        level.margin = min(level.margin, MARGIN_MOST * level.capacity + level.least_margin)
    level.capacity = max(level.capacity, min(level.most, sample.remaining))


def learn_share(
    level: RateBucket, sample: HeaderSample, reservation: Reservation, log: ChargeLog, settled: ChargeLog
) -> None:
    """What part of its rate a level refills by, from two samples that are seconds apart."""
    remaining = sample.remaining
    assert remaining is not None
    if level.fixed is not None:
        return  # it says nothing of a rate
    if level.reference is None:
        level.reference = (reservation.time, remaining, _logged(level, reservation))
        return
    since, before, own = level.reference
    if reservation.time - since < 2.0:
        return
    seconds = reservation.time - since
    # What was sent together with either sample may have been admitted before or after it; not the sample itself.
    together = (
        log.after(since - GRAIN) - log.after(since) + log.after(reservation.time - GRAIN) - log.after(reservation.time)
    )
    together -= own + _logged(level, reservation)
    if max(before, remaining) < _FULL * level.capacity and level.full <= since:
        if together > _SHARE_GRAIN * seconds * level.rate:
            return
        ours = log.after(since) - log.after(reservation.time)
        if level.kind == "tokens":
            ours += settled.after(since) - settled.after(reservation.time)
        observed = (remaining - before + ours) / seconds / level.rate
        if abs(observed - 1.0) < _SHARE_GRAIN:
            observed = 1.0
        most = SHARE_MOST[level.kind]
        level.share += 0.4 * (min(most, max(SHARE_LEAST, observed)) - level.share)
    else:
        level.share += 0.1 * max(0.0, 1.0 - level.share)
    level.reference = (reservation.time, remaining, _logged(level, reservation))


def is_over(level: RateBucket, sample: HeaderSample, time: float, now: float) -> bool:
    """Whether a sample is of a window that has ended since."""
    return level.fixed is not None and level.full > time and (sample.reset is None or time + sample.reset <= now)


def is_more(sample: HeaderSample, level: RateBucket) -> bool:
    """Whether the server allows more than was stated, and not the same in a shorter period."""
    if sample.limit is None or sample.limit <= 1.01 * level.capacity:
        return False
    return not (0.99 < sample.limit / 60 / level.rate < 1.01)


def cost(level: RateBucket, tokens: float) -> float:
    """What a request of so many tokens takes from a level."""
    return 1.0 if level.kind == "requests" else tokens


def _logged(level: RateBucket, reservation: Reservation) -> float:
    """What a log holds of a request: nothing of tokens that were given back, as those of a refused one are."""
    return 0.0 if level.kind == "tokens" and reservation.returned else cost(level, reservation.tokens)
