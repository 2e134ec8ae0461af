"""A soak: hundreds of calls a second, one in twenty of them in trouble, and nothing drifts.

Calls of every kind - read whole, streamed, left half-way, cancelled, timed out - go through one client to a server in
a process of its own, at the pace of the limiter. They come in rounds; after each all is quiet, the server's ledger is
compared with what the calls say of themselves, attempt by attempt, and a sample is taken of what could pile up.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest

from openai_async import AsyncClient, RateLimit
from openai_async.errors import APIError
from openai_async.testing import open_sockets
from openai_async.types.attempt import Attempt
from openai_async.types.settings import Timeout

from .conftest import MakeClient
from .replies import CALL
from .soak_server import FAULTS, Ledger, serving

pytestmark = pytest.mark.usefixtures("no_backoff")

#: Part of the requests that meets a fault; calls under way, and slots for them.
SHARE, AT_ONCE, SLOTS = 0.05, 64, 48
#: What a call may do, and how often.
WAYS = {"whole": 44, "stream": 26, "leave": 12, "cancel": 10, "time out": 8}
#: Seconds that a call waits where it is to time out, and after which one is cancelled at the latest.
PATIENCE, CANCELLED_WITHIN = 0.05, 0.03
#: Seconds that an idle connection is kept.
KEEPALIVE = 75

#: The error with which an attempt ends that meets a fate: of a whole answer, of a stream.
_BROKEN = ("APIConnectionError", "APIConnectionError")
ERRORS: dict[str, tuple[str | None, str | None]] = {
    "right": (None, None),
    "429": ("RateLimitError", "RateLimitError"),
    "500": ("InternalServerError", "InternalServerError"),
    "slow": (None, None),
    "reset in head": _BROKEN,
    "reset in body": _BROKEN,
    "cut off": _BROKEN,
    "truncated": ("DecodeError", "StreamInterrupted"),
    "closed": (None, None),
    "closed late": (None, None),
    "garbage": _BROKEN,
    "damaged": ("DecodeError", "DecodeError"),
}
#: What is asked of the server, whether as a stream, the bound that is to be hit, and the error that says so.
TIMEOUTS: tuple[tuple[str, bool, dict[str, Any], str], ...] = (
    ("silence", False, {"timeout": PATIENCE}, "APITimeoutError"),
    ("pause", False, {"timeout": PATIENCE}, "APITimeoutError"),
    ("silence", False, {"deadline": 2 * PATIENCE}, "DeadlineExceededError"),
    ("pause", True, {"deadline": 2 * PATIENCE}, "DeadlineExceededError"),
    ("hush", True, {"timeout": Timeout(first_token=PATIENCE)}, "FirstTokenTimeoutError"),
    ("pause", True, {"timeout": Timeout(idle=PATIENCE)}, "IdleTimeoutError"),
)


@attrs.frozen
class Ended:
    """How a call ended: its attempts, whether it was streamed, and whether its reader saw the end of it."""

    attempts: tuple[Attempt, ...]
    streamed: bool
    read: bool = True


@attrs.frozen
class Sample:
    """What could pile up, in a quiet moment. Memory in KiB; `blocks` are those of Python's allocator."""

    calls: int
    memory: int
    blocks: int
    objects: int
    files: int
    sockets: int
    connections: int
    tasks: int
    threads: int
    timers: int
    armed: int


class Soak:
    """Calls through one client, in rounds.

    `notices`: the transport notices at once when the server closes an idle connection. (httpx does when it uses it.)
    """

    def __init__(self, client: AsyncClient, server: Ledger, *, notices: bool) -> None:
        self._client = client
        self._notices = notices
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._chance = random.Random(2)
        self._ended: dict[int, Ended] = {}
        self._files, self._sockets = files(), open_sockets()
        self._tasks, self._threads = len(asyncio.all_tasks()), threading.active_count()
        self.calls = 0
        self.most_connections = 0
        self.waited_for: set[str] = set()
        self.outcomes: Counter[str] = Counter()
        self.attempts = 0
        #: Attempts on a connection that the server had closed meanwhile: it never saw their request.
        self.unseen = 0
        self.said_interrupted = 0
        self.told_truncated = 0

    async def round(self, calls: int) -> None:
        """Make so many calls, and wait for all of them."""
        numbers = iter(range(self.calls, self.calls + calls))

        async def work() -> None:
            for number in numbers:
                await self._one(number)
                self.most_connections = max(self.most_connections, self._client.statistics().open_connections)
                self.waited_for |= self._client.waiting_for.keys()

        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(work())
        self.calls += calls

    # -- one call ----------------------------------------------------------------------------------------

    async def _one(self, number: int) -> None:
        (way,) = self._chance.choices(list(WAYS), list(WAYS.values()))
        match way:
            case "cancel":
                outcome = await self._cancelled(number)
            case "time out":
                outcome = await self._timed_out(number)
            case _:
                outcome, self._ended[number] = await self._awaited(number, way)
        self.outcomes[f"{way}: {outcome}"] += 1

    async def _awaited(self, number: int, way: str, **options: Any) -> tuple[str, Ended]:
        """Make a call. Its outcome, "value", "left" or the name of one of our errors, and how it came to it."""
        headers = {"x-call": str(number), **options.pop("extra_headers", {})}
        completions, outcome = self._client.chat.completions, "value"
        try:
            if way == "whole":
                reply = await completions.create(**CALL, extra_headers=headers, **options)
                attempts = reply.attempts
            else:
                async with completions.stream(**CALL, extra_headers=headers, **options) as stream:
                    attempts = stream.meta.attempts
                    if way == "leave":
                        for _ in range(number % 3):
                            await anext(stream)
                        outcome, reply = "left", stream.partial
                    else:
                        reply = await stream.final()
        except APIError as error:
            outcome, reply, attempts = type(error).__name__, error.partial, error.attempts
        said, text = "" if reply is None else reply.text, f"call {number:08d}!"
        assert said == text if outcome == "value" else text.startswith(said)
        return outcome, Ended(attempts, streamed=way != "whole", read=way != "leave")

    async def _timed_out(self, number: int) -> str:
        ask, streamed, bound, error = self._chance.choice(TIMEOUTS)
        headers = {"x-ask": ask}
        outcome, ended = await self._awaited(
            number, "stream" if streamed else "whole", extra_headers=headers, max_retries=0, **bound
        )
        if outcome != error:  # sent on a connection that was closed at this very moment, or it shows
            assert [attempt.error for attempt in ended.attempts] == ["APIConnectionError"], (ask, bound, outcome)
            self.unseen += 1
        return outcome

    async def _cancelled(self, number: int) -> str:
        """Cancel a call at some moment, by a scope or natively, unless it ends before. It waits in no line for long."""
        way = self._chance.choice(("whole", "stream"))
        call: Callable[[], Awaitable[tuple[str, Ended]]] = lambda: self._awaited(  # noqa: E731
            number, way, extra_headers={"x-ask": "drip"}, priority="interactive"
        )
        seconds = self._chance.uniform(0, CANCELLED_WITHIN)
        outcome = "cancelled"
        if number % 2:
            with anyio.move_on_after(seconds):
                outcome, _ = await call()
            return outcome
        task = asyncio.ensure_future(call())
        timer = self._loop.call_later(seconds, task.cancel)
        await asyncio.wait([task])
        timer.cancel()
        return outcome if task.cancelled() else task.result()[0]

    def reasons_to_end(self) -> int:
        """How many connections may have ended because a call was left, or the server spoiled them."""
        left = sum(count for name, count in self.outcomes.items() if name.startswith(("leave", "cancel", "time out")))
        fates = self._server.fates + self._server.asked
        return left + sum(fates[fate] for fate in FAULTS if fate not in ("429", "500", "slow"))

    # -- quiet moments -----------------------------------------------------------------------------------

    async def quiet(self) -> Sample:
        """All calls have ended: wait until connections that are being closed are, and look at what is left."""
        with anyio.move_on_after(10):
            while not self._settled():
                await anyio.lowlevel.checkpoint()
        self._compare()
        gc.collect()
        statistics = self._client.statistics()
        assert (statistics.in_flight, statistics.waiting) == (0, 0)
        scheduled: list[asyncio.TimerHandle] = self._loop._scheduled  # type: ignore[attr-defined]
        sample = Sample(
            calls=self.calls,
            memory=resident(),
            blocks=sys.getallocatedblocks(),
            objects=len(gc.get_objects()),
            files=files() - self._files,
            sockets=open_sockets() - self._sockets,
            connections=statistics.open_connections,
            tasks=len(asyncio.all_tasks()) - self._tasks,
            threads=threading.active_count() - self._threads,
            timers=len(scheduled),
            armed=sum(not timer.cancelled() for timer in scheduled),
        )
        assert sample.tasks == 0, sample
        assert sample.threads <= 0, sample  # one of an earlier test may end meanwhile
        assert self._server.open <= sample.sockets <= sample.connections <= self.most_connections, sample
        assert self._server.open == sample.sockets or not self._notices, sample
        assert sample.files == sample.sockets, sample
        # One timer a connection and one of the limiter. Of more than a hundred a loop keeps at most half cancelled.
        assert sample.armed <= sample.connections + 1, sample
        assert sample.timers <= max(100, 2 * (sample.armed + 1)), sample
        return sample

    def _settled(self) -> bool:
        self._server.look()
        sockets, open_there = open_sockets() - self._sockets, self._server.open
        return (
            len(asyncio.all_tasks()) == self._tasks
            and sockets <= self._client.statistics().open_connections
            and (sockets == open_there if self._notices else sockets >= open_there)
        )

    def _compare(self) -> None:
        """Each attempt of each call is a row in the server's ledger, and ended as that row says."""
        rows, ended = self._server.rows, self._ended
        assert rows.keys() <= ended.keys(), "requests of calls that were not made"
        for number, call in ended.items():
            assert call.attempts
            fates = rows.get(number, [])
            self._match(call, fates)
            self.attempts += len(call.attempts)
            if call.streamed and call.read:
                self.told_truncated += fates.count("truncated")
                self.said_interrupted += sum(attempt.error == "StreamInterrupted" for attempt in call.attempts)
        rows.clear()
        ended.clear()

    def _match(self, call: Ended, fates: list[str]) -> None:
        left = fates[::-1]
        for attempt in call.attempts:
            due = [ERRORS[left[-1]][call.streamed]] if left else []
            if left and attempt is call.attempts[-1] and not call.read:
                due.append(None)  # it was left before the trouble came
            if attempt.error in due:
                left.pop()
            else:
                assert attempt.error == "APIConnectionError", (call, fates)
                self.unseen += 1
        assert left == [], (call, fates)


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def drift(samples: list[Sample], name: str) -> float:
    """The median of the last third less that of the first third."""
    values = [getattr(sample, name) for sample in samples]
    third = len(values) // 3
    return statistics.median(values[-third:]) - statistics.median(values[:third])


def kinds() -> Counter[str]:
    return Counter(type(thing).__qualname__ for thing in gc.get_objects())


def summary(soak: Soak, server: Ledger, samples: list[Sample], drifts: dict[str, float], seconds: float) -> str:
    names = [field.name for field in attrs.fields(Sample)]
    shown = [*samples[: -1 : max(1, len(samples) // 20)], samples[-1]]
    lines = [
        f"{soak.calls:,} calls in {seconds:.0f} s ({soak.calls / seconds:.0f}/s), {soak.attempts:,} attempts compared,"
        f" {soak.unseen} on a connection just closed; streams cut short {soak.told_truncated}, said so"
        f" {soak.said_interrupted}; most connections {soak.most_connections}, in all {server.accepted};"
        f" waited for {sorted(soak.waited_for)}",
        f"fates: {dict(server.fates)}; asked: {dict(server.asked)}",
        *(f"  {outcome}: {count:,}" for outcome, count in sorted(soak.outcomes.items())),
        " ".join(f"{name:>11}" for name in names),
        *(" ".join(f"{getattr(sample, name):>11,}" for name in names) for sample in shown),
        *(f"drift of {name}: {value:+,.1f}" for name, value in drifts.items()),
    ]
    return "\n".join(lines)


async def soaked(
    make_client: MakeClient,
    transport: str,
    *,
    rate: int,
    calls: int,
    warm_up: int,
    rounds: int,
    seconds: float = 0,
    closing: bool = False,
    most: dict[str, int],
) -> None:
    """Rounds of so many calls at so many requests per second at most, for so many rounds and seconds at least.

    After the first ones (`warm_up`) the fields of a sample drift by no more than `most`. `closing`: connections are
    closed after each round, so that they do not count.
    """
    with serving(rate, SHARE) as server:
        nothing = files()
        limit = RateLimit(requests_per_second=rate)
        async with make_client(server.base_url, rate_limit=limit, max_concurrency=SLOTS, max_retries=2) as client:
            soak = Soak(client, server, notices=transport == "direct")
            began = time.monotonic()
            for _ in range(warm_up):
                await soak.round(calls)
                await soak.quiet()
            before = kinds()
            samples: list[Sample] = []
            closed_here = 0
            while len(samples) < rounds or time.monotonic() < began + seconds:
                await soak.round(calls)
                samples.append(await soak.quiet())
                if closing:
                    await client.aclose()
                    closed_here += samples[-1].connections
                    samples[-1] = await soak.quiet()
            took = time.monotonic() - began
            grown = (kinds() - before).most_common(8)
        closed = await soak.quiet()
        drifts = {name: drift(samples, name) for name in most}
        too_far = {name: value for name, value in drifts.items() if value > most[name]}
        print(summary(soak, server, samples, drifts, took), f"more than before: {grown}", f"closed: {closed}", sep="\n")

        assert (closed.connections, closed.files, files(), server.open) == (0, 0, nothing, 0)
        assert soak.told_truncated == soak.said_interrupted > 0
        assert server.fates.keys() == {"right", *FAULTS}
        assert soak.unseen <= server.fates["closed"] + server.fates["closed late"]
        assert soak.most_connections <= SLOTS < AT_ONCE
        assert server.accepted <= soak.reasons_to_end() + closed_here + SLOTS * (2 + took // KEEPALIVE)
        assert "slot" in soak.waited_for
        assert server.fates.total() + server.asked.total() <= rate * (1 + took)
        assert too_far == {}


# What may drift, beside leaks: the limiter's log holds a few numbers for each request of its last 4,096 moments, which
# grows for twenty seconds; and connections come and go, of up to 50 objects each.


@pytest.mark.parametrize("stack", ["asyncio-direct", "asyncio-httpx"], indirect=True)
async def test_a_few_seconds_of_trouble_leave_nothing_behind(make_client: MakeClient, transport: str) -> None:
    """Every call is accounted for, and after each round there are no more descriptors, tasks and timers than before."""
    most = {"memory": 4_096, "blocks": 2_500, "objects": 60}
    await soaked(make_client, transport, rate=150, calls=100, warm_up=2, rounds=5, closing=True, most=most)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("stack", ["asyncio-direct"], indirect=True)
async def test_ten_minutes_of_trouble_leave_nothing_behind(make_client: MakeClient, transport: str) -> None:
    """The same for ten minutes at a few hundred calls a second, within a megabyte."""
    most = {"memory": 1_024, "blocks": 10_000, "objects": 50 * SLOTS}
    await soaked(make_client, transport, rate=400, calls=1_500, warm_up=20, rounds=30, seconds=600, most=most)
