"""Who may send when: slots, rate limits, keys, order; and that cancelling loses nothing."""

from __future__ import annotations

import asyncio
import gc
import random

import anyio
import pytest

from openai_async import ConfigurationError, QuotaExhaustedError, RateLimit, RequestExceedsLimitError
from openai_async._limits.limiter import AcquireRequest, Limiter, Permit
from openai_async.testing import run_virtual
from openai_async.types.meta import Bucket, RateLimits
from tests.properties.accounts import unanswered

NONE = RateLimits()


async def settled() -> None:
    """Every task has come as far as it can."""
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


# ---- slots


async def test_permits_are_bounded_and_go_out_in_order() -> None:
    """Never more than the bound; a freed slot goes to whoever came first."""
    limiter = Limiter(2)
    served: list[int] = []
    permits: list[Permit] = []

    async def one(number: int) -> None:
        permits.append(await limiter.acquire(AcquireRequest()))
        served.append(number)

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(one, number)
            await settled()
        assert (served, limiter.in_flight, limiter.waiting) == ([0, 1], 2, 4)
        assert limiter.waiting_for() == {"slot": 4}
        while limiter.in_flight:
            permits.pop(0).end()
            await settled()
            assert limiter.in_flight <= 2
    assert served == [0, 1, 2, 3, 4, 5]


async def test_a_cancelled_waiter_leaves_the_line() -> None:
    """Its place goes to the next one, and no permit is lost."""
    limiter = Limiter(1)
    held = await limiter.acquire(AcquireRequest())
    with anyio.move_on_after(0):
        await limiter.acquire(AcquireRequest())
    assert (limiter.in_flight, limiter.waiting) == (1, 0)
    held.end()
    (await limiter.acquire(AcquireRequest())).end()
    assert limiter.in_flight == 0


async def test_a_permit_that_was_granted_to_a_cancelled_waiter_goes_on() -> None:
    """Cancelled in the turn in which it is served: the permit is given back exactly once."""
    limiter = Limiter(1)
    held = await limiter.acquire(AcquireRequest())
    scope = anyio.CancelScope()

    async def wait() -> None:
        with scope:
            permit = await limiter.acquire(AcquireRequest())
            permit.end()  # an asyncio task that is served already is not cancelled any more

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await settled()
        held.end()  # serves the waiter, which has not run yet
        scope.cancel()
    assert limiter.in_flight == 0


async def test_a_permit_ends_once() -> None:
    """A second `end` changes nothing."""
    limiter = Limiter(2)
    first, _ = await limiter.acquire(AcquireRequest()), await limiter.acquire(AcquireRequest())
    first.end()
    first.end()
    assert limiter.in_flight == 1


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_random_cancels_leave_the_levels_as_they_began(count: int) -> None:
    """Waiters cancelled, before and as they are served, and permits given back unsent: every level is full at once.

    No time passes, so nothing flows in that could hide a charge that was lost, or taken back twice: a level below the
    full one is a leak, and one request of 1,000 that was sent first keeps the levels from overflowing.
    """

    async def main() -> None:
        limiter = Limiter(5, RateLimit(requests_per_minute=1_000, tokens_per_minute=1_000_000))
        chance = random.Random(count)
        (await limiter.acquire(AcquireRequest("/chat m", tokens=1_000))).end()

        async def one() -> None:
            permit = await limiter.acquire(AcquireRequest("/chat m", tokens=chance.randint(1, 500)))
            try:
                for _ in range(chance.randint(0, 3)):
                    await anyio.lowlevel.checkpoint()
            finally:
                permit.end(sent=False)

        tasks: list[asyncio.Task[None]] = []
        for _ in range(count):
            tasks.append(asyncio.ensure_future(one()))
            if chance.random() < 0.3:
                await anyio.lowlevel.checkpoint()
            if chance.random() < 0.4:
                chance.choice(tasks[-10:]).cancel()
        await asyncio.wait(tasks)
        assert {task.cancelled() for task in tasks} == {True, False}
        assert (limiter.now(), limiter.in_flight, limiter.waiting) == (0.0, 0, 0)
        requests, tokens = limiter.pools("/chat m")[0].levels
        assert [requests.level, tokens.level] == pytest.approx([999, 999_000], abs=1e-6)
        assert unanswered(limiter.pools("/chat m")[0]) == pytest.approx([0, 0], abs=1e-6)

    run_virtual(main)


# ---- rate limits, in virtual time


def admitted_at(limit: RateLimit, requests: list[AcquireRequest]) -> list[float]:
    """When each of the asks is admitted, all of them asking at once."""
    times: list[float] = []

    async def main() -> None:
        limiter = Limiter(None, limit)
        begin = limiter.now()

        async def one(request: AcquireRequest) -> None:
            permit = await limiter.acquire(request)
            times.append(limiter.now() - begin)
            permit.answered(NONE)
            permit.end()

        async with anyio.create_task_group() as group:
            for request in requests:
                group.start_soon(one, request)

    run_virtual(main)
    return times


def test_requests_go_at_the_rate_after_the_first_burst() -> None:
    """Ten a second: the hundred and first second's worth is spread evenly, and all is used."""
    times = admitted_at(RateLimit(requests_per_second=10), [AcquireRequest("f")] * 60)
    for index, time in enumerate(times):
        assert time >= (index + 1 - 10) / 10 - 1e-6  # never above the budget of any window
    assert times[-1] <= 1.1 * 5.0 + 0.5


def test_tokens_are_counted_too() -> None:
    """With 1,000 tokens a second, twenty requests of 200 need three seconds beyond the first burst."""
    times = admitted_at(RateLimit(tokens_per_second=1_000), [AcquireRequest("f", tokens=200)] * 20)
    assert times[-1] >= 3.0 - 1e-6
    assert times[-1] <= 4.0


def test_a_large_request_is_not_overtaken_for_ever() -> None:
    """The head of the line holds its turn: small ones behind it wait."""
    requests = [AcquireRequest("f", tokens=900), AcquireRequest("f", tokens=900), *[AcquireRequest("f", tokens=10)] * 5]
    order: list[float] = []

    async def main() -> None:
        limiter = Limiter(None, RateLimit(tokens_per_second=1_000))

        async def one(request: AcquireRequest) -> None:
            permit = await limiter.acquire(request)
            order.append(request.tokens)
            permit.answered(NONE)
            permit.end()

        async with anyio.create_task_group() as group:
            for request in requests:
                group.start_soon(one, request)

    run_virtual(main)
    assert order[:2] == [900, 900]


async def test_a_request_that_can_never_fit_fails_at_once() -> None:
    """Larger than the limit itself: an error that says so, and nobody waits for ever."""
    limiter = Limiter(None, RateLimit(tokens_per_minute=1_000))
    with pytest.raises(RequestExceedsLimitError, match="about 1001 tokens, and the limit is 1000"):
        await limiter.acquire(AcquireRequest("f", tokens=1_001))
    assert (limiter.in_flight, limiter.waiting) == (0, 0)


def test_a_retry_after_holds_back_everybody() -> None:
    """After a 429 nothing is sent before the server's delay is over, by anybody."""

    async def main() -> float:
        limiter = Limiter(None, RateLimit(requests_per_second=100))
        permit = await limiter.acquire(AcquireRequest("f"))
        begin = limiter.now()
        permit.refused(NONE, 3.0)
        permit.end()
        waiting = asyncio.ensure_future(limiter.acquire(AcquireRequest("f")))
        await settled()
        assert limiter.waiting_for() == {"retry-after": 1}
        (await waiting).end()
        return limiter.now() - begin

    assert 3.0 <= run_virtual(main) <= 3.3  # a tenth more, so that not all processes come back together


def test_headers_pull_the_level_down() -> None:
    """Somebody else has used the quota: the next reply's headers say so, and the rest waits."""

    async def main() -> float:
        limiter = Limiter(None, RateLimit(requests_per_minute=60))
        permit = await limiter.acquire(AcquireRequest("f"))
        await anyio.sleep(0.5)
        begin = limiter.now()
        permit.answered(RateLimits(requests=Bucket(limit=60, remaining=0)))
        permit.end()
        (await limiter.acquire(AcquireRequest("f"))).end()
        return limiter.now() - begin

    assert run_virtual(main) >= 0.5


def test_limits_are_learned_from_the_first_reply() -> None:
    """With "auto" a few requests go blind; then the stated limits hold."""

    async def main() -> tuple[int, float]:
        limiter = Limiter(None, "auto")
        first = [await limiter.acquire(AcquireRequest("f")) for _ in range(16)]
        waiting = asyncio.ensure_future(limiter.acquire(AcquireRequest("f")))
        await settled()
        assert limiter.waiting_for() == {"limits": 1}
        first[0].answered(RateLimits(requests=Bucket(limit=60, remaining=44, reset=16.0)))
        (await waiting).end()
        (level,) = limiter.pools("f")[0].levels
        return 16, level.rate

    assert run_virtual(main) == (16, 1.0)


def test_a_server_without_limits_is_left_alone() -> None:
    """No headers, nothing to count: after the first reply any number goes at once."""

    async def main() -> int:
        limiter = Limiter(None, "auto")
        (await limiter.acquire(AcquireRequest("f"))).answered(NONE)
        permits = [await limiter.acquire(AcquireRequest("f")) for _ in range(500)]
        return len(permits)

    assert run_virtual(main) == 500


@pytest.mark.slow
def test_time_does_not_stand_still_between_event_loops() -> None:
    """A limiter that moves to another loop goes on from where it was: no second burst, no lost time."""
    limiter = Limiter(None, RateLimit(requests_per_minute=60))

    async def use() -> float:
        for _ in range(10):
            permit = await limiter.acquire(AcquireRequest("f"))
            permit.answered(NONE)
            permit.end()
        return limiter.pools("f")[0].levels[0].level

    first = asyncio.run(use())
    second = asyncio.run(use())
    assert second == pytest.approx(first - 10, abs=1)
    gc.collect()


# ---- keys


async def test_keys_are_taken_in_turn() -> None:
    """Nine calls with three keys: three each, beginning with the first."""
    limiter = Limiter(None, None, keys=3)
    assert [(await limiter.acquire(AcquireRequest())).key for _ in range(9)] == [0, 1, 2] * 3


async def test_the_key_that_can_send_earliest_is_taken() -> None:
    """A key that is held back does not hold up the others."""
    limiter = Limiter(None, RateLimit(requests_per_minute=600), keys=2)
    first = await limiter.acquire(AcquireRequest("f"))
    first.refused(NONE, 60.0)
    first.end()
    assert [(await limiter.acquire(AcquireRequest("f"))).key for _ in range(3)] == [1, 1, 1]


async def test_drained_keys_are_set_aside_and_all_drained_is_an_error() -> None:
    """One drained: the other works on. Both: one clear error, for those who wait, too. Enabled: it goes on."""
    limiter = Limiter(1, None, keys=2)
    held = await limiter.acquire(AcquireRequest())
    assert limiter.set_aside(0)
    held.end()
    held = await limiter.acquire(AcquireRequest())
    assert held.key == 1
    caught: list[BaseException] = []

    async def wait() -> None:
        with pytest.raises(QuotaExhaustedError, match="every key") as error:
            await limiter.acquire(AcquireRequest())
        caught.append(error.value)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await settled()
        assert not limiter.set_aside(1)
    held.end()
    with pytest.raises(QuotaExhaustedError):
        await limiter.acquire(AcquireRequest())
    assert len(caught) == 1
    limiter.enable()
    (await limiter.acquire(AcquireRequest())).end()
    assert (limiter.in_flight, limiter.waiting, limiter.drained) == (0, 0, frozenset())


# ---- order


async def order_of(requests: list[AcquireRequest]) -> list[object]:
    """The jobs of those who wait behind one slot, in the order in which they are served."""
    limiter = Limiter(1)
    held = await limiter.acquire(AcquireRequest())
    served: list[object] = []

    async def one(request: AcquireRequest) -> None:
        permit = await limiter.acquire(request)
        served.append(request.job)
        await anyio.lowlevel.checkpoint()
        permit.end()

    async with anyio.create_task_group() as group:
        for request in requests:
            group.start_soon(one, request)
            await settled()
        held.end()
    return served


async def test_interactive_goes_first_and_batch_is_not_starved() -> None:
    """Higher classes go before lower ones, but every tenth turn is the lowest waiting class's."""
    requests = [AcquireRequest(priority="batch", job="b")] * 3 + [AcquireRequest(priority="interactive", job="i")] * 20
    served = await order_of(requests)
    assert served[:5] == ["i"] * 5
    assert "b" in served[:11]
    assert served.count("b") == 3


async def test_jobs_of_one_class_take_turns() -> None:
    """A second map does not wait for the end of a long first one."""
    served = await order_of([AcquireRequest(job="first")] * 6 + [AcquireRequest(job="second")] * 3)
    assert served[:6] == ["first", "second"] * 3


async def test_a_refused_request_goes_before_its_job() -> None:
    """A retry stands at the head of its job again."""
    served = await order_of([AcquireRequest(job="a"), AcquireRequest(job="a"), AcquireRequest(job="a", is_retry=True)])
    assert len(served) == 3


@pytest.mark.parametrize(
    "limit",
    [
        {"requests_per_minute": 0},
        {"tokens_per_day": -1},
        {"share": 0},
        {"share": 1.5},
        {"requests_per_second": True},
        {"burst": 0},
    ],
)
def test_limits_that_cannot_be_are_refused(limit: dict[str, float]) -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=f"rate_limit.{next(iter(limit))}"):
        RateLimit(**limit)  # type: ignore[arg-type]
