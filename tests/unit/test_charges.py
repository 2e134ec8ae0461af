"""Sums of charges after a moment, against a list that is simply added up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st

from openai_async._limits.charges import ChargeLog

#: Seconds between entries that are never merged, and exact in binary.
STEP = 1 / 64
#: As many entries as are kept without looking at their age.
MANY = 4_096


class Plain:
    """The same, the slow way: (entry, time, charge), and what is older than the log says it knows is left out."""

    def __init__(self) -> None:
        self.charges: list[tuple[int, float, float]] = []

    def after(self, time: float) -> float:
        return sum(charge for _, when, charge in self.charges if when > time)


def test_sums_are_of_what_comes_strictly_after() -> None:
    """Charges 1, 2 and 4 at seconds 0, 1 and 2: the sum after a moment leaves out what was charged at it."""
    log = ChargeLog(60.0)
    for second, charge in enumerate((1.0, 2.0, 4.0)):
        log.append(float(second), charge)
    assert [log.after(time) for time in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0)] == [7.0, 6.0, 6.0, 4.0, 0.0, 0.0]


def test_an_empty_log_sums_to_nothing() -> None:
    """Before the first charge every sum is 0, and after all were taken back it is 0 again."""
    log = ChargeLog(60.0)
    assert log.after(-math.inf) == 0.0
    number = log.append(5.0, 3.0)
    log.take_back(number, 3.0)
    assert log.after(-math.inf) == 0.0


def test_a_charge_is_taken_back_from_the_sums_that_contain_it_only() -> None:
    """Charges of 1 at seconds 0 to 9; the one of second 4 is taken back: sums that begin at 4 or later stay."""
    log = ChargeLog(60.0)
    numbers = [log.append(float(second), 1.0) for second in range(10)]
    log.take_back(numbers[4], 1.0)
    assert [log.after(second - 0.5) for second in range(10)] == [9, 8, 7, 6, 5, 5, 4, 3, 2, 1]


def test_part_of_an_entry_can_be_taken_back() -> None:
    """Charges of the same moment share an entry; each is taken back by itself."""
    log = ChargeLog(60.0)
    first, second = log.append(1.0, 100.0), log.append(1.0, 10.0)
    assert first == second
    log.take_back(first, 100.0)
    assert log.after(0.0) == 10.0


@given(gaps=st.lists(st.floats(0.0, 0.02), min_size=1, max_size=80), at=st.integers(0, 79))
def test_charges_of_a_few_milliseconds_may_count_as_the_earliest_of_them(gaps: list[float], at: int) -> None:
    """Whatever the spacing, a sum is between the true ones of its moment and of 5 ms later."""
    log, plain = ChargeLog(60.0), Plain()
    time, times = 0.0, list[float]()
    for gap in gaps:
        time += gap
        times.append(time)
        plain.charges.append((log.append(time, 1.0), time, 1.0))
    moment = times[at % len(times)]
    assert plain.after(moment + 0.005) <= log.after(moment) <= plain.after(moment)
    assert log.after(-1.0) == len(gaps)


actions = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 3), st.integers(-50, 1_000)),
        st.tuples(st.just("take back"), st.integers(0, 10_000), st.integers(1, 4)),
        st.tuples(st.just("jump"), st.integers(10, 2_000), st.just(0)),
        st.tuples(st.just("after"), st.integers(-5, 500), st.just(0)),
    ),
    max_size=60,
)


@given(actions=actions, prefilled=st.sampled_from([0, 0, MANY - 20, 2 * MANY - 10]))
@settings(max_examples=150)
def test_any_use_gives_the_sums_of_a_plain_list(actions: list[tuple[str, int, int]], prefilled: int) -> None:
    """Charging, taking back in any order and asking, before and after old entries were dropped: the sums agree."""
    log, plain, time = ChargeLog(horizon=1_000 * STEP), Plain(), 0.0
    for number in range(prefilled):
        time += STEP
        plain.charges.append((log.append(time, float(number % 7)), time, float(number % 7)))
    for action, first, second in actions:
        if action == "append":
            time += first * STEP
            plain.charges.append((log.append(time, float(second)), time, float(second)))
        elif action == "jump":
            time += first * STEP
        elif action == "take back" and plain.charges:
            index = -1 - first % len(plain.charges)
            entry, when, charge = plain.charges[index]
            part = charge / second  # the rest may be taken back later
            plain.charges[index] = (entry, when, charge - part)
            log.take_back(entry, part)
        else:
            moment = max(log.since, time - first * STEP)
            assert log.after(moment) == pytest.approx(plain.after(moment), abs=1e-6)
    moment = max(log.since, -1.0)
    assert log.after(moment) == pytest.approx(plain.after(moment), abs=1e-6)


def test_what_is_older_than_the_horizon_is_dropped_and_stays_gone() -> None:
    """Once there are too many entries, those older than 10 s go; taking one of them back changes no sum."""
    log = ChargeLog(10.0)
    old = [log.append(second / 100, 1.0) for second in range(MANY)]
    assert log.since == -math.inf
    now = MANY / 100
    new = log.append(now, 1.0)
    assert log.since == pytest.approx(now - 10.0)
    assert log.after(-math.inf) == 1_001  # ten seconds' worth, and the new one
    log.take_back(old[0], 1.0)
    assert log.after(-math.inf) == 1_001
    log.take_back(old[-1], 1.0)
    log.take_back(new, 1.0)
    assert log.after(-math.inf) == 999
    assert log.after(now - 1.0) == pytest.approx(98)


def test_memory_is_bounded_by_the_horizon() -> None:
    """A hundred thousand charges with a horizon of 1 s: what is still known never reaches back far."""
    log = ChargeLog(1.0)
    for number in range(100_000):
        log.append(number / 100, 1.0)
    assert log.after(-math.inf) <= MANY + 100


def test_what_is_young_is_kept_however_many_there_are() -> None:
    """Ten thousand charges within the horizon: none is dropped."""
    log = ChargeLog(1_000.0)
    for number in range(10_000):
        log.append(number / 100, 1.0)
    assert log.after(-math.inf) == 10_000
