"""Those who wait, while things change around them: keys are drained, limits become known, they are cancelled."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from openai_async import QuotaExhaustedError, RateLimit
from openai_async._limits.limiter import AcquireRequest, Limiter
from openai_async.testing import run_virtual
from openai_async.types.meta import Bucket, RateLimits
from tests.properties.accounts import unanswered

NONE = RateLimits()


async def settled() -> None:
    """Every task has come as far as it can."""
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


def test_a_waiter_cancelled_as_the_last_key_is_drained_is_cancelled() -> None:
    """Not a KeyError: it was let go with an error already when it was cancelled, and is in no line any more."""

    async def main() -> tuple[bool, int]:
        limiter = Limiter(1, None, keys=1)
        await limiter.acquire(AcquireRequest())
        waiter = asyncio.ensure_future(limiter.acquire(AcquireRequest()))
        await settled()
        limiter.set_aside(0)
        waiter.cancel()
        await asyncio.wait([waiter])
        return waiter.cancelled(), limiter.waiting

    assert run_virtual(main) == (True, 0)


@pytest.mark.parametrize("first", ["answered", "refused"])
def test_a_waiter_larger_than_what_a_server_allows_goes_when_that_is_there(first: str) -> None:
    """The server allows less than was stated: that delays one that is larger, and forbids it not."""

    async def main() -> None:
        limiter = Limiter(None, RateLimit(tokens_per_minute=60_000))
        permit = await limiter.acquire(AcquireRequest("f", tokens=60_000))
        large = asyncio.ensure_future(limiter.acquire(AcquireRequest("f", tokens=50_000)))
        small = asyncio.ensure_future(limiter.acquire(AcquireRequest("f", tokens=10)))
        await settled()
        limits = RateLimits(tokens=Bucket(limit=30_000, remaining=0))
        if first == "answered":
            permit.answered(limits)
        else:
            permit.refused(limits, 1.0)
        permit.end()
        (await asyncio.wait_for(large, 62)).end()
        (await asyncio.wait_for(small, 62)).end()

    run_virtual(main)


def test_a_waiter_larger_than_limits_that_were_learned_goes_when_they_are_full() -> None:
    """With "auto" it stood in line before anything was known."""

    async def main() -> None:
        limiter = Limiter(None, "auto")
        permits = [await limiter.acquire(AcquireRequest("f", tokens=10)) for _ in range(16)]
        large = asyncio.ensure_future(limiter.acquire(AcquireRequest("f", tokens=50_000)))
        small = asyncio.ensure_future(limiter.acquire(AcquireRequest("f", tokens=10)))
        await settled()
        permits[0].answered(RateLimits(tokens=Bucket(limit=30_000, remaining=29_840)))
        (await asyncio.wait_for(large, 62)).end()
        (await asyncio.wait_for(small, 62)).end()

    run_virtual(main)


def test_a_waiter_hears_at_once_that_the_last_key_is_drained() -> None:
    """Those of every scope, whatever they wait for; and none of them is counted as waiting after."""

    async def main() -> list[object]:
        limiter = Limiter(None, RateLimit(requests_per_minute=1), keys=2)
        for scope in ("a", "b"):
            for _ in range(2):
                await limiter.acquire(AcquireRequest(scope))
        waiters = [asyncio.ensure_future(limiter.acquire(AcquireRequest(scope))) for scope in ("a", "a", "b")]
        await settled()
        assert limiter.set_aside(1)
        await settled()
        assert limiter.waiting == 3
        assert not limiter.set_aside(0)
        errors: list[object] = await asyncio.gather(*waiters, return_exceptions=True)
        assert (limiter.waiting, limiter.in_flight) == (0, 4)
        return errors

    assert [type(error) for error in run_virtual(main)] == [QuotaExhaustedError] * 3


def test_a_waiter_goes_with_the_key_that_is_enabled() -> None:
    """It waits for a minute of the one key; the other one comes back and takes it at once."""

    async def main() -> tuple[int, float]:
        limiter = Limiter(None, RateLimit(requests_per_minute=1), keys=2)
        limiter.set_aside(1)
        await limiter.acquire(AcquireRequest("f"))
        waiter = asyncio.ensure_future(limiter.acquire(AcquireRequest("f")))
        await settled()
        limiter.enable(1)
        permit = await waiter
        return permit.key, limiter.now()

    key, seconds = run_virtual(main)
    assert key == 1
    assert seconds < 1.0


def test_a_slot_goes_round_among_scopes() -> None:
    """One slot, two models, one of which has much to do: the other's calls go every second time."""

    async def main() -> list[str]:
        limiter, served = Limiter(1), list[str]()
        held = await limiter.acquire(AcquireRequest("a"))

        async def one(scope: str) -> None:
            permit = await limiter.acquire(AcquireRequest(scope))
            served.append(scope)
            await anyio.lowlevel.checkpoint()
            permit.end()

        async with anyio.create_task_group() as group:
            for scope in "aaaaaabbb":
                group.start_soon(one, scope)
            await settled()
            held.end()
        return served

    assert run_virtual(main)[:6] in (["a", "b"] * 3, ["b", "a"] * 3)


@pytest.mark.parametrize(
    "order", ["end, refused", "refused, end", "refused, unsent", "answered, end, unsent", "unsent, end"]
)
def test_a_charge_is_taken_back_once_in_any_order(order: str) -> None:
    """300 of 600 tokens are spent, and 100 more asked for: 300 remain if those were refused or never sent, else 200."""

    async def main() -> float:
        limiter = Limiter(None, RateLimit(tokens_per_minute=600))
        (await limiter.acquire(AcquireRequest("f", tokens=300))).end()
        permit = await limiter.acquire(AcquireRequest("f", tokens=100))
        for step in order.split(", "):
            if step == "refused":
                permit.refused(RateLimits(tokens=Bucket(600, 300)), 0.0)
            elif step == "answered":
                permit.answered(NONE)
            else:
                permit.end(sent=step == "end")
        (level,) = limiter.pools("f")[0].levels
        assert (limiter.in_flight, unanswered(limiter.pools("f")[0])) == (0, [0, 0])
        return level.level

    assert run_virtual(main) == (200 if "answered" in order else 300)
