"""The clients of the limiter's benchmark on real sockets, and the traffic that each of them is given.

All of them make the same chat calls in the same order, know the same limits (but for "limits learnt") and, where they
count tokens, count them exactly as the server charges them: nothing here is about guessing well. Those that are not
ours are the official SDK, and around it what people put there to stay within a limit. Where one of them needs a bound
on what is in flight it gets three times what the limit can use: enough, and kinder than a round number.

Time is not measured here, but at the server: a client says what it gave up, and what CPU it took.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai_async import RateLimit

MODEL = "emulated-mini"
#: Seconds until the server answers, give or take half of it.
ANSWER = 0.2
#: Seconds of burst: the limits are enforced by the second.
WINDOW = 1.0
_TEXT = "When is it worth making a program asynchronous, what does that cost, and who has to pay for it? " * 26

Body = dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """What the account allows, and how many requests there are."""

    name: str
    requests_per_minute: float
    tokens_per_minute: float
    count: int

    @property
    def requests(self) -> float:
        """A second's worth: what is gained in a second, and what can be held."""
        return self.requests_per_minute / 60 * WINDOW

    @property
    def tokens(self) -> float:
        """As `requests`, in tokens."""
        return self.tokens_per_minute / 60 * WINDOW

    @property
    def in_flight(self) -> int:
        """Three times what it takes to use the limit."""
        return math.ceil(3 * ANSWER * self.requests)

    def bound(self, bodies: Sequence[Body]) -> float:
        """The least seconds in which the server admits all of it: what the full buckets do not hold is refilled."""
        tokens = sum(map(cost, bodies))
        return WINDOW * max(len(bodies) / self.requests - 1, tokens / self.tokens - 1)


def traffic(count: int) -> Iterator[Body]:
    """Prompts of 50 to 600 tokens, replies of at most 16 to 128, mixed; the same ones each time."""
    draw = random.Random(1)
    for _ in range(count):
        prompt = _TEXT[: draw.randint(200, 2_400)]
        yield {"messages": [{"role": "user", "content": prompt}], "max_completion_tokens": draw.randint(16, 128)}


def cost(body: Body) -> int:
    """The tokens that the server charges: a quarter of the characters, and the most that the reply may have."""
    message = body["messages"][0]
    completion: int = body["max_completion_tokens"]
    return math.ceil((len(message["role"]) + len(message["content"])) / 4) + completion


def one(client: str, base_url: str, condition: dict[str, Any]) -> dict[str, float]:
    """Let a client make all calls; to be run in a fresh process.

    Gives the calls given up, and in seconds: what it took, its CPU, and its waiting for a CPU that others had.
    """
    work = CLIENTS[client]
    allowed = Condition(**condition)
    bodies = list(traffic(allowed.count))
    for package in ("openai", "openai_async.client"):
        import_module(package)  # not in the time that is taken
    cpu, waited, began = time.process_time(), waited_for_cpu(), time.monotonic()
    failed = asyncio.run(work(base_url, allowed, bodies))
    return {
        "failed": failed,
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "waited": waited_for_cpu() - waited,
    }


def waited_for_cpu() -> float:
    """Seconds that this process could have run and did not, as others did; 0 where the system does not say."""
    files = Path("/proc/self/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[1]) for file in files) / 1e9


#: Makes all calls; gives how many it gave up.
Client = Callable[[str, Condition, Sequence[Body]], Coroutine[Any, Any, int]]


# -- ours --------------------------------------------------------------------------------------------------


async def _told(base_url: str, allowed: Condition, bodies: Sequence[Body]) -> int:
    from openai_async import RateLimit

    limits = RateLimit(requests_per_second=allowed.requests / WINDOW, tokens_per_second=allowed.tokens / WINDOW)
    return await _mapped(base_url, limits, bodies)


async def _learnt(base_url: str, allowed: Condition, bodies: Sequence[Body]) -> int:
    return await _mapped(base_url, "auto", bodies)


async def _mapped(base_url: str, limits: RateLimit | Any, bodies: Sequence[Body]) -> int:
    from openai_async import AsyncClient

    failed = 0
    async with AsyncClient(api_key="k", base_url=base_url, rate_limit=limits, trust_env=False) as client:
        async for result in client.chat.completions.map(bodies, model=MODEL, ordered=False):
            failed += result.error is not None
    return failed


# -- the official SDK --------------------------------------------------------------------------------------


@asynccontextmanager
async def _sdk(base_url: str, retries: int) -> AsyncGenerator[Callable[[Body], Awaitable[bool]], None]:
    """A function that makes one call, and says whether it succeeded."""
    from openai import AsyncOpenAI, OpenAIError

    async with AsyncOpenAI(api_key="k", base_url=base_url, max_retries=retries) as client:

        async def call(body: Body) -> bool:
            try:
                await client.chat.completions.create(model=MODEL, **body)
            except OpenAIError:
                return False
            return True

        yield call


async def _together(calls: Sequence[Awaitable[bool]]) -> int:
    return sum(not succeeded for succeeded in await asyncio.gather(*calls))


def _semaphore(retries: int) -> Client:
    async def client(base_url: str, allowed: Condition, bodies: Sequence[Body]) -> int:
        slots = asyncio.Semaphore(allowed.in_flight)
        async with _sdk(base_url, retries) as call:

            async def one(body: Body) -> bool:
                async with slots:
                    return await call(body)

            return await _together([one(body) for body in bodies])

    return client


async def _aiolimiter(base_url: str, allowed: Condition, bodies: Sequence[Body]) -> int:
    """A limiter for requests and one for tokens; retries as the SDK has them."""
    from aiolimiter import AsyncLimiter

    requests, tokens = AsyncLimiter(allowed.requests, WINDOW), AsyncLimiter(allowed.tokens, WINDOW)
    async with _sdk(base_url, 2) as call:

        async def one(body: Body) -> bool:
            await tokens.acquire(cost(body))
            await requests.acquire()
            return await call(body)

        return await _together([one(body) for body in bodies])


async def _cookbook(base_url: str, allowed: Condition, bodies: Sequence[Body]) -> int:
    """The algorithm of the cookbook's parallel script: one loop that looks every millisecond; five attempts each.

    Its pause of 15 s after a rate limit error is left out, as it never comes about: it looks for the code "429".
    """
    most = (allowed.requests, float(allowed.tokens))
    levels, last = list(most), time.monotonic()
    again: list[tuple[Body, int]] = []
    failed = 0
    async with _sdk(base_url, 0) as call:

        async def send(body: Body, attempts_left: int) -> None:
            nonlocal failed
            if await call(body):
                return
            if attempts_left:
                again.append((body, attempts_left))
            else:
                failed += 1

        fresh, ahead = iter(bodies), None
        running: set[asyncio.Task[None]] = set()
        while True:
            if ahead is None:
                ahead = again.pop(0) if again else next(((body, 5) for body in fresh), None)
            passed, last = time.monotonic() - last, time.monotonic()
            levels = [min(full, level + passed * full / WINDOW) for full, level in zip(most, levels, strict=True)]
            if ahead is not None and levels[0] >= 1 and levels[1] >= cost(ahead[0]):
                levels = [levels[0] - 1, levels[1] - cost(ahead[0])]
                task = asyncio.create_task(send(ahead[0], ahead[1] - 1))
                running.add(task)
                task.add_done_callback(running.discard)
                ahead = None
            elif ahead is None and not running:
                return failed
            await asyncio.sleep(0.001)


CLIENTS: dict[str, Client] = {
    "openai_async": _told,
    "openai_async, limits learnt": _learnt,
    "openai, semaphore, 2 retries": _semaphore(2),
    "openai, semaphore, 10 retries": _semaphore(10),
    "openai, aiolimiter": _aiolimiter,
    "openai, cookbook": _cookbook,
}
