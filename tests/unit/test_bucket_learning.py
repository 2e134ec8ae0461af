"""Levels, what they learn over time: from refusals, how far estimates are off, and what others take of the quota.

The account is one of 60,000 tokens (1,000 a second) or 600 requests (10 a second) a minute.
"""

from __future__ import annotations

import pytest

from openai_async._limits.buckets import Buckets
from openai_async._limits.levels import HeaderSample, Kind, RateBucket, Reservation
from openai_async._limits.samples import SHARE_LEAST, SHARE_MOST

NOTHING = HeaderSample()
RATE = {"tokens": 1_000.0, "requests": 10.0}


def buckets_of(*kinds: Kind) -> Buckets:
    """Full at second 0, and used long before: nothing is special about the first request any more."""
    buckets = Buckets([RateBucket(kind, RATE[kind], 60 * RATE[kind]) for kind in kinds], -1_000.0)
    buckets.close(buckets.reserve(-1_000.0, 0.0))
    buckets.wait(0.0, 0.0)
    return buckets


def unknown(kind: Kind) -> RateBucket:
    """A limit that becomes known late."""
    return RateBucket(kind, RATE[kind], 60 * RATE[kind])


def succeed(buckets: Buckets, now: float, reservation: Reservation, remaining: float | None = None) -> None:
    sample = NOTHING if remaining is None else HeaderSample(buckets.levels[0].capacity, remaining)
    both = (sample, NOTHING) if buckets.levels[0].kind == "requests" else (NOTHING, sample)
    buckets.succeeded(now, reservation, *both)


def refuse(
    buckets: Buckets, now: float, reservation: Reservation, *, retry_after: float = 0.0, jitter: float = 0.0
) -> None:
    buckets.refused(now, reservation, NOTHING, NOTHING, retry_after=retry_after, jitter=jitter)


def held_back(buckets: Buckets, now: float) -> float:
    """Tokens of the first level that are kept for what is unanswered, undoubted: a request of all the rest waits."""
    level = buckets.levels[0]
    wait, _ = buckets.wait(now, level.level - level.margin)
    return wait * level.rate * level.share / level.safety_factor


# ---- refusals


def test_a_refusal_costs_a_request_and_no_tokens() -> None:
    """The server says how much is left: 50,000, and our level is that, as the refused request is not in it."""
    buckets = buckets_of("requests", "tokens")
    reservation = buckets.reserve(0.0, 10_000.0)
    buckets.refused(0.0, reservation, HeaderSample(600, 599), HeaderSample(60_000, 50_000), retry_after=0.0)
    assert [level.level for level in buckets.levels] == [599, 50_000]


def test_a_refusal_that_says_nothing_means_that_no_tokens_are_left() -> None:
    """Without headers the token level is taken to be empty, and fills from then on."""
    buckets = buckets_of("requests", "tokens")
    refuse(buckets, 0.0, buckets.reserve(0.0, 100.0))
    assert [level.level for level in buckets.levels] == [599, 0]
    assert buckets.wait(0.1, 500.0)[1] == "tokens"
    assert buckets.wait(10.0, 500.0) == (0.0, None)


def test_a_retry_after_is_a_gate_for_all() -> None:
    """Nothing goes before it is over, jitter included; and a shorter one that comes later does not open it."""
    buckets = buckets_of("requests")
    first, second = buckets.reserve(0.0, 1.0), buckets.reserve(0.0, 1.0)
    refuse(buckets, 1.0, first, retry_after=5.0, jitter=0.25)
    assert buckets.wait(1.0, 1.0) == (5.25, "retry-after")
    refuse(buckets, 2.0, second, retry_after=1.0)
    assert buckets.wait(2.0, 1.0) == (4.25, "retry-after")
    assert buckets.wait(6.25, 1.0) == (0.0, None)


def test_the_longer_of_gate_and_level_is_the_reason() -> None:
    """Behind a gate of 1 s a level that needs 10 s is what is waited for."""
    buckets = buckets_of("tokens")
    buckets.close(buckets.reserve(0.0, 60_000.0))
    refuse(buckets, 0.0, buckets.reserve(0.0, 0.0), retry_after=1.0)
    wait, reason = buckets.wait(0.0, 10_000.0)
    assert wait > 10.0
    assert reason == "tokens"


def test_requests_refused_together_are_one_event() -> None:
    """Share and margin are cut once for all that was sent before the first refusal, and again for what came after."""
    buckets = buckets_of("tokens")
    level = buckets.levels[0]
    before = (level.share, level.margin)
    together = [buckets.reserve(0.1 * number, 10.0) for number in range(20)]
    refuse(buckets, 3.0, together[0])
    cut = (level.share, level.margin)
    assert cut[0] < before[0]
    assert cut[1] > before[1]
    for number, reservation in enumerate(together[1:]):
        refuse(buckets, 3.0 + 0.1 * number, reservation)
    assert (level.share, level.margin) == cut
    refuse(buckets, 7.0, buckets.reserve(6.0, 10.0))
    assert level.share < cut[0]
    assert level.margin > cut[1]


def test_no_number_of_refusals_stops_everything() -> None:
    """However often it is cut, a share and most of the bucket remain; and a long wait is still a finite one."""
    buckets = buckets_of("requests", "tokens")
    for second in range(1_000):
        refuse(buckets, second + 0.5, buckets.reserve(float(second), 10.0))
    for level in buckets.levels:
        assert 0 < level.share < 0.1
        assert level.margin <= 0.25 * level.capacity
        assert level.safety_factor <= level.most_safety_factor
    assert buckets.wait(1_000.0, 60_000.0)[0] < 60 / SHARE_LEAST + 1


def test_cuts_are_made_up_for_as_requests_succeed() -> None:
    """Without headers nothing measures the share: it recovers by itself, to all of the rate and no further."""
    buckets = buckets_of("requests", "tokens")
    refuse(buckets, 0.0, buckets.reserve(0.0, 100.0))
    assert all(level.share < 1 for level in buckets.levels)
    margins = [level.margin for level in buckets.levels]
    for second in range(1, 3_000):
        succeed(buckets, second + 0.5, buckets.reserve(float(second), 500.0))
    assert [level.share for level in buckets.levels] == [1, 1]
    assert all(level.margin < margin for level, margin in zip(buckets.levels, margins, strict=True))


# ---- doubt


def half_full(kind: Kind) -> Buckets:
    buckets = buckets_of(kind)
    buckets.close(buckets.reserve(0.0, 30_000.0))
    return buckets


def steady(buckets: Buckets, begin: int, seconds: int = 30, taken: float = 1.0) -> None:
    """One request a second is charged the 1,000 that flow in, and answered; the server takes `taken` times that."""
    previous, remaining = None, 30_000.0
    for second in range(begin, begin + seconds):
        reservation = buckets.reserve(float(second), 1_000.0)
        if previous is not None:
            succeed(buckets, float(second), previous, remaining)
        remaining += 1_000 - 1_000 * taken
        previous = reservation


def test_doubt_shrinks_while_replies_agree() -> None:
    """At first part of what is out is held back twice; as samples confirm the estimates, next to nothing is."""
    buckets = half_full("tokens")
    level = buckets.levels[0]
    steady(buckets, 1)
    assert level.safety_factor < 0.5 * level.most_safety_factor


def test_doubt_is_what_estimates_were_too_low_by() -> None:
    """The server takes nearly twice what we think: doubt, once gone, comes back, until the share is learned."""
    buckets = half_full("tokens")
    level = buckets.levels[0]
    steady(buckets, 1)
    trusting = level.safety_factor
    steady(buckets, 31, 8, taken=1.8)
    assert trusting < level.safety_factor <= level.most_safety_factor


def test_doubt_grows_with_refusals() -> None:
    """A refusal says that we were wrong."""
    buckets = half_full("tokens")
    level = buckets.levels[0]
    steady(buckets, 1)
    before = level.safety_factor
    refuse(buckets, 100.0, buckets.reserve(99.0, 1.0))
    assert before < level.safety_factor <= level.most_safety_factor


# ---- the share that is ours


def test_what_others_take_shows_as_a_slower_refill() -> None:
    """Others use 600 of 1,000 tokens a second: the share learned is 0.4, and waiting takes as much longer."""
    buckets = buckets_of("tokens")
    remaining = 30_000.0
    for second in range(0, 120, 3):
        reservation = buckets.reserve(float(second), 1_200.0)
        remaining -= 1_200
        succeed(buckets, second + 1.0, reservation, remaining)
        remaining += 3 * 400
    level = buckets.levels[0]
    assert level.share == pytest.approx(0.4, rel=0.01)
    wait = buckets.wait(120.0, 50_000.0)[0]
    assert wait == pytest.approx((50_000 + level.margin - level.level) / 400, rel=0.01)


@pytest.mark.parametrize(("kind", "expected"), [("tokens", 2.0), ("requests", 1.0)])
def test_estimates_that_are_too_high_show_as_a_faster_refill(kind: Kind, expected: float) -> None:
    """Twice too high: as if tokens came at twice the rate. A request is always one, so theirs never does."""
    buckets = buckets_of(kind)
    rate, remaining = RATE[kind], 30 * RATE[kind]
    for second in range(0, 120, 3):
        count = 1 if kind == "tokens" else 60
        reservations = [buckets.reserve(float(second), 6 * rate) for _ in range(count)]
        remaining -= 3 * rate  # half of what was charged
        succeed(buckets, second + 1.0, reservations[-1], remaining)
        remaining += 3 * rate
    assert buckets.levels[0].share == pytest.approx(expected, rel=0.01)


def test_a_share_has_bounds() -> None:
    """Samples that make no sense move it no further than to a small part, or three times, of the rate."""
    for remaining_after in (0.0, 50_000.0):
        buckets = buckets_of("tokens")
        remaining = 25_000.0
        for second in range(0, 300, 3):
            succeed(buckets, second + 0.1, buckets.reserve(float(second), 10_000.0), remaining)
            remaining = remaining_after
        assert SHARE_LEAST <= buckets.levels[0].share <= SHARE_MOST["tokens"]


def test_a_full_bucket_says_nothing_of_the_share() -> None:
    """What flows over cannot be seen: long pauses between small requests are not taken for others' traffic."""
    buckets = buckets_of("tokens")
    for minute in range(20):
        succeed(buckets, 60.0 * minute + 1, buckets.reserve(60.0 * minute, 100.0), 59_900)
    assert buckets.levels[0].share == 1.0


def test_a_bucket_that_was_full_in_between_says_nothing_of_the_share() -> None:
    """Half a bucket is used every two minutes: half full at each sample, and full before each request."""
    buckets = buckets_of("tokens")
    for number in range(20):
        succeed(buckets, 120.0 * number + 1, buckets.reserve(120.0 * number, 30_000.0), 30_000)
    assert buckets.levels[0].share == 1.0


def test_a_burst_is_not_taken_for_a_faster_or_slower_refill() -> None:
    """20 requests of 500 at one moment every 10 s, all that flows in; heard of are now the first, now the last.

    The server's level after the first of a burst does not contain the rest of it, although it was sent then, too.
    """
    buckets = buckets_of("tokens")
    shares: list[float] = []
    for burst in range(10):
        now, before = 10.0 * burst, 40_000.0
        reservations = [buckets.reserve(now, 500.0) for _ in range(20)]
        heard = 0 if burst % 2 else 19
        succeed(buckets, now + 1.0, reservations[heard], before - 500 * (heard + 1))
        for reservation in reservations:
            buckets.close(reservation)
        shares.append(buckets.levels[0].share)
    assert max(shares) <= 1.05
    assert min(shares) >= 0.9


def test_what_a_request_taught_that_was_never_sent_is_forgotten() -> None:
    """Its charge looks like a refill that is faster than stated, until it is taken back: then it was none."""
    buckets = buckets_of("tokens")
    succeed(buckets, 0.1, buckets.reserve(0.0, 30_000.0), 30_000)
    never_sent = buckets.reserve(1.0, 20_000.0)
    succeed(buckets, 10.1, buckets.reserve(10.0, 1_000.0), 39_000)
    assert buckets.levels[0].share > 1.5
    buckets.cancel(10.2, never_sent)
    assert buckets.levels[0].share == 1.0


def test_what_was_learned_before_a_request_that_was_never_sent_stays() -> None:
    """One that is given back at once has taught nothing."""
    buckets = buckets_of("tokens")
    buckets.levels[0].share = 2.0
    succeed(buckets, 0.1, buckets.reserve(0.0, 30_000.0), 30_000)
    buckets.cancel(1.0, buckets.reserve(1.0, 1_000.0))
    assert buckets.levels[0].share == 2.0


# ---- settling


def test_what_was_taken_more_since_a_sample_lowers_it() -> None:
    """20,000 remain at second 10, of which we had less; 2,000 more were counted at 11, 2,000 flowed in until 12."""
    buckets = buckets_of("tokens")
    old = buckets.reserve(0.0, 10_000.0)
    new = buckets.reserve(10.0, 50_000.0)
    buckets.settle(11.0, old, 12_000.0)
    succeed(buckets, 12.0, new, 20_000)
    assert buckets.levels[0].level == pytest.approx(20_000)


def test_what_is_given_back_to_a_full_bucket_flows_over() -> None:
    """Full at second 11, when 6,000 came back and 30,000 went: 31,000 at 12, whatever a sample of second 10 says."""
    buckets = buckets_of("tokens")
    old = buckets.reserve(0.0, 10_000.0)
    new = buckets.reserve(10.0, 1_000.0)
    buckets.settle(11.0, old, 4_000.0)
    buckets.reserve(11.0, 30_000.0)
    succeed(buckets, 12.0, new, 59_000)
    assert buckets.levels[0].level == pytest.approx(31_000)


def test_what_is_given_back_is_not_taken_for_a_faster_refill() -> None:
    """Every 3 s 9,000 are reserved and 3,000 used: what comes back is no refill, and the share stays all of it."""
    buckets = half_full("tokens")
    for number in range(1, 30):
        reservation = buckets.reserve(3.0 * number, 9_000.0)
        succeed(buckets, 3.0 * number + 1, reservation, 24_000)
        buckets.settle(3.0 * number + 2, reservation, 3_000.0)
    assert buckets.levels[0].share == pytest.approx(1.0, abs=0.02)


# ---- the first request, and handing over


def test_nothing_refills_before_the_first_request_is_there() -> None:
    """600 of 600 go at once, over connections yet to be opened: shortly after, the server is still full."""
    buckets = Buckets([RateBucket("requests", 10, 600)], 0.0)
    while buckets.wait(0.0, 1.0)[0] == 0.0:
        buckets.close(buckets.reserve(0.0, 1.0))
    assert buckets.wait(0.25, 1.0)[0] > 0.0
    assert buckets.wait(1.0, 1.0) == (0.0, None)


def test_what_was_settled_counts_once_limits_are_known() -> None:
    """6,000 came back after the request was sent whose reply makes the limits known: they are added to its level."""
    blind = Buckets([], 0.0)
    old, first = blind.reserve(0.0, 10_000.0), blind.reserve(5.0, 1_000.0)
    blind.settle(6.0, old, 4_000.0)
    blind.reserve(6.5, 20_000.0)
    blind.add(unknown("tokens"), 7.0)
    succeed(blind, 7.0, first, 40_000)
    assert blind.levels[0].level == pytest.approx(28_000)


def test_what_was_charged_counts_once_limits_are_known() -> None:
    """Limits become known by the reply to the first of ten requests of 1,000: the nine sent after it are counted."""
    blind = Buckets([], 0.0)
    first = blind.reserve(0.0, 1_000.0)
    for number in range(1, 10):
        blind.reserve(0.1 * number, 1_000.0)
    blind.add(unknown("tokens"), 1.0)
    succeed(blind, 1.0, first, 59_000)
    assert blind.levels[0].level == pytest.approx(51_000)


def test_a_gate_counts_once_limits_are_known() -> None:
    """A Retry-After that came before the limits became known holds all the same."""
    blind = Buckets([], 0.0)
    refuse(blind, 0.0, blind.reserve(0.0, 1.0), retry_after=10.0)
    blind.add(unknown("tokens"), 1.0)
    assert blind.wait(1.0, 1.0) == (9.0, "retry-after")


def test_what_is_out_counts_once_limits_are_known() -> None:
    """Nine of ten requests sent blind are unanswered once limits are known; when all are answered, nothing is."""
    blind = Buckets([], 0.0)
    first, *others = [blind.reserve(0.0, 1_000.0) for _ in range(10)]
    blind.add(unknown("tokens"), 1.0)
    succeed(blind, 1.0, first, 30_000)
    assert held_back(blind, 1.0) == pytest.approx(9_000)
    for reservation in others:
        blind.close(reservation)
    assert held_back(blind, 1.0) == 0
    blind.reserve(1.0, 5_000.0)
    assert held_back(blind, 1.0) == pytest.approx(5_000)
