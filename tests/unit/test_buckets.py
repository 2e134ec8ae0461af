"""Levels: what is granted when, and how replies correct them.

Numbers follow from the rules in the module's text: an account of 600 requests or 60,000 tokens a minute refills by 10
or 1,000 a second. A reply states the server's level at its request's admission: what was sent since is subtracted, what
has flowed in since is added.
"""

from __future__ import annotations

import math

import pytest

from openai_async._limits.buckets import Buckets
from openai_async._limits.levels import _REORDER_WINDOW_MOST, HeaderSample, RateBucket, Reservation

NOTHING = HeaderSample()


def tokens(capacity: float = 60_000, seconds: float = 60.0) -> RateBucket:
    return RateBucket("tokens", capacity / seconds, capacity)


def requests(capacity: float = 600, seconds: float = 60.0) -> RateBucket:
    return RateBucket("requests", capacity / seconds, capacity)


def begun(*levels: RateBucket) -> Buckets:
    """Full at second 0, and used long before: nothing is special about the first request any more."""
    buckets = Buckets(levels, -1_000.0)
    buckets.close(buckets.reserve(-1_000.0, 0.0))
    buckets.wait(0.0, 0.0)
    return buckets


def answered(
    buckets: Buckets, now: float, reservation: Reservation, remaining: float, limit: float | None = None
) -> None:
    """A reply that states one kind of level: that of the first of the buckets' levels."""
    level = buckets.levels[0]
    sample = HeaderSample(limit if limit is not None else level.capacity, remaining)
    both = (sample, NOTHING) if level.kind == "requests" else (NOTHING, sample)
    buckets.succeeded(now, reservation, *both)


def level_at(buckets: Buckets, now: float, index: int = 0) -> float:
    buckets.wait(now, 0.0)
    return buckets.levels[index].level


def burst(buckets: Buckets, now: float, cost: float) -> int:
    """Grant requests of one cost, answered at once, for as long as they may go at this moment."""
    count = 0
    while buckets.wait(now, cost)[0] == 0.0:
        buckets.close(buckets.reserve(now, cost))
        count += 1
    return count


def held_back(buckets: Buckets, now: float) -> float:
    """Tokens of the first level that are kept for what is unanswered, undoubted: a request of all the rest waits."""
    level = buckets.levels[0]
    wait, _ = buckets.wait(now, level.level - level.margin)
    return wait * level.rate * level.share / level.safety_factor


# ---- granting


def test_without_levels_everything_goes() -> None:
    """No limits: no wait, whatever the size, and replies change nothing."""
    buckets = Buckets([], 0.0)
    for _ in range(1_000):
        assert buckets.wait(0.0, 1e12) == (0.0, None)
        buckets.succeeded(0.0, buckets.reserve(0.0, 1e12), HeaderSample(1, 0), HeaderSample(1, 0))


@pytest.mark.parametrize(("level", "cost"), [(requests(), 1.0), (tokens(), 100.0)])
def test_a_full_bucket_goes_at_once_and_then_the_rate(level: RateBucket, cost: float) -> None:
    """600 of them fit the bucket but for a margin of at most a twentieth; the wait for the next is what it lacks."""
    buckets = begun(level)
    assert 570 <= burst(buckets, 0.0, cost) <= 600
    wait, reason = buckets.wait(0.0, cost)
    assert reason == level.kind
    assert wait == pytest.approx((cost + level.margin - level.level) / level.rate)
    assert buckets.wait(wait - 0.001, cost)[0] > 0.0
    assert burst(buckets, wait, cost) == 1
    later = wait + 10.0
    assert burst(buckets, later, cost) == 100


def test_a_bucket_never_holds_more_than_its_capacity() -> None:
    """After an hour of silence it is one minute's worth that goes at once."""
    buckets = begun(requests())
    assert burst(buckets, 3_600.0, 1.0) <= 600


def test_all_limits_hold_and_the_one_that_takes_longest_is_the_reason() -> None:
    """Requests of 600 tokens at 600 requests and 60,000 tokens a minute: tokens bind, after 100 of them at most."""
    buckets = begun(requests(), tokens())
    assert 90 <= burst(buckets, 0.0, 600.0) <= 100
    assert buckets.wait(0.0, 600.0)[1] == "tokens"
    assert buckets.wait(0.0, 0.0)[0] == 0.0
    assert burst(buckets, 0.0, 0.0) > 400
    assert buckets.wait(0.0, 0.0)[1] == "requests"


def test_the_largest_request_goes_when_the_bucket_is_full() -> None:
    """One of exactly the limit is let in by a full bucket, margin or not; a larger one never."""
    buckets = begun(tokens())
    assert buckets.wait(0.0, 60_000.0) == (0.0, None)
    assert buckets.wait(0.0, 60_001.0) == (math.inf, "tokens")
    buckets.close(buckets.reserve(0.0, 1_000.0))
    wait, reason = buckets.wait(0.0, 60_000.0)
    assert (round(wait, 6), reason) == (1.0, "tokens")


def test_a_bucket_smaller_than_the_limit_lets_in_what_is_larger_when_full() -> None:
    """`limit` may be more than what the bucket holds: the level is then below zero, and refills from there."""
    buckets = begun(RateBucket("tokens", 1_000, 10_000, limit=60_000))
    assert buckets.wait(0.0, 30_000.0) == (0.0, None)
    buckets.close(buckets.reserve(0.0, 30_000.0))
    assert buckets.levels[0].level == -20_000
    assert buckets.wait(0.0, 60_001.0)[0] == math.inf
    assert buckets.wait(0.0, 30_000.0)[0] == pytest.approx(30.0)


def test_what_is_unconfirmed_is_held_back_in_part() -> None:
    """30,000 tokens are out without an answer: the doubted part of them is kept, and free again with the answer."""
    buckets = begun(tokens())
    level = buckets.levels[0]
    out = buckets.reserve(0.0, 30_000.0)
    assert level.safety_factor > 0
    free = 30_000 - level.margin - level.safety_factor * 30_000
    assert buckets.wait(0.0, free - 1)[0] == 0.0
    assert buckets.wait(0.0, free + 100)[0] == pytest.approx(0.1)
    buckets.close(out)
    assert buckets.wait(0.0, 30_000 - level.margin - 1)[0] == 0.0


def test_what_a_sample_contains_is_not_held_back() -> None:
    """30,000 tokens are out, as of a long answer; a reply to a later request shows that the server has counted them."""
    buckets = begun(tokens())
    buckets.reserve(0.0, 30_000.0)
    answered(buckets, 11.0, buckets.reserve(10.0, 100.0), remaining=39_900)
    level = buckets.levels[0]
    assert level.level == pytest.approx(40_900)
    assert buckets.wait(11.0, 40_900 - level.margin - 100)[0] == 0.0


# ---- taking back


def test_what_was_never_sent_is_taken_back_whole() -> None:
    """The level is as before, nothing is unanswered, and sums of what was sent do not contain it."""
    buckets = begun(requests(), tokens())
    before = [level.level for level in buckets.levels]
    buckets.cancel(0.0, buckets.reserve(0.0, 5_000.0))
    assert [level.level for level in buckets.levels] == before
    assert held_back(buckets, 0.0) == 0
    first = buckets.reserve(1.0, 100.0)
    for _ in range(100):
        buckets.cancel(1.5, buckets.reserve(1.5, 400.0))
    buckets.succeeded(2.0, first, HeaderSample(600, 300), HeaderSample(60_000, 20_000))
    assert level_at(buckets, 2.0) == pytest.approx(310)
    assert level_at(buckets, 2.0, 1) == pytest.approx(21_000)


def test_what_is_taken_back_late_is_not_more_than_what_would_be_there() -> None:
    """It hid what would have flowed over: after a bucket was full again, taking it back adds nothing."""
    buckets = begun(tokens())
    never_sent = buckets.reserve(0.0, 30_000.0)
    sent = buckets.reserve(60.0, 50_000.0)  # full again: without `never_sent` it would be at 10,000, too
    buckets.close(sent)
    buckets.cancel(60.0, never_sent)
    assert level_at(buckets, 60.0) <= 10_000


def test_what_a_sample_has_left_out_is_not_taken_back_again() -> None:
    """The server's level, stated for a request sent long after, does not contain what was never sent."""
    buckets = begun(tokens())
    never_sent = buckets.reserve(0.0, 20_000.0)
    sent = buckets.reserve(5.0, 40_000.0)
    answered(buckets, 6.0, sent, remaining=20_000)
    buckets.cancel(6.0, never_sent)
    assert level_at(buckets, 6.0) <= 21_000 + 1


def test_a_request_is_closed_once() -> None:
    """Whatever is heard of it afterwards, what is unanswered was lowered once."""
    buckets = begun(tokens())
    one, _ = buckets.reserve(0.0, 10_000.0), buckets.reserve(0.0, 20_000.0)
    buckets.close(one)
    buckets.close(one)
    answered(buckets, 1.0, one, remaining=50_000)
    assert held_back(buckets, 1.0) == pytest.approx(20_000)


@pytest.mark.parametrize("refused_first", [True, False])
def test_tokens_are_taken_back_once(refused_first: bool) -> None:
    """Refused and given back, in either order: the charge of 10,000 is back, and not twice."""
    buckets = begun(tokens())
    buckets.close(buckets.reserve(0.0, 50_000.0))
    reservation = buckets.reserve(0.0, 10_000.0)
    for refused in (refused_first, not refused_first):
        if refused:
            buckets.refused(0.0, reservation, NOTHING, HeaderSample(60_000, 10_000), retry_after=0.0)
        else:
            buckets.cancel(0.0, reservation)
    assert level_at(buckets, 0.0) <= 10_000


def test_settling_gives_back_what_was_not_used() -> None:
    """Reserved 10,000, counted 4,000: 6,000 are back from now on; counted 12,000: 2,000 more are gone."""
    buckets = begun(tokens(), requests())
    buckets.close(buckets.reserve(0.0, 50_000.0))
    reservation = buckets.reserve(0.0, 10_000.0)
    buckets.settle(0.0, reservation, 4_000.0)
    assert [level.level for level in buckets.levels] == [6_000, 598]
    buckets.settle(0.0, reservation, 12_000.0)
    assert [level.level for level in buckets.levels] == [4_000, 598]


def test_what_was_settled_since_a_sample_counts_from_when_it_was() -> None:
    """Stated: 20,000 at second 10. 6,000 were given back at 11, 1,000 a second flowed in: 28,000 at 12."""
    buckets = begun(tokens())
    old = buckets.reserve(0.0, 10_000.0)
    new = buckets.reserve(10.0, 40_000.0)
    buckets.settle(11.0, old, 4_000.0)
    answered(buckets, 12.0, new, remaining=20_000)
    assert level_at(buckets, 12.0) == pytest.approx(28_000)


def test_what_was_settled_before_a_sample_is_not_added_to_it() -> None:
    """6,000 are given back at 9.9, and are in the level that is stated for a request sent at 10."""
    buckets = begun(tokens())
    old = buckets.reserve(0.0, 10_000.0)
    buckets.settle(9.9, old, 4_000.0)
    answered(buckets, 10.0, buckets.reserve(10.0, 59_000.0), remaining=1_000)
    assert level_at(buckets, 10.0) == pytest.approx(1_000)


# ---- what replies say


def test_a_level_that_is_too_high_is_pulled_down() -> None:
    """Others took 30,000: stated at second 1 and seen at second 3, with 5,000 sent at 2: 20,000 + 2,000 - 5,000."""
    buckets = begun(tokens())
    first = buckets.reserve(1.0, 10_000.0)
    buckets.reserve(2.0, 5_000.0)
    answered(buckets, 3.0, first, remaining=20_000)
    assert level_at(buckets, 3.0) == pytest.approx(17_000)


def test_a_level_that_is_too_low_is_raised() -> None:
    """Our estimate of 40,000 was too high by 25,000: stated 45,000, so ours is that, and what flowed in since."""
    buckets = begun(tokens())
    buckets.close(buckets.reserve(0.0, 40_000.0))
    small = buckets.reserve(10.0, 100.0)
    answered(buckets, 12.0, small, remaining=54_900)
    assert level_at(buckets, 12.0) == pytest.approx(56_900)


@pytest.mark.parametrize(("ago", "counts"), [(0.5 * _REORDER_WINDOW_MOST, False), (1.5 * _REORDER_WINDOW_MOST, True)])
def test_what_was_sent_shortly_before_may_not_be_in_it_yet(ago: float, counts: bool) -> None:
    """The server says nothing of 20,000 that we sent before: if it was shortly before, our level stays lower."""
    buckets = begun(tokens())
    buckets.reserve(20.0 - ago, 20_000.0)
    sample = buckets.reserve(20.0, 100.0)
    answered(buckets, 20.0, sample, remaining=59_900)
    assert level_at(buckets, 20.0) == pytest.approx(59_900 if counts else 39_900 + 1_000 * ago, abs=1)


def test_what_was_sent_after_it_is_never_in_it() -> None:
    """At most `EARLY` after: the level is pulled below the stated one by all that was sent later than that."""
    buckets = begun(tokens())
    sample = buckets.reserve(10.0, 100.0)
    buckets.reserve(10.01, 20_000.0)
    answered(buckets, 11.0, sample, remaining=30_000)
    assert level_at(buckets, 11.0) == pytest.approx(11_000, abs=1)


def test_a_sample_is_not_taken_twice() -> None:
    """One that is older than the newest by more than the order may differ changes nothing."""
    buckets = begun(tokens())
    old, new = buckets.reserve(1.0, 100.0), buckets.reserve(5.0, 100.0)
    answered(buckets, 6.0, new, remaining=50_000)
    before = level_at(buckets, 7.0)
    answered(buckets, 7.0, old, remaining=1_000)
    assert level_at(buckets, 7.0) == before


def test_without_headers_nothing_is_corrected() -> None:
    """A server whose headers are not to be trusted is not listened to."""
    buckets = Buckets([tokens()], 0.0, headers=False)
    answered(buckets, 1.0, buckets.reserve(1.0, 100.0), remaining=0)
    assert level_at(buckets, 1.0) == 59_900


def test_a_sample_without_a_level_says_nothing() -> None:
    """A limit alone does not change one that was stated."""
    buckets = begun(tokens())
    buckets.succeeded(1.0, buckets.reserve(1.0, 100.0), HeaderSample(5, None), HeaderSample(30_000, None))
    assert (buckets.levels[0].capacity, level_at(buckets, 1.0)) == (60_000, 59_900)


def test_a_limit_lower_than_stated_only_delays() -> None:
    """Stated 60,000, the server says 30,000: that is a limit beside it, and what is larger goes when it is full."""
    buckets = begun(tokens())
    answered(buckets, 0.0, buckets.reserve(0.0, 1_000.0), remaining=29_000, limit=30_000)
    stated, said = buckets.levels
    assert (stated.rate, stated.capacity, said.rate, said.capacity) == (1_000, 60_000, 500, 30_000)
    assert buckets.wait(0.0, 30_001.0) == (pytest.approx(2.0), "tokens")
    assert buckets.wait(0.0, 60_001.0) == (math.inf, "tokens")
    buckets.wait(1_000.0, 0.0)
    assert said.level == 30_000


def test_what_a_server_says_is_followed_down_and_up() -> None:
    """Until it says as much as was stated, or more: then that alone holds."""
    buckets = begun(tokens())
    for time, limit, levels in ((0.0, 6_000.0, 2), (10.0, 30_000.0, 2), (20.0, 60_000.0, 1), (30.0, 90_000.0, 1)):
        answered(buckets, time, buckets.reserve(time, 0.0), remaining=5_000, limit=limit)
        assert [level.capacity for level in buckets.levels] == [60_000, pytest.approx(limit)][:levels]
        assert buckets.levels[-1].level <= 60_000


def test_a_limit_higher_than_stated_may_only_lower() -> None:
    """We were told to use a tenth: 500,000 that remain raise nothing, and 1,000 that remain are all there is."""
    buckets = begun(tokens())
    buckets.close(buckets.reserve(0.0, 50_000.0))
    answered(buckets, 10.0, buckets.reserve(10.0, 0.0), remaining=500_000, limit=600_000)
    level = buckets.levels[0]
    assert (level.capacity, level.rate, level_at(buckets, 10.0)) == (60_000, 1_000, 20_000)
    answered(buckets, 11.0, buckets.reserve(11.0, 0.0), remaining=1_000, limit=600_000)
    assert level_at(buckets, 11.0) == 1_000


def test_a_limit_that_was_stated_per_second_is_kept_by_the_second() -> None:
    """The server says that 50,000 of 60,000 a minute remain: it would take them, and yet only 1,000 go at once."""
    buckets = begun(tokens(1_000, seconds=1.0))
    buckets.close(buckets.reserve(10.0, 1_000.0))
    answered(buckets, 10.3, buckets.reserve(10.2, 0.0), remaining=50_000, limit=60_000)
    (level,) = buckets.levels
    assert (level.rate, level.capacity) == (1_000, 1_000)
    assert level_at(buckets, 60.0) == 1_000


def test_a_window_that_looked_short_grows_to_what_was_stated_and_no_further() -> None:
    """Once 900 seemed to be all that it holds; then 40,000 remain: it holds as much, and 60,000 at most."""
    buckets = begun(tokens())
    buckets.succeeded(0.1, buckets.reserve(0.0, 100.0), NOTHING, HeaderSample(60_000, 900, 0.1))
    buckets.succeeded(9.1, buckets.reserve(9.0, 0.0), NOTHING, HeaderSample(60_000, 40_000, 20.0))
    assert buckets.levels[0].capacity == 40_000
    buckets.succeeded(40.1, buckets.reserve(40.0, 0.0), NOTHING, HeaderSample(60_000, 60_000, 0.0))
    assert buckets.levels[0].capacity == 60_000


def test_a_limit_per_minute_may_be_enforced_by_the_second() -> None:
    """900 of 60,000 remain, and it is full in a tenth of a second: what is full holds 1,000, a second's worth."""
    buckets = begun(tokens())
    said = HeaderSample(60_000, 900, 0.1)
    buckets.succeeded(0.1, buckets.reserve(0.0, 100.0), NOTHING, said)
    (level,) = buckets.levels
    assert (round(level.capacity), level.rate, level.limit) == (1_000, 1_000, 60_000)
    assert level_at(buckets, 100.0) == pytest.approx(1_000)
    assert buckets.wait(100.0, 5_000.0) == (0.0, None)


def test_of_two_limits_the_nearest_is_meant() -> None:
    """600 a minute and 10,000 a day: what is said of 10,000 corrects that one only."""
    buckets = begun(requests(), requests(10_000, seconds=86_400))
    answered(buckets, 10.0, buckets.reserve(10.0, 0.0), remaining=50, limit=10_000)
    assert [round(level.level) for level in buckets.levels] == [599, 50]
    answered(buckets, 20.0, buckets.reserve(20.0, 0.0), remaining=70, limit=600)
    assert [round(level.level) for level in buckets.levels] == [70, 50]
