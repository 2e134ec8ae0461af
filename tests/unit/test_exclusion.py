"""Sections exclude each other, with one thread and with several, and while the second one comes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from openai_async._limits.exclusion import Exclusion


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_no_two_threads_are_in_a_section_also_when_the_second_comes() -> None:
    """Read, compute and write of a section are one step for all threads, from the first one on."""
    for _ in range(30):
        shared: list[int] = []
        exclusion = Exclusion(lambda shared=shared: shared.append(1))  # type: ignore[misc]
        count = inside = 0

        def section() -> None:
            nonlocal count, inside
            inside += 1
            assert inside == 1
            count = sum((count, 1))
            inside -= 1

        def work(exclusion: Exclusion = exclusion) -> None:
            for _ in range(300):
                exclusion.run(section)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (count, inside) == (1_200, 0)
        assert len(shared) <= 1


@pytest.mark.parametrize("shared", [False, True])
def test_a_section_inside_of_another_comes_after_it(shared: bool) -> None:
    """What a finalizer asks for in the midst of a section is done when that section is over, though it raised."""
    exclusion = Exclusion()
    exclusion.run(int)
    if shared:
        thread = threading.Thread(target=exclusion.run, args=(int,))
        thread.start()
        thread.join()
    order: list[str] = []

    def outer() -> None:
        exclusion.run(order.append, "inner")
        order.append("outer")
        raise KeyError("outer")

    with pytest.raises(KeyError):
        exclusion.run(outer)
    assert order == ["outer", "inner"]
    assert exclusion.run(lambda: 5) == 5


def test_a_second_thread_waits_until_the_first_is_outside() -> None:
    """Also when the first one is in its section, without a lock, as the second comes; its nested work is not lost."""
    exclusion = Exclusion()
    exclusion.run(int)
    order: list[str] = []
    begun = threading.Event()

    def second() -> None:
        begun.set()
        exclusion.run(order.append, "second")

    thread = threading.Thread(target=second)

    def first() -> None:
        thread.start()
        assert begun.wait(60)
        thread.join(0.05)  # give it time to come, and to be wrong
        exclusion.run(order.append, "nested")
        order.append("first")

    exclusion.run(first)
    thread.join(60)
    assert order[0] == "first"
    assert sorted(order[1:]) == ["nested", "second"]
