"""The order of those who wait: first come first served in a job, jobs in turn, classes by rank, and none starves."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from openai_async._limits.queue import PRIORITIES, Priority, WaitQueue


def in_order(line: WaitQueue[str]) -> list[str]:
    """All of them, as they are served."""
    return [line.dequeue() for _ in range(len(line))]


def test_nobody_waits_at_first() -> None:
    """An empty line has no head, and is empty again after the last one was served."""
    line: WaitQueue[str] = WaitQueue()
    assert (len(line), line.head()) == (0, None)
    line.enqueue("one", "default", None)
    assert (len(line), line.head()) == (1, "one")
    assert line.dequeue() == "one"
    assert (len(line), line.head()) == (0, None)


def test_first_come_first_served() -> None:
    """Inside a job the order is that of arrival."""
    line: WaitQueue[str] = WaitQueue()
    for name in "abcde":
        line.enqueue(name, "default", "job")
    assert in_order(line) == [*"abcde"]


def test_jobs_take_turns() -> None:
    """A job that was served goes to the end of its class: two long jobs and a short one go round and round."""
    line: WaitQueue[str] = WaitQueue()
    for name in ("a1", "a2", "a3", "b1", "b2", "b3", "c1"):
        line.enqueue(name, "batch", name[0])
    assert in_order(line) == ["a1", "b1", "c1", "a2", "b2", "a3", "b3"]


def test_a_job_that_comes_back_stands_at_the_end() -> None:
    """A job that ran empty has no place left: when it waits again, the others go first."""
    line: WaitQueue[str] = WaitQueue()
    for name in ("a1", "b1", "b2"):
        line.enqueue(name, "default", name[0])
    assert line.dequeue() == "a1"
    line.enqueue("a2", "default", "a")
    assert in_order(line) == ["b1", "a2", "b2"]


def test_higher_classes_go_first() -> None:
    """Interactive before default before batch, whoever came first."""
    line: WaitQueue[str] = WaitQueue()
    for priority in reversed(PRIORITIES):
        for number in range(2):
            line.enqueue(f"{priority}{number}", priority, None)
    assert in_order(line) == [f"{priority}{number}" for priority in PRIORITIES for number in range(2)]


@pytest.mark.parametrize("lowest", ["default", "batch"])
def test_every_tenth_turn_is_the_lowest_classs(lowest: Priority) -> None:
    """Under endless interactive traffic exactly one turn in ten goes to the one class that waits below it."""
    line: WaitQueue[str] = WaitQueue()
    for number in range(5):
        line.enqueue(f"low{number}", lowest, None)
    served: list[str] = []
    for number in range(50):
        line.enqueue(f"high{number}", "interactive", None)
        served.append(line.dequeue())
    assert [name for name in served if name.startswith("low")] == [f"low{number}" for number in range(5)]
    turns = [turn for turn, name in enumerate(served) if name.startswith("low")]
    assert {later - earlier for earlier, later in pairwise(turns)} == {10}


def test_no_class_starves() -> None:
    """With endless traffic of all three classes each of them goes on: the middle one, too."""
    line: WaitQueue[Priority] = WaitQueue()
    served: Counter[Priority] = Counter()
    for number in range(300):
        for priority in PRIORITIES:
            line.enqueue(priority, priority, number)
        served[line.dequeue()] += 1
    assert served["interactive"] > 200
    assert served["batch"] >= 10
    assert served["default"] >= 10


def test_a_retry_goes_before_its_job() -> None:
    """`first` stands before all others of its job, and before the head of it that has not gone yet."""
    line: WaitQueue[str] = WaitQueue()
    for name in ("a", "b"):
        line.enqueue(name, "default", "job")
    line.enqueue("other", "default", "other job")
    assert line.head() == "a"
    line.enqueue("again", "default", "job", first=True)
    assert line.head() == "again"
    assert in_order(line) == ["again", "other", "a", "b"]


def test_the_head_stays_the_head() -> None:
    """Whose turn it is keeps it, however many of its own class and of lower ones come meanwhile."""
    line: WaitQueue[str] = WaitQueue()
    line.enqueue("large", "default", "a")
    assert line.head() == "large"
    for number in range(20):
        line.enqueue(f"small{number}", "default", number)
        line.enqueue(f"batch{number}", "batch", number)
        assert line.head() == "large"
    assert line.dequeue() == "large"


def test_a_higher_class_takes_the_turn() -> None:
    """The head gives way to a higher class that comes: it has been promised nothing."""
    line: WaitQueue[str] = WaitQueue()
    line.enqueue("batch", "batch", None)
    assert line.head() == "batch"
    line.enqueue("now", "interactive", None)
    assert line.head() == "now"
    assert in_order(line) == ["now", "batch"]


def test_the_tenth_turn_is_kept_whoever_comes() -> None:
    """The lowest class's turn is not taken from it by those for whose sake it exists."""
    line: WaitQueue[str] = WaitQueue()
    line.enqueue("batch", "batch", None)
    for number in range(9):
        line.enqueue(f"high{number}", "interactive", None)
        assert line.dequeue() == f"high{number}"
    assert line.head() == "batch"
    line.enqueue("late", "interactive", None)
    assert in_order(line) == ["batch", "late"]


def test_leaving() -> None:
    """Whoever leaves, from the head or from anywhere, is gone, and the order of the others is as it was."""
    line: WaitQueue[str] = WaitQueue()
    for name in ("a1", "a2", "a3", "b1"):
        line.enqueue(name, "default", name[0])
    assert line.head() == "a1"
    line.cancel("a1", "default", "a")
    assert line.head() == "a2"
    line.cancel("b1", "default", "b")
    assert (len(line), in_order(line)) == (2, ["a2", "a3"])


JOBS = ["one", "two", "three"]
steps = st.lists(
    st.tuples(st.sampled_from(["join", "first", "leave", "take", "take"]), st.integers(0, 99)), min_size=10, max_size=60
)


@pytest.mark.slow
@given(steps=steps, middle=st.booleans())
@settings(max_examples=200)
def test_any_order_of_coming_and_going(steps: list[tuple[str, int]], middle: bool) -> None:
    """A job's order is kept and its head is among the firsts; a class below is served within ten turns each."""
    classes: list[Priority] = ["interactive", "default"] if middle else ["interactive", "batch"]
    line: WaitQueue[int] = WaitQueue()
    jobs: dict[tuple[Priority, str], list[int]] = {(p, job): [] for p in classes for job in JOBS}
    turns_since_low = 0
    for number, (step, choice) in enumerate(steps):
        place = [*jobs][choice % len(jobs)]
        waiting = [(where, who) for where, line_of_job in jobs.items() for who in line_of_job]
        if step in ("join", "first"):
            jobs[place].insert(0 if step == "first" else len(jobs[place]), number)
            line.enqueue(number, *place, first=step == "first")
        elif step == "leave" and waiting:
            where, who = waiting[choice % len(waiting)]
            jobs[where].remove(who)
            line.cancel(who, *where)
        elif step == "take" and waiting:
            head = line.head()
            served = line.dequeue()
            assert served == head
            (where,) = [where for where, who in waiting if who == served]
            assert jobs[where].pop(0) == served
            low_waits = any(where[0] == classes[1] for where, _ in waiting)
            turns_since_low = turns_since_low + 1 if low_waits and where[0] != classes[1] else 0
            assert turns_since_low < 10
        assert len(line) == sum(map(len, jobs.values()))
