"""Rate limiters against a simulated server, in virtual time: minutes of traffic in about a second, and repeatable.

The server keeps the buckets that the API documents: full at first, refilled continuously, charged when a request is
admitted; a refused request costs a request and no tokens. Requests take 10 to 120 ms to get there, so they are not
admitted in the order in which they were sent, and what the server says of its buckets is seen when the reply is
complete, seconds later. Clients are the real `Limiter`, and what people use without it: the official SDK's retries
behind a semaphore, `aiolimiter` (the package itself), and the algorithm of the cookbook's parallel script.

What is reported is the time until the last request was admitted, over the least time in which any client can have
all of them admitted (`Cell.bound`), and how many 429s were drawn for each request.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from openai_async import RateLimit
from openai_async._limits.limiter import AcquireRequest, Limiter
from openai_async.testing import VirtualClockLoop
from openai_async.types.limits import StatedLimits
from openai_async.types.meta import Bucket, RateLimits

REQUESTS = 2_000


@dataclass(frozen=True)
class Cell:
    """One condition: what the account allows, and what the clients get wrong."""

    name: str
    requests_per_minute: float = 5_000
    tokens_per_minute: float = 400_000
    #: Seconds of burst: 60 is a bucket that holds a minute's worth.
    window: float = 60.0
    #: Part of the refill that others on the account use.
    others: float = 0.0
    #: Estimates are the true cost times bias +- noise.
    bias: float = 1.0
    noise: float = 0.0
    #: The server gives back what was reserved and not used when a request is complete.
    settles: bool = False
    headers: bool = True
    #: Seconds that a request takes to the server.
    network: tuple[float, float] = (0.01, 0.12)

    def bound(self, jobs: Sequence[Job]) -> float:
        """The least seconds in which the server admits all jobs: what the full buckets do not hold must be refilled.

        Of a server that settles: when it admits the last of them if each goes, in order, the moment it can.
        """
        spare, seconds = 1 - self.others, self.window / 60
        requests = (len(jobs) / self.requests_per_minute - seconds) * 60 / spare
        tokens = (sum(job.cost for job in jobs) / self.tokens_per_minute - seconds) * 60 / spare
        return max(requests, self._least_when_settled(jobs) if self.settles else tokens)

    def _least_when_settled(self, jobs: Sequence[Job]) -> float:
        """What is reserved for a reply and not used comes back when the reply is complete, which takes its time."""
        rate, capacity = self.tokens_per_minute / 60, self.tokens_per_minute * self.window / 60
        now, level = 0.0, capacity
        coming_back: list[tuple[float, float]] = []  # when, and how much
        for job in jobs:
            admitted = now + max(0.0, job.cost - level) / rate
            while coming_back and coming_back[0][0] <= admitted:
                when, tokens = heapq.heappop(coming_back)
                level = min(capacity, level + (when - now) * rate + tokens)
                now, admitted = when, when + max(0.0, job.cost - level) / rate
            level = min(capacity, level + (admitted - now) * rate) - job.cost
            now = admitted
            heapq.heappush(coming_back, (now + job.seconds, job.cost - job.used))
        return now


CELLS = (
    Cell("A exact estimates"),
    Cell("B estimates 15 % low, ±15 %", bias=0.85, noise=0.15),
    Cell("B' estimates 40 % low, ±30 %", bias=0.6, noise=0.3),
    Cell("B2 estimates twice too high", bias=2.0, noise=0.2),
    Cell("C others use 40 %", others=0.4, noise=0.1),
    Cell("C' others use 70 %", others=0.7, noise=0.1),
    Cell("D bound by requests", requests_per_minute=500, tokens_per_minute=6_000_000, noise=0.1),
    Cell("E server settles", settles=True, noise=0.05),
)
SLOW_NETWORK = tuple(replace(cell, name=f"{cell.name}, slow network", network=(0.02, 0.6)) for cell in CELLS)
SHORT_WINDOWS = tuple(
    replace(cell, name=f"{cell.name}, windows of {window} s", window=float(window))
    for window in (10, 1)
    for cell in (CELLS[0], CELLS[1], CELLS[6])
)
NO_HEADERS = tuple(
    replace(cell, name=f"{cell.name}, no headers", headers=False) for cell in (CELLS[0], CELLS[1], CELLS[6])
)
#: For several processes at once.
SEVERAL = (CELLS[0], CELLS[1], CELLS[6])


@dataclass
class Job:
    """One request: what the server charges for it, what the client expects, what it uses in the end; in tokens."""

    cost: float
    estimate: float
    used: float
    seconds: float  # from admission to the whole reply


def jobs_of(cell: Cell, seed: int, count: int = REQUESTS) -> list[Job]:
    """The traffic: prompts of 50 to 600 tokens, up to 256 tokens of output, a log-normal time to answer."""
    draw = random.Random(seed)
    jobs: list[Job] = []
    for _ in range(count):
        prompt = draw.randint(50, 600)
        cost = prompt + 256.0
        used = prompt + float(draw.randint(20, 180))
        estimate = max(1.0, cost * (cell.bias + draw.uniform(-cell.noise, cell.noise)))
        jobs.append(Job(cost, estimate, used, draw.lognormvariate(1.2, 0.6)))
    return jobs


@dataclass(frozen=True)
class Answer:
    """What a client sees of a reply."""

    admitted: bool
    limits: RateLimits
    retry_after: float | None = None


@dataclass
class Server:
    """The buckets of one account."""

    cell: Cell
    seed: int
    admitted: int = 0
    refused: int = 0
    last_admission: float = 0.0
    _now: float = 0.0
    _draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        minutes = self.cell.window / 60
        self.capacity = [self.cell.requests_per_minute * minutes, self.cell.tokens_per_minute * minutes]
        self.rate = [self.cell.requests_per_minute / 60, self.cell.tokens_per_minute / 60]
        self._level = list(self.capacity)

    async def call(self, job: Job) -> Answer:
        """Send a request and read its whole reply."""
        await asyncio.sleep(self._draw.uniform(*self.cell.network))
        wait = self._wait(job)
        if wait > 0.0:
            self.refused += 1
            self._level[0] -= min(1.0, max(0.0, self._level[0]))
            answer = Answer(False, self._limits(), wait)
            await asyncio.sleep(0.15)
            return answer
        self.admitted += 1
        self.last_admission = asyncio.get_running_loop().time()
        self._level[0] -= 1
        self._level[1] -= job.cost
        answer = Answer(True, self._limits())
        await asyncio.sleep(job.seconds)
        if self.cell.settles:
            self._refill()
            self._level[1] = min(self.capacity[1], self._level[1] + job.cost - job.used)
        return answer

    def _wait(self, job: Job) -> float:
        self._refill()
        lacking = (1 - self._level[0], job.cost - self._level[1])
        spare = 1 - self.cell.others
        return max(lack / (rate * spare) if lack > 1e-6 else 0.0 for lack, rate in zip(lacking, self.rate, strict=True))

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        seconds, self._now = (now - self._now) * (1 - self.cell.others), now
        self._level = [
            min(most, level + seconds * rate)
            for most, level, rate in zip(self.capacity, self._level, self.rate, strict=True)
        ]

    def _limits(self) -> RateLimits:
        """As the API's headers: the limit per minute, whole units that remain, seconds until the bucket is full."""
        if not self.cell.headers:
            return RateLimits()
        per_minute = (self.cell.requests_per_minute, self.cell.tokens_per_minute)
        return RateLimits(
            *(
                Bucket(limit, float(math.floor(max(0.0, level))), (most - level) / rate)
                for limit, most, level, rate in zip(per_minute, self.capacity, self._level, self.rate, strict=True)
            )
        )


@dataclass(frozen=True)
class Outcome:
    """How one run went."""

    over_bound: float
    refused_per_request: float
    failed: float  # share of the requests that were given up


#: A client works its jobs off, and says how many it gave up.
Client = Callable[[Server, Sequence[Job]], Awaitable[int]]


def run(cell: Cell, client: Client, seed: int, count: int = REQUESTS) -> Outcome:
    """One client, one cell, one seed."""
    jobs = jobs_of(cell, seed, count)
    server = Server(cell, seed)
    with asyncio.Runner(loop_factory=_Clock) as runner:
        failed = runner.run(_counted(client, server, jobs))
    assert server.admitted + failed == count, "every request is admitted once, or given up"
    return Outcome(server.last_admission / cell.bound(jobs), server.refused / count, failed / count)


class _Clock(VirtualClockLoop):
    """Virtual time that passes between two looks at it, as any real one does.

    A client that lacks no more than a rounding error may look again at once, and would do so for ever.
    """

    def time(self) -> float:
        self._now += 1e-9
        return self._now


async def _counted(client: Client, server: Server, jobs: Sequence[Job]) -> int:
    return await client(server, jobs)


async def _together(calls: Sequence[Awaitable[bool]]) -> int:
    return sum(not succeeded for succeeded in await asyncio.gather(*calls))


# -- clients -----------------------------------------------------------------------------------------------


def stated(cell: Cell, share: float = 1.0) -> RateLimit:
    """The limits as a user would state them: per minute, with the burst that they allow, and how tokens are counted."""
    return RateLimit(
        requests_per_minute=cell.requests_per_minute,
        tokens_per_minute=cell.tokens_per_minute,
        burst=cell.window,
        share=share,
        accounting="settle" if cell.settles else "admission",
    )


async def ours(server: Server, jobs: Sequence[Job]) -> int:
    """The limiter, told the limits."""
    return await _limited(server, jobs, stated(server.cell))


async def ours_auto(server: Server, jobs: Sequence[Job]) -> int:
    """The limiter, told nothing."""
    return await _limited(server, jobs, "auto")


def ours_in_processes(processes: int, *, shared: bool) -> Client:
    """So many limiters that know nothing of one another, told their share or not."""

    async def client(server: Server, jobs: Sequence[Job]) -> int:
        limits = stated(server.cell, 1 / processes if shared else 1.0)
        parts = (_limited(server, jobs[number::processes], limits) for number in range(processes))
        return sum(await asyncio.gather(*parts))

    return client


async def _limited(server: Server, jobs: Sequence[Job], limits: StatedLimits) -> int:
    limiter = Limiter(5_000, limits)

    async def one(job: Job) -> bool:
        is_retry = False
        while True:
            permit = await limiter.acquire(AcquireRequest("chat model", job.estimate, is_retry=is_retry))
            answer = await server.call(job)
            if answer.admitted:
                permit.answered(answer.limits)
                permit.end(tokens=job.used)
                return True
            permit.refused(answer.limits, answer.retry_after)
            permit.end()
            is_retry = True

    return await _together([one(job) for job in jobs])


def semaphore(in_flight: int, retries: int) -> Client:
    """The official SDK behind a semaphore."""

    async def client(server: Server, jobs: Sequence[Job]) -> int:
        slots, draw = asyncio.Semaphore(in_flight), random.Random(1)

        async def one(job: Job) -> bool:
            async with slots:
                return await _with_retries(server, job, retries, draw)

        return await _together([one(job) for job in jobs])

    return client


async def _with_retries(server: Server, job: Job, retries: int, draw: random.Random) -> bool:
    """As the SDK: Retry-After if it is at most a minute, else half a second that doubles, up to eight."""
    for retry in range(retries + 1):
        answer = await server.call(job)
        if answer.admitted or retry == retries:
            return answer.admitted
        wait = answer.retry_after
        if wait is None or not 0 < wait <= 60:
            wait = min(8.0, 0.5 * 2.0**retry) * (1 - 0.25 * draw.random())
        await asyncio.sleep(wait)
    raise AssertionError


async def aiolimiter(server: Server, jobs: Sequence[Job]) -> int:
    """One `AsyncLimiter` for requests and one for tokens, and the SDK's two retries."""
    from aiolimiter import AsyncLimiter

    cell, draw = server.cell, random.Random(1)
    requests = AsyncLimiter(server.capacity[0], cell.window)
    tokens = AsyncLimiter(server.capacity[1], cell.window)

    async def one(job: Job) -> bool:
        await tokens.acquire(job.estimate)
        await requests.acquire()
        return await _with_retries(server, job, 2, draw)

    return await _together([one(job) for job in jobs])


async def cookbook(server: Server, jobs: Sequence[Job]) -> int:
    """The cookbook's `api_request_parallel_processor`: one loop that looks every millisecond; five attempts each.

    Its pause of 15 s after a rate limit error is left out, as it never comes about: it looks for the code "429".
    """
    loop = asyncio.get_running_loop()
    most, level, last = list(server.capacity), list(server.capacity), 0.0
    is_retry: list[tuple[Job, int]] = []
    failed = 0

    async def send(job: Job, attempts_left: int) -> None:
        nonlocal failed
        if (await server.call(job)).admitted:
            return
        if attempts_left:
            is_retry.append((job, attempts_left))
        else:
            failed += 1

    fresh, ahead = iter(jobs), None
    async with asyncio.TaskGroup() as tasks:
        running: set[asyncio.Task[None]] = set()
        while True:
            if ahead is None:
                ahead = is_retry.pop(0) if is_retry else next(((job, 5) for job in fresh), None)
            level = [min(m, at + (loop.time() - last) * r) for m, at, r in zip(most, level, server.rate, strict=True)]
            last = loop.time()
            if ahead is not None and level[0] >= 1 and level[1] >= ahead[0].estimate:
                level = [level[0] - 1, level[1] - ahead[0].estimate]
                task = tasks.create_task(send(ahead[0], ahead[1] - 1))
                running.add(task)
                task.add_done_callback(running.discard)
                ahead = None
            elif ahead is None and not running:
                return failed
            lacking = 0.0
            if ahead is not None:
                lacking = max((1 - level[0]) / server.rate[0], (ahead[0].estimate - level[1]) / server.rate[1])
            # The looks at which it would find nothing to do are skipped.
            await asyncio.sleep(0.001 * max(1, math.ceil(1_000 * lacking - 1e-6)))
