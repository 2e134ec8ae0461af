"""The order of those who wait: first come first served in a job, jobs in turn, classes by rank, and none starves."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from openai_async._limits.queue import PRIORITIES, Line, Priority


def in_order(line: Line[str]) -> list[str]:
    """All of them, as they are served."""
    return [line.take() for _ in range(len(line))]


def test_nobody_waits_at_first() -> None:
    """An empty line has no head, and is empty again after the last one was served."""
    line: Line[str] = Line()
    assert (len(line), line.head()) == (0, None)
    line.join("one", "default", None)
    assert (len(line), line.head()) == (1, "one")
    assert line.take() == "one"
    assert (len(line), line.head()) == (0, None)


def test_first_come_first_served() -> None:
    """Inside a job the order is that of arrival."""
    line: Line[str] = Line()
    for name in "abcde":
        line.join(name, "default", "job")
    assert in_order(line) == [*"abcde"]


def test_jobs_take_turns() -> None:
    """A job that was served goes to the end of its class: two long jobs and a short one go round and round."""
    line: Line[str] = Line()
    for name in ("a1", "a2", "a3", "b1", "b2", "b3", "c1"):
        line.join(name, "batch", name[0])
    assert in_order(line) == ["a1", "b1", "c1", "a2", "b2", "a3", "b3"]


def test_a_job_that_comes_back_stands_at_the_end() -> None:
    """A job that ran empty has no place left: when it waits again, the others go first."""
    line: Line[str] = Line()
    for name in ("a1", "b1", "b2"):
        line.join(name, "default", name[0])
    assert line.take() == "a1"
    line.join("a2", "default", "a")
    assert in_order(line) == ["b1", "a2", "b2"]


def test_higher_classes_go_first() -> None:
    """Interactive before default before batch, whoever came first."""
    line: Line[str] = Line()
    for priority in reversed(PRIORITIES):
        for number in range(2):
            line.join(f"{priority}{number}", priority, None)
    assert in_order(line) == [f"{priority}{number}" for priority in PRIORITIES for number in range(2)]


@pytest.mark.parametrize("lowest", ["default", "batch"])
def test_every_tenth_turn_is_the_lowest_classs(lowest: Priority) -> None:
    """Under endless interactive traffic exactly one turn in ten goes to the one class that waits below it."""
    line: Line[str] = Line()
    for number in range(5):
        line.join(f"low{number}", lowest, None)
    served: list[str] = []
    for number in range(50):
        line.join(f"high{number}", "interactive", None)
        served.append(line.take())
    assert [name for name in served if name.startswith("low")] == [f"low{number}" for number in range(5)]
    turns = [turn for turn, name in enumerate(served) if name.startswith("low")]
    assert {later - earlier for earlier, later in pairwise(turns)} == {10}


def test_no_class_starves() -> None:
    """With endless traffic of all three classes each of them goes on: the middle one, too."""
    line: Line[Priority] = Line()
    served: Counter[Priority] = Counter()
    for number in range(300):
        for priority in PRIORITIES:
            line.join(priority, priority, number)
        served[line.take()] += 1
    assert served["interactive"] > 200
    assert served["batch"] >= 10
    assert served["default"] >= 10


def test_a_retry_goes_before_its_job() -> None:
    """`first` stands before all others of its job, and before the head of it that has not gone yet."""
    line: Line[str] = Line()
    for name in ("a", "b"):
        line.join(name, "default", "job")
    line.join("other", "default", "other job")
    assert line.head() == "a"
    line.join("again", "default", "job", first=True)
    assert line.head() == "again"
    assert in_order(line) == ["again", "other", "a", "b"]


def test_the_head_stays_the_head() -> None:
    """Whose turn it is keeps it, however many of its own class and of lower ones come meanwhile."""
    line: Line[str] = Line()
    line.join("large", "default", "a")
    assert line.head() == "large"
    for number in range(20):
        line.join(f"small{number}", "default", number)
        line.join(f"batch{number}", "batch", number)
        assert line.head() == "large"
    assert line.take() == "large"


def test_a_higher_class_takes_the_turn() -> None:
    """The head gives way to a higher class that comes: it has been promised nothing."""
    line: Line[str] = Line()
    line.join("batch", "batch", None)
    assert line.head() == "batch"
    line.join("now", "interactive", None)
    assert line.head() == "now"
    assert in_order(line) == ["now", "batch"]


def test_the_tenth_turn_is_kept_whoever_comes() -> None:
    """The lowest class's turn is not taken from it by those for whose sake it exists."""
    line: Line[str] = Line()
    line.join("batch", "batch", None)
    for number in range(9):
        line.join(f"high{number}", "interactive", None)
        assert line.take() == f"high{number}"
    assert line.head() == "batch"
    line.join("late", "interactive", None)
    assert in_order(line) == ["batch", "late"]


def test_leaving() -> None:
    """Whoever leaves, from the head or from anywhere, is gone, and the order of the others is as it was."""
    line: Line[str] = Line()
    for name in ("a1", "a2", "a3", "b1"):
        line.join(name, "default", name[0])
    assert line.head() == "a1"
    line.leave("a1", "default", "a")
    assert line.head() == "a2"
    line.leave("b1", "default", "b")
    assert (len(line), in_order(line)) == (2, ["a2", "a3"])


JOBS = ["one", "two", "three"]
steps = st.lists(
    st.tuples(st.sampled_from(["join", "first", "leave", "take", "take"]), st.integers(0, 99)), min_size=10, max_size=60
)


@given(steps=steps, middle=st.booleans())
@settings(max_examples=200)
def test_any_order_of_coming_and_going(steps: list[tuple[str, int]], middle: bool) -> None:
    """A job's order is kept and its head is among the firsts; a class below is served within ten turns each."""
    classes: list[Priority] = ["interactive", "default"] if middle else ["interactive", "batch"]
    line: Line[int] = Line()
    jobs: dict[tuple[Priority, str], list[int]] = {(p, job): [] for p in classes for job in JOBS}
    turns_since_low = 0
    for number, (step, choice) in enumerate(steps):
        place = [*jobs][choice % len(jobs)]
        waiting = [(where, who) for where, line_of_job in jobs.items() for who in line_of_job]
        if step in ("join", "first"):
            jobs[place].insert(0 if step == "first" else len(jobs[place]), number)
            line.join(number, *place, first=step == "first")
        elif step == "leave" and waiting:
            where, who = waiting[choice % len(waiting)]
            jobs[where].remove(who)
            line.leave(who, *where)
        elif step == "take" and waiting:
            head = line.head()
            served = line.take()
            assert served == head
            (where,) = [where for where, who in waiting if who == served]
            assert jobs[where].pop(0) == served
            low_waits = any(where[0] == classes[1] for where, _ in waiting)
            turns_since_low = turns_since_low + 1 if low_waits and where[0] != classes[1] else 0
            assert turns_since_low < 10
        assert len(line) == sum(map(len, jobs.values()))
