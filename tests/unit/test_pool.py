"""Pools: limits that were stated, limits that are learned from headers, and servers that state none."""

from __future__ import annotations

import itertools
import math

import pytest

from openai_async import RateLimit
from openai_async._limits.levels import Reservation
from openai_async._limits.pool import Pool
from openai_async._policy.retry import BACKOFF_BASE
from openai_async.types.limits import Accounting
from openai_async.types.meta import Bucket, Meta, RateLimits, ReplyHeaders
from tests.properties.accounts import unanswered

NOTHING = RateLimits()


def said(**headers: str) -> RateLimits:
    """What a reply with these rate limit headers says: `limit_requests="60"` is x-ratelimit-limit-requests."""
    raw = [(f"x-ratelimit-{name.replace('_', '-')}".encode(), value.encode()) for name, value in headers.items()]
    return Meta(headers=ReplyHeaders(raw)).rate_limits


def blind(pool: Pool, now: float = 0.0, most: int = 1_000) -> list[Reservation]:
    """As many requests as may go while nothing is known."""
    reservations: list[Reservation] = []
    while pool.wait(now, 10.0)[0] == 0.0 and len(reservations) < most:
        reservations.append(pool.reserve(now, 10.0))
    return reservations


def learned(limits: RateLimits) -> Pool:
    """A pool to which a server said this with its first reply."""
    pool = Pool(None, 0.0)
    pool.answered(1.0, pool.reserve(0.0, 10.0), limits)
    return pool


# ---- stated


def test_every_stated_limit_is_a_level() -> None:
    """Per second, minute and day, each with its own rate and one period's worth; a share is of all of them."""
    limit = RateLimit(requests_per_second=4, requests_per_day=86_400, tokens_per_minute=6_000, share=0.5)
    levels = Pool(limit, 0.0).levels
    assert [(level.kind, level.capacity, level.rate) for level in levels] == [
        ("requests", 2, 2),
        ("requests", 43_200, 0.5),
        ("tokens", 3_000, 50),
    ]


def test_a_burst_bounds_what_goes_at_once_and_not_what_one_request_may_cost() -> None:
    """Two seconds' worth of a limit per minute; a limit per second is held to its second."""
    limit = RateLimit(tokens_per_minute=6_000, requests_per_second=4, burst=2)
    levels = Pool(limit, 0.0).levels
    assert [(level.kind, level.capacity, level.rate, level.limit) for level in levels] == [
        ("requests", 4, 4, 4),
        ("tokens", 200, 100, 6_000),
    ]


def test_a_limit_of_a_day_runs_out_before_that_of_a_minute() -> None:
    """100 a day at 60 a minute: after 100 of them, a minute apart or not, the next waits for the day."""
    pool = Pool(RateLimit(requests_per_minute=60, requests_per_day=100), 0.0)
    sent, now = 0, 0.0
    while pool.wait(now, 1.0)[0] < 100:
        now += pool.wait(now, 1.0)[0]
        reservation = pool.reserve(now, 1.0)
        pool.answered(now, reservation, NOTHING)
        pool.ended(now, reservation, None)
        sent += 1
    assert 95 <= sent <= 101
    assert pool.wait(now, 1.0)[1] == "requests"
    assert pool.wait(now, 1.0)[0] <= 864 * 2


def test_what_does_not_fit_is_told() -> None:
    """A request larger than the smallest token limit exceeds that one; requests are never too large for requests."""
    pool = Pool(RateLimit(tokens_per_minute=1_000, tokens_per_day=500_000, requests_per_minute=2), 0.0)
    assert pool.fits(1_000.0) is None
    exceeded = pool.fits(1_001.0)
    assert exceeded is not None
    assert exceeded.capacity == 1_000


def test_a_limit_lower_than_stated_is_believed() -> None:
    """Stated 6,000, said 3,000: from then on that is the limit; what is larger fits all the same, and waits longer."""
    pool = Pool(RateLimit(tokens_per_minute=6_000), 0.0)
    pool.answered(1.0, pool.reserve(0.0, 10.0), said(limit_tokens="3000", remaining_tokens="2990"))
    assert [(level.capacity, level.rate) for level in pool.levels] == [(6_000, 100), (3_000, 50)]
    assert pool.fits(6_000.0) is None
    assert pool.fits(6_001.0) is not None
    assert pool.wait(1.0, 6_000.0)[0] <= 60


@pytest.mark.parametrize(
    "limits",
    [
        said(),
        said(limit_tokens="-1", remaining_tokens="-1"),
        said(limit_tokens="0", remaining_tokens="0"),
        said(limit_tokens="6000", remaining_tokens="-5"),
        said(limit_tokens="6000", remaining_tokens="6001"),
        said(limit_tokens="", remaining_tokens=""),
        said(limit_tokens="nan", remaining_tokens="lots"),
        said(limit_tokens="6000"),
    ],
)
def test_nonsense_corrects_nothing(limits: RateLimits) -> None:
    """-1, 0, blanks, words, more than the limit, or no level at all: the level stays what we think it is."""
    pool = Pool(RateLimit(tokens_per_minute=6_000), 0.0)
    reservation = pool.reserve(0.0, 1_000.0)
    pool.answered(0.0, reservation, limits)
    (level,) = pool.levels
    assert (level.capacity, level.rate, level.level) == (6_000, 100, 5_000)


@pytest.mark.parametrize(("accounting", "back"), [("admission", 0), ("settle", 600), ("realtime", 600)])
def test_what_was_not_used_comes_back_where_the_server_says_so(accounting: Accounting, back: float) -> None:
    """Reserved 1,000, used 400: charged for good at admission, else settled when the request is over."""
    pool = Pool(RateLimit(tokens_per_minute=6_000, accounting=accounting), 0.0)
    reservation = pool.reserve(0.0, 1_000.0)
    pool.answered(0.0, reservation, NOTHING)
    pool.ended(0.0, reservation, 400.0)
    assert pool.levels[0].level == 5_000 + back


@pytest.mark.parametrize("accounting", ["admission", "settle"])
def test_an_end_without_a_count_settles_nothing(accounting: Accounting) -> None:
    """What the server counted is not known, as after a broken stream: the reservation stands, and nothing is out."""
    pool = Pool(RateLimit(tokens_per_minute=6_000, accounting=accounting), 0.0)
    pool.ended(0.0, pool.reserve(0.0, 1_000.0), None)
    assert (pool.levels[0].level, unanswered(pool)) == (5_000, [0, 0])


# ---- learned


def test_a_few_go_blind_until_the_first_reply() -> None:
    """Then the rest waits for limits to become known, however long; whoever ends unanswered makes room for another."""
    pool = Pool(None, 0.0)
    reservations = blind(pool)
    assert 4 <= len(reservations) <= 64
    assert pool.wait(1_000.0, 1.0) == (math.inf, "limits")
    pool.ended(1_000.0, reservations[0], None)
    pool.cancel(1_000.0, reservations[1])
    assert len(blind(pool, 1_000.0)) == 2


def test_limits_are_learned_per_minute() -> None:
    """Both kinds, with what is left of them."""
    pool = learned(said(limit_requests="60", remaining_requests="50", limit_tokens="6000", remaining_tokens="3000"))
    assert [(level.kind, level.capacity, level.rate) for level in pool.levels] == [
        ("requests", 60, 1),
        ("tokens", 6_000, 100),
    ]
    assert [round(level.level) for level in pool.levels] == [51, 3_100]  # a second has passed


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [("14399", "6s", 86_400), ("14000", "40m", 86_400), ("14399", "4.2ms", 60), ("14400", "0s", 60)],
)
def test_a_bucket_that_fills_slowly_is_one_of_a_day(remaining: str, reset: str, seconds: float) -> None:
    """14,400, of which one comes back every 6 s, are per day; one every 4 ms is per minute, as is what is full."""
    pool = learned(said(limit_requests="14400", remaining_requests=remaining, reset_requests=reset))
    assert [(level.capacity, level.rate) for level in pool.levels] == [(14_400, 14_400 / seconds)]


def test_what_went_blind_is_counted() -> None:
    """All went out at once; the reply to the first says that 59 of 60 remain: the others' are gone, too."""
    pool = Pool(None, 0.0)
    first, *others = [pool.reserve(0.01 * number, 10.0) for number in range(12)]
    pool.answered(0.2, first, said(limit_requests="60", remaining_requests="59", reset_requests="1s"))
    assert pool.levels[0].level == pytest.approx(59 - len(others), abs=0.5)


def test_what_went_blind_is_counted_although_nothing_is_said_of_what_is_left() -> None:
    """A reply that states the limit alone: what we sent is all that is known to be gone."""
    pool = Pool(None, 0.0)
    first, *_ = [pool.reserve(0.0, 10.0) for _ in range(12)]
    pool.answered(0.2, first, said(limit_requests="60"))
    assert pool.levels[0].level == pytest.approx(60 - 12, abs=0.5)


def test_limits_are_learned_from_a_refusal_too() -> None:
    """The first reply is a 429 that states the limits: they hold, and so does its Retry-After."""
    pool = Pool(None, 0.0)
    reservation = pool.reserve(0.0, 10.0)
    limits = said(limit_tokens="6000", remaining_tokens="0")
    pool.refused(1.0, reservation, limits, retry_after=30.0, jitter=0.0)
    assert [level.capacity for level in pool.levels] == [6_000]
    assert pool.wait(1.0, 10.0) == (30.0, "retry-after")


@pytest.mark.parametrize("first", ["answered", "refused"])
def test_limits_that_come_later_are_learned(first: str) -> None:
    """A first reply without limits, such as a proxy's, does not mean that there are none."""
    pool = Pool(None, 0.0)
    if first == "answered":
        pool.answered(1.0, pool.reserve(0.0, 10.0), NOTHING)
    else:
        pool.refused(1.0, pool.reserve(0.0, 10.0), NOTHING, retry_after=0.0, jitter=0.0)
    pool.answered(3.0, pool.reserve(2.0, 10.0), said(limit_tokens="6000", remaining_tokens="5000"))
    assert [level.capacity for level in pool.levels] == [6_000]


# ---- servers that state nothing


def unlimited(in_flight: int) -> tuple[Pool, list[Reservation]]:
    """A pool whose server has said nothing of limits, with so many requests in flight."""
    pool = learned(NOTHING)
    reservations = [pool.reserve(2.0, 10.0) for _ in range(in_flight - 1)]
    return pool, reservations


def in_flight_at_most(pool: Pool, now: float, out: int) -> int:
    """How many may be in flight, with so many that are."""
    return out + len(blind(pool, now))


def test_without_limits_everything_goes() -> None:
    """The first reply states none: a thousand more go at once."""
    pool = learned(NOTHING)
    assert pool.levels == []
    assert len(blind(pool)) == 1_000


def idle() -> Pool:
    """A pool whose server has said nothing of limits, with nothing in flight."""
    pool = Pool(None, 0.0)
    first = pool.reserve(0.0, 10.0)
    pool.answered(1.0, first, NOTHING)
    pool.ended(1.0, first, None)
    return pool


def through_the_gate(pool: Pool, now: float) -> float:
    """Wait for the gate and have a probe answered; gives the time."""
    now += pool.held(now)
    probe = pool.reserve(now, 1.0)
    pool.answered(now + 0.01, probe, NOTHING)
    pool.ended(now + 0.01, probe, None)
    return now + 0.01


def spaced(pool: Pool, now: float, seconds: float) -> list[float]:
    """When requests are sent for so many seconds, as soon as they may; each is answered at once."""
    sent: list[float] = []
    end = now + seconds
    while (now := now + max(pool.wait(now, 1.0)[0], 1e-6)) < end:
        reservation = pool.reserve(now, 1.0)
        pool.answered(now, reservation, NOTHING)
        pool.ended(now, reservation, None)
        sent.append(now)
    return sent


def test_a_refusal_cuts_what_is_in_flight() -> None:
    """50 are in flight when one is refused: fewer may be afterwards, and the rest waits for a slot."""
    pool, reservations = unlimited(50)
    pool.refused(3.0, reservations[0], NOTHING, retry_after=0.0, jitter=0.0)
    assert pool.wait(4.0, 1.0) == (math.inf, "slot")
    for reservation in reservations[:20]:
        pool.ended(4.0, reservation, None)
    assert pool.wait(4.0, 1.0) == (0.0, None)  # the probe


def test_refused_together_is_one_refusal() -> None:
    """Five of 50 sent together are refused: the scope is shut once, for as long as after one of them."""
    alone, alone_grants = unlimited(50)
    alone.refused(3.0, alone_grants[0], NOTHING, retry_after=None, jitter=0.0)
    pool, reservations = unlimited(50)
    for reservation in reservations[:5]:
        pool.refused(3.0, reservation, NOTHING, retry_after=None, jitter=0.0)
    assert pool.held(3.0) == alone.held(3.0) == BACKOFF_BASE


def test_a_refused_scope_opens_slowly() -> None:
    """After the gate there is one probe; what follows is spaced, below the rate that was refused."""
    pool, now = idle(), 2.0
    reservations = blind(pool, now, 100)
    for reservation in reservations[20:]:
        pool.refused(2.01, reservation, NOTHING, retry_after=None, jitter=0.0)
        pool.ended(2.01, reservation, None)
    for reservation in reservations[:20]:
        pool.answered(2.02, reservation, NOTHING)
        pool.ended(2.02, reservation, None)
    assert pool.held(2.02) > 0.4
    now = through_the_gate(pool, 2.02)
    sent = spaced(pool, now, 1.0)
    assert 5 < len(sent) < 80
    assert min(later - earlier for earlier, later in itertools.pairwise(sent)) > 0.01


def test_the_backoff_of_a_scope_doubles_while_nothing_is_accepted() -> None:
    """Probes that are refused shut the scope for longer each time, up to a bound; an accepted one ends that."""
    pool, now, held = idle(), 10.0, list[float]()
    for _ in range(6):
        reservation = pool.reserve(now, 1.0)
        pool.refused(now, reservation, NOTHING, retry_after=None, jitter=0.0)
        pool.ended(now, reservation, None)
        held.append(pool.held(now))
        now += held[-1]
    assert held == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    now = through_the_gate(pool, now)
    pool.refused(now, pool.reserve(now, 1.0), NOTHING, retry_after=None, jitter=0.0)
    assert pool.held(now) == 0.5


@pytest.mark.parametrize("stated", [0.0, 0.3])
def test_a_servers_delay_that_was_too_short_is_not_trusted_twice(stated: float) -> None:
    """Kept the first time; when the probe after it is refused, the backoff is a minimum."""
    pool, now = idle(), 10.0
    for wanted in (stated, 1.0, 2.0):
        reservation = pool.reserve(now, 1.0)
        pool.refused(now, reservation, NOTHING, retry_after=stated, jitter=0.0)
        pool.ended(now, reservation, None)
        assert pool.held(now) == pytest.approx(wanted)
        now += pool.held(now) + 0.001


def test_successes_raise_the_bound_in_flight_again_and_refusals_never_close_it() -> None:
    """Refused until one is left: that one may always go. Successes add to the bound, fast at first."""
    pool, now = idle(), 10.0
    for _ in range(50):
        now += pool.held(now)
        reservation = pool.reserve(now, 1.0)
        pool.refused(now, reservation, NOTHING, retry_after=None, jitter=0.0)
        pool.ended(now, reservation, None)
    now += pool.held(now)
    assert in_flight_at_most(pool, now, 0) == 1
    pool, now = idle(), 10.0
    refused = pool.reserve(now, 1.0)
    pool.refused(now, refused, NOTHING, retry_after=None, jitter=0.0)
    pool.ended(now, refused, None)
    now = through_the_gate(pool, now)
    for _ in range(100):
        now += 0.1
        reservation = pool.reserve(now, 1.0)
        pool.answered(now, reservation, NOTHING)
        pool.ended(now, reservation, None)
    assert in_flight_at_most(pool, now + 1.0, 0) > 50


def test_a_gate_holds_without_limits_too() -> None:
    """Retry-After of a server that states nothing else, and up to a tenth more."""
    pool = idle()
    only = pool.reserve(2.0, 1.0)
    pool.refused(3.0, only, NOTHING, retry_after=7.0, jitter=0.5)
    pool.ended(3.0, only, None)
    assert pool.wait(3.0, 1.0) == (pytest.approx(7.35), "retry-after")


def test_limits_that_become_known_take_the_place_of_the_pace() -> None:
    """A server that refuses, and states its limits only later: they are what counts then."""
    pool = learned(NOTHING)
    for reservation in blind(pool, 2.0, 50):
        pool.refused(2.0, reservation, NOTHING, retry_after=None, jitter=0.0)
        pool.ended(2.0, reservation, None)
    now = 2.0 + pool.held(2.0)
    pool.answered(now, pool.reserve(now, 1.0), said(limit_requests="600", remaining_requests="599"))
    assert len(blind(pool, now + 0.1, 40)) == 40


def test_limits_of_a_reply_that_were_stated_by_hand() -> None:
    """A pool takes limits however they were read: the values of a reply as users see them."""
    pool = learned(RateLimits(tokens=Bucket(limit=6_000, remaining=6_000, reset=0.0)))
    assert [(level.kind, level.capacity) for level in pool.levels] == [("tokens", 6_000)]
