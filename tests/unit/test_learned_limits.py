"""Limits that only a server states: they delay, they forbid nothing, and they go as they came.

Servers here count in windows, all of which comes back at once, as gateways do; clients are the limiter itself, on
virtual time.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

import attrs
import pytest

from openai_async import RateLimit
from openai_async._limits.buckets import LONGEST_DELAY
from openai_async._limits.limiter import AcquireRequest, Limiter
from openai_async._limits.pool import Pool
from openai_async.testing import run_virtual
from openai_async.types.meta import Bucket, RateLimits

NOTHING = RateLimits()
#: A bucket of a limit, what is left of it, and seconds until the window ends.
Told = Callable[[float, float, float], Bucket]
TELLINGS: dict[str, Told] = {
    "duration": lambda limit, left, reset: Bucket(limit, left, reset),
    "whole seconds": lambda limit, left, reset: Bucket(limit, left, math.floor(reset)),
    "rounded up": lambda limit, left, reset: Bucket(limit, left, math.ceil(reset)),
    "moment": lambda limit, left, reset: Bucket(limit, left, reset, None, True),
    "per minute": lambda limit, left, reset: Bucket(limit, left, reset, 60.0, True),
}


@attrs.define
class Windows:
    """A server that admits so many requests in each window, the first of which begins with the first request."""

    limit: int
    seconds: float
    told: Told
    begun: float | None = None
    count: int = 0
    refused: int = 0

    def admit(self, now: float) -> tuple[bool, RateLimits]:
        if self.begun is None:
            self.begun = now
        passed = now - self.begun
        if passed >= self.seconds:
            self.begun += self.seconds * math.floor(passed / self.seconds)
            self.count = 0
        self.count += 1
        fits = self.count <= self.limit
        self.refused += not fits
        reset = self.begun + self.seconds - now
        return fits, RateLimits(self.told(self.limit, max(0, self.limit - self.count), reset))


async def use(limiter: Limiter, server: Windows, calls: int) -> float:
    """So many calls at once; seconds until the last was admitted."""
    draw, last = random.Random(1), 0.0
    loop = asyncio.get_running_loop()

    async def one() -> None:
        nonlocal last
        is_retry = False
        while True:
            permit = await limiter.acquire(AcquireRequest("f", 10.0, is_retry=is_retry))
            await asyncio.sleep(draw.uniform(0.001, 0.02))
            fits, limits = server.admit(loop.time())
            await asyncio.sleep(0.05 if fits else 0.001)
            if fits:
                last = max(last, loop.time())
                permit.answered(limits if permit.samples else None)
                permit.end()
                return
            permit.refused(limits, None)
            permit.end()
            is_retry = True

    begun = loop.time()
    await asyncio.gather(*[one() for _ in range(calls)])
    return last - begun


@pytest.mark.parametrize("telling", TELLINGS)
@pytest.mark.parametrize(("limit", "seconds"), [(20, 3.0), (200, 5.0), (25, 60.0), (100, 10.0)])
def test_a_window_is_waited_for_and_no_longer(telling: str, limit: int, seconds: float) -> None:
    """Calls for nearly four windows go within the fourth, whatever the reset is called, and none is refused."""

    async def main() -> None:
        server = Windows(limit, seconds, TELLINGS[telling])
        took = await use(Limiter(None, "auto"), server, int(3.7 * limit))
        assert server.refused == 0
        assert took <= 3.1 * seconds + 3 * 1.1

    run_virtual(main)


def test_a_window_that_is_not_over_stays_closed_to_limits_that_were_stated_too() -> None:
    """Stated 60 a minute, which refill: a server whose window holds nothing more until its end is not asked before."""

    async def main() -> None:
        server = Windows(60, 60.0, TELLINGS["moment"])
        took = await use(Limiter(None, RateLimit(requests_per_minute=60)), server, 80)
        assert server.refused <= 3
        assert took <= 90

    run_virtual(main)


@pytest.mark.parametrize("took", [0.01, 2.0, 30.0])
@pytest.mark.parametrize("reset", [0.0, 1.0])
def test_a_window_that_ended_while_its_reply_was_on_the_way_holds_nobody(took: float, reset: float) -> None:
    """The reply says that nothing is left, and arrives when that is over: the next one waits for the end at most."""
    pool = Pool(None, 0.0)
    for number in range(3):
        now = 100.0 * number
        reservation = pool.reserve(now, 10.0)
        pool.answered(now + took, reservation, RateLimits(Bucket(600, 0, reset, None, True)))
        pool.ended(now + took, reservation, None)
        assert pool.wait(now + took, 10.0)[0] <= max(0.0, reset + 0.1 - took)


# ---- what delays


def pool_of(*replies: RateLimits, stated: RateLimit | None = None, tokens: float = 10.0) -> Pool:
    """A pool that got these replies, a second apart."""
    pool = Pool(stated, 0.0)
    for number, limits in enumerate(replies):
        reservation = pool.reserve(float(number), tokens)
        pool.answered(number + 0.5, reservation, limits)
        pool.ended(number + 0.5, reservation, None)
    return pool


ODD = {
    "a limit of one": Bucket(1, 0, 60),
    "a limit of one token": Bucket(1, 0),
    "nothing left for a year": Bucket(100, 0, 360 * 86_400.0),
    "nothing left for a year, as a moment": Bucket(100, 0, 360 * 86_400.0, None, True),
    "nothing left today": Bucket(1_000, 0, 86_400.0, 86_400.0),
    "one a month": Bucket(1, 0, 30 * 86_400.0, 30 * 86_400.0, True),
    "a huge limit": Bucket(1e15, 0, 60),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["requests", "tokens"])
@pytest.mark.parametrize("stated", [None, RateLimit(requests_per_minute=6_000, tokens_per_minute=600_000)])
@pytest.mark.parametrize("tokens", [1.0, 50_000.0])
def test_one_reply_shuts_nothing_off(name: str, kind: str, stated: RateLimit | None, tokens: float) -> None:
    """Whatever it states, a request goes within a minute after the last one: its reply says what is true."""
    pool = pool_of(RateLimits(**{kind: ODD[name]}), stated=stated)
    now, waited = 1.0, []
    for _ in range(5):
        assert pool.fits(tokens) is None
        seconds, _ = pool.wait(now, tokens)
        assert seconds <= LONGEST_DELAY
        waited.append(seconds)
        now += seconds
        assert pool.wait(now, tokens) == (0.0, None)
        pool.ended(now, pool.reserve(now, tokens), None)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["requests", "tokens"])
def test_a_reply_takes_back_what_one_before_it_said(name: str, kind: str) -> None:
    """Once a reply states plausible limits, those hold, as if nothing else had been said."""
    sound = {"requests": Bucket(6_000, 5_900, 1.0), "tokens": Bucket(600_000, 590_000, 1.0)}[kind]
    pool = pool_of(RateLimits(**{kind: ODD[name]}), RateLimits(**{kind: sound}), RateLimits(**{kind: sound}))
    assert [level.capacity for level in pool.levels if level.kind == kind] == [sound.limit]
    for number in range(50):
        now = 3.0 + number / 10
        assert pool.wait(now, 10.0) == (0.0, None)
        reservation = pool.reserve(now, 10.0)
        pool.answered(now, reservation, RateLimits(**{kind: sound}) if pool.samples(reservation) else None)
        pool.ended(now, reservation, None)


@pytest.mark.parametrize("stated", [None, RateLimit(requests_per_minute=60)])
def test_a_server_that_states_limits_no_more_is_not_held_to_them(stated: RateLimit | None) -> None:
    """One reply said one a minute, three after it said nothing: only what the user stated is left."""
    pool = pool_of(RateLimits(Bucket(1, 0, 60)), NOTHING, NOTHING, NOTHING, stated=stated)
    assert [(level.capacity, level.rate) for level in pool.levels] == ([(60, pytest.approx(1))] if stated else [])
    assert pool.wait(4.0, 10.0) == (0.0, None)


def test_one_reply_without_limits_takes_nothing_back() -> None:
    """Such as a gateway's own."""
    pool = pool_of(
        RateLimits(Bucket(6_000, 5_000, 10.0)), NOTHING, NOTHING, RateLimits(Bucket(6_000, 5_000, 10.0)), NOTHING
    )
    assert [level.capacity for level in pool.levels] == [6_000]


def test_limits_of_several_windows_hold_together() -> None:
    """30 a minute and 100 a day, stated in one reply: both are kept, each by what is said of it."""
    day = Bucket(100, 40, 40_000.0, 86_400.0, True)
    pool = pool_of(RateLimits(Bucket(30, 29, 50.0, 60.0, True), others=(("requests", day),)))
    assert [(level.capacity, round(level.level)) for level in pool.levels] == [(30, 29), (100, 40)]


def test_limits_of_a_kind_that_come_later_are_learned() -> None:
    """The first reply stated requests alone, the next one tokens, too."""
    both = RateLimits(Bucket(60, 58, 2.0), Bucket(6_000, 5_900, 1.0))
    assert [level.kind for level in pool_of(RateLimits(Bucket(60, 59, 1.0)), both).levels] == ["requests", "tokens"]


def test_a_request_like_one_that_succeeded_is_not_held_back() -> None:
    """5,000 a minute, and 8,000 are charged by us of which the server counts 15: what it says is left counts."""
    limits = RateLimits(tokens=Bucket(5_000, 4_985, 0.2))
    pool, now = Pool(None, 0.0), 0.0
    for _ in range(5):
        seconds, _ = pool.wait(now, 8_000.0)
        assert seconds < 1
        now += seconds
        reservation = pool.reserve(now, 8_000.0)
        pool.answered(now + 0.1, reservation, limits)
        pool.ended(now + 0.1, reservation, None)
        now += 0.2


def test_what_the_user_stated_forbids_at_once() -> None:
    """However much a server says that it allows."""
    pool = pool_of(RateLimits(tokens=Bucket(600_000, 590_000, 1.0)), stated=RateLimit(tokens_per_minute=6_000))
    assert pool.fits(6_001.0) is not None
    assert pool.wait(1.0, 6_001.0)[0] == math.inf


@pytest.mark.parametrize("share", [1 / 8, 1 / 3, 1.0])
def test_a_share_does_not_shrink_the_largest_request(share: float) -> None:
    """A process with an eighth of 8,000 tokens a minute may send one of 8,000: it waits until its part is full."""
    pool = Pool(RateLimit(tokens_per_minute=8_000, share=share), 0.0)
    assert pool.fits(8_000.0) is None
    assert pool.fits(8_001.0) is not None
    assert pool.wait(0.0, 8_000.0) == (0.0, None)
    pool.ended(0.0, pool.reserve(0.0, 8_000.0), None)
    seconds, _ = pool.wait(1.0, 1.0)
    assert seconds == pytest.approx(60 * (1 / share - 1), rel=0.01, abs=1.0)
