"""In any schedule of arrivals, work and cancellations, permits are counted exactly and go out in order."""

from __future__ import annotations

import anyio
import attrs
from anyio.lowlevel import checkpoint
from hypothesis import given, settings, strategies as st

from openai_async._limits.limiter import AcquireRequest, Limiter


@attrs.frozen
class Caller:
    """Comes after `arrival` rounds, holds its permit for `work`, and is cancelled in the round `cancelled`, if any."""

    arrival: int
    work: int
    cancelled: int | None


rounds = st.integers(0, 12)
schedules = st.lists(st.builds(Caller, rounds, st.integers(0, 6), st.none() | rounds), max_size=30)


class Hall:
    """A limit, those who want through it, and the books that are kept about them."""

    def __init__(self, limit: int) -> None:
        self.limit = Limiter(limit)
        self.most = limit
        self.inside = 0
        self.asked: list[int] = []
        self.served: list[int] = []
        self.gone: set[int] = set()

    async def pass_through(self, number: int, caller: Caller, scope: anyio.CancelScope) -> None:
        with scope:
            for _ in range(caller.arrival):
                await checkpoint()
            self.asked.append(number)
            try:
                permit = await self.limit.acquire(AcquireRequest())
            except anyio.get_cancelled_exc_class():
                self.gone.add(number)
                raise
            try:
                self.inside += 1
                self.served.append(number)
                self.check(number)
                for _ in range(caller.work):
                    await checkpoint()
            finally:
                self.inside -= 1
                permit.end()

    def check(self, number: int) -> None:
        """One more is inside: there is room for it, and whoever came earlier was handed a permit earlier."""
        assert self.inside <= self.limit.in_flight <= self.most
        earlier = {*self.asked[: self.asked.index(number)]} - {*self.served} - self.gone
        not_awake_yet = self.limit.in_flight - self.inside
        assert len(earlier) <= not_awake_yet

    async def run(self, callers: list[Caller]) -> None:
        scopes = [anyio.CancelScope() for _ in callers]
        async with anyio.create_task_group() as group:
            for number, (caller, scope) in enumerate(zip(callers, scopes, strict=True)):
                group.start_soon(self.pass_through, number, caller, scope)
            for now in range(13):
                for caller, scope in zip(callers, scopes, strict=True):
                    if caller.cancelled == now:
                        scope.cancel()
                await checkpoint()


@given(limit=st.integers(1, 4), callers=schedules)
@settings(max_examples=60)
async def test_every_permit_comes_back(limit: int, callers: list[Caller]) -> None:
    """Never more inside than permits, nobody overtakes, and at the end none is out and nobody waits."""
    hall = Hall(limit)
    await hall.run(callers)
    assert (hall.inside, hall.limit.in_flight, hall.limit.waiting) == (0, 0, 0)
    assert {*hall.served} | hall.gone == {*hall.asked}
    assert {*hall.served} >= {number for number, caller in enumerate(callers) if caller.cancelled is None}
    permits = [await hall.limit.acquire(AcquireRequest()) for _ in range(limit)]
    with anyio.move_on_after(0) as scope:
        await hall.limit.acquire(AcquireRequest())
    assert scope.cancelled_caught
    assert len({*permits}) == hall.limit.in_flight == limit
