"""Whatever happens in whatever order: never above the budget, nothing lost, nobody overtaken, nobody left behind.

A machine drives the real `Limiter` on virtual time, and keeps books of its own: an account for each key and scope that
holds what the server would hold, to the token, and a list for each job in the order of arrival.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence

import attrs
import pytest
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from openai_async import QuotaExhaustedError
from openai_async._limits.limiter import AcquireRequest, Limiter, Permit
from openai_async._limits.queue import PRIORITIES, Priority
from openai_async.testing import VirtualClockLoop
from openai_async.types.meta import Bucket, RateLimits
from tests.properties.accounts import FATES, LEAST, ROUNDING, TERMS, Caller, Fate, Tally, Terms, unanswered

arrivals = st.lists(
    st.tuples(
        st.sampled_from(["a", "a", "b"]),
        st.sampled_from(PRIORITIES),
        st.sampled_from(["first", "second"]),
        st.sampled_from([0.001, 0.01, 0.1, 0.5, 1.0]),  # part of the largest request that fits
        st.sampled_from(["sent", "sent", "sent", "unsent", "refused"]),
    ),
    min_size=1,
    max_size=6,
)
which = st.integers(0, 1_000)  # one of those there are


class Traffic(RuleBasedStateMachine):
    """Servers that say nothing of their limits: what was stated is all that is known."""

    headers = False
    late = False  # what is never sent is given back at once

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualClockLoop()
        self.accounts: dict[tuple[str, int], list[Tally]] = {}
        self.holds: dict[tuple[str, int], float] = {}
        self.lines: dict[tuple[str, Priority, object], list[Caller]] = {}
        self.out: list[Caller] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.aside: set[int] = set()
        self.sound = True
        self.refusals = 0
        self.blurred = False  # a request that is never sent was out for a while: its charge hid what flowed over
        self.granted = asyncio.Event()
        self.served: Counter[str] = Counter()

    @initialize(
        terms=st.sampled_from(TERMS),
        most=st.none() | st.integers(1, 8),
        keys=st.integers(1, 2),
        fates=st.sampled_from(FATES),
        warm=st.booleans(),
    )
    def begin(self, terms: Terms, most: int | None, keys: int, fates: tuple[Fate, ...], warm: bool) -> None:
        self.terms, self.keys, self.most, self.fates, self.warm = terms, keys, most, fates, warm
        self.largest = min([capacity for kind, capacity, _ in terms.levels if kind == "tokens"], default=100.0)
        self.limiter = Limiter(most, terms.stated, keys)
        self.do(self.limiter.now)  # its clock begins with the loop's
        for scope in ["a"] * keys + ["b"] * keys if warm else []:
            self.come(AcquireRequest(scope, 1.0), "sent")
            self.do(seconds=LEAST)
            self.loop.run_until_complete(self.finish([*self.out]))
            self.do(seconds=120.0)

    def teardown(self) -> None:
        try:
            if hasattr(self, "limiter") and self.sound:
                self.loop.run_until_complete(self.leave_all())
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(self.told())
            self.loop.close()

    async def told(self) -> None:
        """Nothing that failed goes unheard."""
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # -- the world ---------------------------------------------------------------------------------------------

    def do(self, act: Callable[[], object] = lambda: None, *, seconds: float = 0.0) -> None:
        """Something happens in one turn of the loop, then time passes, and everybody comes as far as they can."""

        async def turn() -> None:
            act()
            await self.pause(seconds)

        self.loop.run_until_complete(turn())

    async def pause(self, seconds: float = 0.0) -> None:
        if seconds and any(caller.fate == "unsent" for caller in self.out):
            self.blurred = True
        await asyncio.sleep(seconds)
        for _ in range(8):
            await asyncio.sleep(0)
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.remove(task)
            self.sound = self.sound and task.exception() is None
            task.result()

    @property
    def waiting(self) -> list[Caller]:
        return [caller for line in self.lines.values() for caller in line]

    def come(self, request: AcquireRequest, fate: Fate) -> Caller:
        caller = Caller(request, fate)
        line = self.lines.setdefault(caller.job, [])
        line.insert(0 if request.is_retry else len(line), caller)
        caller.task = self.loop.create_task(self.call(caller))
        self.tasks.append(caller.task)
        return caller

    async def call(self, caller: Caller) -> None:
        line = self.lines[caller.job]
        try:
            permit = await self.limiter.acquire(caller.request)
            granted_and_not_awake = self.limiter.in_flight - len(self.out) - 1
            assert line.index(caller) <= granted_and_not_awake, "overtaken by a later one of its job"
            caller.permit, caller.granted_at = permit, self.loop.time()
            self.admit(caller, permit, (caller.request.scope, permit.key))
            self.granted.set()
            self.served[caller.request.scope] += 1
            if caller.fate == "unsent" and not self.late:
                permit.end(sent=False)
            else:
                self.out.append(caller)
        except asyncio.CancelledError:
            pass
        except QuotaExhaustedError:
            if len(self.aside) < self.keys:
                raise
        finally:
            line.remove(caller)

    def admit(self, caller: Caller, permit: Permit, whose: tuple[str, int]) -> None:
        """The request reaches the server at once, or never."""
        assert permit.key not in self.aside
        assert caller.granted_at >= self.holds.get(whose, -1.0) - 1e-9, "sent before a Retry-After was over"
        tallies = self.account(*whose)
        if caller.fate != "unsent":
            tokens = caller.request.tokens if caller.fate == "sent" else 0.0
            for tally in tallies:
                tally.charge(caller.granted_at, 1.0 if tally.kind == "requests" else tokens)
            if self.headers:
                last = {tally.kind: tally.stated() for tally in tallies}
                caller.limits = RateLimits(last.get("requests", Bucket()), last.get("tokens", Bucket()))

    def account(self, scope: str, key: int) -> list[Tally]:
        if (scope, key) not in self.accounts:
            self.accounts[scope, key] = [Tally(*level) for level in self.terms.levels]
        return self.accounts[scope, key]

    def respond(self, caller: Caller) -> None:
        """The answer, if it is still due."""
        if caller.fate == "refused" and not caller.answered:
            self.refuse(caller, None)
        elif caller.fate == "sent" and not caller.answered:
            self.answer(caller)

    def end(self, caller: Caller, used: float = 1.0) -> None:
        """The end of a request, and an end too many."""
        permit = caller.permit
        assert permit is not None
        self.out.remove(caller)
        now, tokens = self.loop.time(), used * caller.request.tokens
        if caller.fate == "sent" and self.terms.stated.accounting == "settle":
            for tally in self.account(caller.request.scope, permit.key):
                tally.refill(now)
                tally.held = min(tally.capacity, tally.held + caller.request.tokens - tokens)
        if caller.fate == "unsent":
            for tally in self.account(caller.request.scope, permit.key):
                tally.taken_back(now, 1.0 if tally.kind == "requests" else caller.request.tokens, caller.granted_at)
        permit.end(tokens=tokens if caller.fate == "sent" else None, sent=caller.fate != "unsent")
        permit.end(sent=False)

    async def finish(self, callers: Sequence[Caller], used: float = 1.0) -> None:
        """One thing a turn: whoever is served by it is admitted before the next."""
        for caller in callers:
            self.respond(caller)
            await self.pause()
            self.end(caller, used)
            await self.pause()

    def due(self, fate: Fate) -> list[Caller]:
        """Those who wait for their answer."""
        return [caller for caller in self.out if caller.fate == fate and not caller.answered]

    def cancel(self, caller: Caller) -> None:
        assert caller.task is not None
        caller.task.cancel()

    def answer(self, caller: Caller) -> None:
        assert caller.permit is not None
        caller.answered = True
        caller.permit.answered(caller.limits if caller.permit.samples else None)

    def refuse(self, caller: Caller, retry_after: float | None) -> None:
        assert caller.permit is not None
        caller.answered = True
        self.refusals += 1
        whose = caller.request.scope, caller.permit.key
        for tally in self.account(*whose):
            tally.taken_back(
                self.loop.time(), caller.request.tokens if tally.kind == "tokens" else 0.0, caller.granted_at
            )
        self.holds[whose] = max(self.holds.get(whose, 0.0), self.loop.time() + (retry_after or 0.0))
        caller.permit.refused(caller.limits, retry_after)

    # -- what happens ------------------------------------------------------------------------------------------

    @rule(some=arrivals)
    def arrive(self, some: Sequence[tuple[str, Priority, str, float, Fate]]) -> None:
        for scope, priority, job, part, fate in some:
            self.come(AcquireRequest(scope, part * self.largest, priority, job), fate if fate in self.fates else "sent")
        self.do()

    @rule(seconds=st.sampled_from([0.002, 0.1, 0.5, 1.0, 3.0, 20.0, 90.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(seconds=seconds)

    @precondition(lambda self: self.out)
    @rule(number=which, used=st.sampled_from([0.1, 1.0]))
    def one_ends(self, number: int, used: float) -> None:
        self.do(seconds=LEAST)
        self.loop.run_until_complete(self.finish([self.out[number % len(self.out)]], used))

    @precondition(lambda self: self.out)
    @rule(used=st.sampled_from([0.5, 1.0]))
    def all_end(self, used: float) -> None:
        self.do(seconds=LEAST)
        self.loop.run_until_complete(self.finish([*self.out], used))

    @precondition(lambda self: self.due("sent"))
    @rule(number=which)
    def one_is_answered(self, number: int) -> None:
        self.do(seconds=LEAST)
        due = self.due("sent")
        self.do(lambda: self.answer(due[number % len(due)]))

    @precondition(lambda self: self.due("refused"))
    @rule(number=which, retry_after=st.sampled_from([None, 0.5, 5.0]), is_retry=st.booleans())
    def one_is_refused(self, number: int, retry_after: float | None, is_retry: bool) -> None:
        self.do(seconds=LEAST)
        due = self.due("refused")
        caller = due[number % len(due)]
        self.do(lambda: self.refuse(caller, retry_after))
        self.do(lambda: self.end(caller))
        if is_retry:
            self.come(attrs.evolve(caller.request, is_retry=True), "sent")
            self.do()

    @precondition(lambda self: self.waiting)
    @rule(number=which)
    def one_is_cancelled(self, number: int) -> None:
        self.do(lambda: self.cancel(self.waiting[number % len(self.waiting)]))

    @precondition(lambda self: self.out and self.waiting)
    @rule(number=which, count=st.integers(1, 6))
    def some_are_cancelled_as_they_are_served(self, number: int, count: int) -> None:
        """A permit ends, which serves those who wait; they are cancelled before they know."""
        ends = self.out[number % len(self.out)]

        def act() -> None:
            self.end(ends)
            for caller in self.waiting[:count]:
                self.cancel(caller)

        self.do(seconds=LEAST)
        self.do(lambda: self.respond(ends))
        self.do(act)

    @rule(key=st.integers(0, 1))
    def a_key_is_set_aside(self, key: int) -> None:
        if key < self.keys:
            self.aside.add(key)
            self.do(lambda: self.limiter.set_aside(key))

    @rule()
    def keys_are_enabled(self) -> None:
        self.aside.clear()
        self.do(self.limiter.enable)

    @precondition(lambda self: self.waiting)
    @rule(number=which)
    def a_rush(self, number: int) -> None:
        """Interactive calls keep coming: whoever waits is served all the same, be it large, or of the last class."""
        self.loop.run_until_complete(self.rush(self.waiting[number % len(self.waiting)]))

    async def rush(self, caller: Caller) -> None:
        scope = caller.request.scope
        waiting = sum(other.request.scope == scope for other in self.waiting)
        begun = self.served[scope]
        while caller.permit is None:
            self.granted.clear()
            await self.finish([*self.out])
            while len(self.lines.setdefault((scope, "interactive", "rush"), [])) < 2:
                self.come(AcquireRequest(scope, 0.02 * self.largest, "interactive", "rush"), "sent")
            await asyncio.wait_for(self.granted.wait(), self.patience())
            await self.pause(LEAST)
            # Every tenth turn serves one of those who were there.
            assert self.served[scope] - begun <= 10 * (waiting + 2), "starved"

    def patience(self) -> float:
        """Seconds in which somebody goes once nothing is out: until every gate is open, then what the largest needs."""
        now = self.loop.time()
        hold = max([hold + 0.05 - now for hold in self.holds.values()], default=0.0)
        share = 0.05 if self.headers else max(0.05, 0.9**self.refusals)
        return max(0.0, hold) + max(2 * capacity / rate for _, capacity, rate in self.terms.levels) / share + 1.0

    # -- what holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_books_agree(self) -> None:
        assert self.limiter.in_flight == len(self.out) <= (self.most or math.inf)
        assert self.limiter.waiting == len(self.waiting)

    @invariant()
    def nobody_waits_who_could_go(self) -> None:
        """Another look at the lines serves nobody. (What is long unanswered is held back no more without notice.)"""
        window = min(capacity / rate for _, capacity, rate in self.terms.levels)
        if any(not caller.answered and self.loop.time() - caller.granted_at > window / 2 for caller in self.out):
            return
        waiting = self.limiter.waiting
        self.do(self.limiter.dispatch)
        assert self.limiter.waiting == waiting

    @invariant()
    def no_level_is_above_the_servers(self) -> None:
        """Without headers, ours is the server's, less what is out and will be taken back, or was refused.

        (What is taken back late may bring with it what would have flowed over since: the margins are for that.)
        """
        if self.headers or self.late:
            return
        now = self.loop.time()
        for (scope, key), tallies in self.accounts.items():
            pool = self.limiter.pools(scope)[key]
            pool.wait(now, 0.0)
            for tally, level in zip(tallies, pool.levels, strict=True):
                tally.refill(now)
                assert level.level <= tally.held + tally.slack
                if self.warm and not (self.refusals or self.blurred or any(c.fate != "sent" for c in self.out)):
                    assert level.level >= tally.held - ROUNDING

    async def leave_all(self) -> None:
        """All are cancelled, all ends: once time has passed, every level is full and nothing is held back."""
        for caller in self.waiting:
            self.cancel(caller)
        await self.pause(LEAST)
        await self.finish([*self.out])
        await self.pause(60 * self.patience())
        assert (self.limiter.in_flight, self.limiter.waiting) == (0, 0)
        for scope, key in self.accounts:
            pool = self.limiter.pools(scope)[key]
            assert pool.wait(self.limiter.now(), 0.9 * self.largest) == (0.0, None)
            assert [level.level for level in pool.levels] == [level.capacity for level in pool.levels]
            assert all(abs(out) < ROUNDING for out in unanswered(pool))


class StatedTraffic(Traffic):
    """Servers whose headers say at each answer what they held when they admitted the request."""

    headers = True


class LateTraffic(Traffic):
    """Some requests find out only after a while that they cannot be sent, as when connecting takes too long."""

    late = True


class LateStatedTraffic(StatedTraffic):
    late = True


@pytest.mark.slow
@pytest.mark.timeout(600)  # a failure takes minutes to be made small
@pytest.mark.parametrize("traffic", [Traffic, StatedTraffic, LateTraffic, LateStatedTraffic])
def test_any_traffic(traffic: type[Traffic]) -> None:
    """Whatever the server says or keeps to itself: no window above its budget, no leak, no starving."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    run_state_machine_as_test(traffic, settings=settings(max_examples=80, stateful_step_count=40, phases=phases))


@pytest.mark.parametrize("warm", [False, True])
def test_a_refused_request_teaches_no_refill_that_is_too_fast(warm: bool) -> None:
    """What a refused request did not cost is no refill: the share of the rate that is learned stays what flowed in."""
    machine = StatedTraffic()
    try:
        machine.begin(terms=TERMS[2], most=None, keys=1, fates=FATES[2], warm=warm)
        first = [("a", "interactive", "first", part, fate) for part, fate in ((0.001, "sent"), (0.1, "sent"))]
        machine.arrive([*first, ("a", "interactive", "first", 0.5, "refused")])
        machine.one_is_refused(0, 5.0, True)
        machine.arrive([("a", "interactive", "first", part, "sent") for part in (0.001, 0.5)])
        machine.a_rush(578)
    finally:
        machine.teardown()
