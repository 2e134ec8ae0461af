"""Another place where limits are kept is an implementation of `LimitBackend`, and nothing else of the limiter changes.

The one here shares a limit among several limiters, as processes would over a network: a store hands out leases, blocks
of requests that a member may send, and every answer of the store takes time. Time is virtual.
"""

from __future__ import annotations

import asyncio
import gc
import math
import threading
import weakref
from collections.abc import Callable, Sequence

import attrs
import pytest

from openai_async import RateLimit, RequestExceedsLimitError
from openai_async._limits.backend import LimitBackend, LimitPool
from openai_async._limits.levels import RateBucket, Reason
from openai_async._limits.limiter import AcquireRequest, Limiter
from openai_async._limits.pool import InMemory
from openai_async.testing import run_virtual
from openai_async.types.limits import Accounting
from openai_async.types.meta import RateLimits

RATE, BURST, BLOCK, LATENCY = 10.0, 20.0, 5.0, 0.1


@attrs.define
class Store:
    """What members share: one bucket, behind a network."""

    level: float = BURST
    at: float = 0.0
    leases: int = 0

    def lease(self, granted: Callable[[float], object]) -> None:
        """Grant a block once there is one, a round trip later."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.level, self.at = min(BURST, self.level + (now - self.at) * RATE), now
        self.level -= BLOCK
        self.leases += 1
        loop.call_later(LATENCY + max(0.0, -self.level / RATE), granted, BLOCK)


class LeasedPool:
    """What a member may still send of its leases."""

    levels: Sequence[RateBucket] = ()
    settled = True

    def __init__(self, store: Store, wake: Callable[[], object]) -> None:
        self.used = -math.inf
        self.left = 0.0
        self.out = 0
        self._store = store
        self._wake = wake
        self._asked = False

    def wait(self, now: float, tokens: float, *, last_attempt: bool = False) -> tuple[float, Reason | None]:
        if self.left >= 1.0:
            return 0.0, None
        if not self._asked:
            self._asked = True
            self._store.lease(self._granted)
        return math.inf, "requests"

    def _granted(self, block: float) -> None:
        self.left, self._asked = self.left + block, False
        self._wake()

    def reserve(self, now: float, tokens: float, *, last_attempt: bool = False) -> object:
        self.left, self.out, self.used = self.left - 1.0, self.out + 1, now
        return object()

    def cancel(self, now: float, reservation: object) -> None:
        self.left, self.out = self.left + 1.0, self.out - 1

    def ended(self, now: float, reservation: object, tokens: float | None) -> None:
        self.out -= 1

    def samples(self, reservation: object) -> bool:
        return False

    def answered(self, now: float, reservation: object, limits: RateLimits | None) -> None: ...

    def refused(
        self, now: float, reservation: object, limits: RateLimits, *, retry_after: float | None, jitter: float
    ) -> None:
        self.left = 0.0

    def least_wait(self, now: float, tokens: float) -> tuple[float, Reason | None]:
        return 0.0, None

    def fits(self, tokens: float) -> RateBucket | None:
        return RateBucket("tokens", 1.0, 1_000.0) if tokens > 1_000 else None

    def held(self, now: float) -> float:
        return 0.0

    def at_rest(self, now: float) -> bool:
        return not self.out and not self.left


@attrs.define
class Leases:
    """The backend of one member."""

    store: Store
    pools: list[LeasedPool] = attrs.field(factory=list[LeasedPool])

    def pool(
        self,
        scope: str,
        key: int,
        stated: RateLimit | None,
        now: float,
        accounting: Accounting,
        wake: Callable[[], object],
    ) -> LimitPool:
        self.pools.append(LeasedPool(self.store, wake))
        return self.pools[-1]


async def send(limiter: Limiter, sent: list[float], *, seconds: float = 0.05) -> None:
    permit = await limiter.acquire(AcquireRequest("f", 10.0))
    sent.append(asyncio.get_running_loop().time())
    await asyncio.sleep(seconds)
    permit.finish(None, None)


@pytest.mark.parametrize("members", [1, 2, 4])
def test_members_share_one_limit_without_waste_and_without_excess(members: int) -> None:
    """However the work is spread: in no period is more sent than the bucket holds, and all is sent in time."""
    calls = 200

    async def main() -> list[float]:
        store, sent = Store(), list[float]()
        limiters = [Limiter(None, "auto", backend=Leases(store)) for _ in range(members)]
        await asyncio.gather(*(send(limiters[number % members], sent) for number in range(calls)))
        assert all(limiter.in_flight == limiter.waiting == 0 for limiter in limiters)
        assert store.leases <= calls / BLOCK + members
        return sorted(sent)

    sent = run_virtual(main)
    for first, start in enumerate(sent):
        for last in range(first, len(sent)):
            assert last - first + 1 <= BURST + members * BLOCK + (sent[last] - start) * RATE + 1e-6
    assert sent[-1] - sent[0] <= (calls - BURST) / RATE + members * (BLOCK / RATE + LATENCY)


def test_a_cancelled_waiter_and_an_unsent_request_lose_nothing_of_a_lease() -> None:
    """Both leave their place to the next, which goes without another lease."""

    async def main() -> int:
        store, sent = Store(), list[float]()
        limiter = Limiter(None, "auto", backend=Leases(store))
        waiting = [asyncio.ensure_future(limiter.acquire(AcquireRequest("f"))) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        for task in waiting[1:]:
            (await task).end(sent=False)
        await asyncio.gather(*(send(limiter, sent) for _ in range(5)))
        assert len(sent) == 5
        return store.leases

    assert run_virtual(main) == 1


def test_what_a_backend_says_can_never_fit_fails_at_once() -> None:
    """The limiter asks the pool, whatever it is."""

    async def main() -> None:
        limiter = Limiter(None, "auto", backend=Leases(Store()))
        with pytest.raises(RequestExceedsLimitError):
            await limiter.acquire(AcquireRequest("f", 2_000.0))

    run_virtual(main)


def test_a_backend_wakes_a_limiter_from_another_thread() -> None:
    """A lease that arrives in a thread of its own serves those who wait on their loop."""

    class Slow(Store):
        def lease(self, granted: Callable[[float], object]) -> None:
            threading.Thread(target=granted, args=(BLOCK,)).start()

    async def main() -> None:
        limiter, sent = Limiter(None, "auto", backend=Leases(Slow())), list[float]()
        await asyncio.wait_for(asyncio.gather(*(send(limiter, sent, seconds=0.0) for _ in range(12))), 60)
        assert len(sent) == 12

    asyncio.run(main())


def test_a_backend_keeps_no_limiter_alive() -> None:
    """A shared backend outlives its clients; to wake one that is gone does nothing."""
    backend = Leases(Store())

    async def main() -> weakref.ref[Limiter]:
        limiter, sent = Limiter(None, "auto", backend=backend), list[float]()
        await send(limiter, sent)
        return weakref.ref(limiter)

    gone = run_virtual(main)
    gc.collect()
    assert gone() is None
    backend.pools[0]._wake()


def test_the_pool_of_this_process_is_one_implementation() -> None:
    """Checked by the type checkers: these lines are what they look at."""
    backend: LimitBackend = InMemory()
    pool: LimitPool = backend.pool("f", 0, None, 0.0, "admission", lambda: None)
    assert pool.wait(0.0, 1.0) == (0.0, None)
