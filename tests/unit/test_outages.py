"""A server that fails every call: who waits, who tries it, and what comes of the rest. In virtual time."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from openai_async import RateLimit
from openai_async._limits.limiter import Limiter
from openai_async._pipeline.admission import Admission
from openai_async._pipeline.answer import Response
from openai_async._pipeline.credentials import KeyRing
from openai_async._pipeline.outages import LONGEST_WAIT, Outages
from openai_async._pipeline.request import Request
from openai_async._pipeline.retry import Retry
from openai_async.errors import (
    APIConnectionError,
    APIError,
    BadRequestError,
    DeadlineExceededError,
    InternalServerError,
    RateLimitError,
)
from openai_async.testing import run_virtual
from openai_async.types.limits import StatedLimits
from openai_async.types.meta import NO_HEADERS
from openai_async.types.settings import Secret, Timeout

FAILURES: dict[str, Callable[[], APIError]] = {
    "refused": lambda: APIConnectionError("refused", phase="connect"),
    "reset": lambda: APIConnectionError("reset", phase="response"),
    "500": lambda: InternalServerError("500", status_code=500),
    "503": lambda: InternalServerError("503", status_code=503),
    "429": lambda: RateLimitError("429", status_code=429),
}
LIMITS: dict[str, StatedLimits] = {"auto": "auto", "none": None, "stated": RateLimit(requests_per_second=1_000)}


@attrs.define
class Server:
    """Fails until a time, then answers, each after so many seconds."""

    fail: Callable[[], APIError]
    until: float
    seconds: float = 0.01
    requests: int = 0
    in_outage: int = 0
    most_at_once: int = 0
    _now_out: int = 0

    async def __call__(self, request: Request, now: Callable[[], float], credentials: Any, began: float) -> Response:
        self.requests += 1
        loop = asyncio.get_running_loop()
        if loop.time() < self.until:
            self.in_outage += 1
            await asyncio.sleep(0.002)
            raise self.fail()
        self._now_out += 1
        self.most_at_once = max(self.most_at_once, self._now_out)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self._now_out -= 1
        return Response(200, NO_HEADERS, 0.0, began)


@attrs.define
class Client:
    """The stations above the transport."""

    server: Callable[..., Any]
    limits: StatedLimits = "auto"
    outages: Outages = attrs.field(factory=Outages)
    limiter: Limiter = attrs.field(init=False)
    carry: Callable[[Request], Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.limiter = Limiter(1_000, self.limits)
        self.carry = Retry(
            Admission(self.limiter, KeyRing([Secret("k")], [], None), self.outages, self.server), self.outages
        )

    def call(self, *, max_retries: int = 2, deadline: float | None = None, scope: str = "f") -> Any:
        return self.carry(
            Request("POST", "/f", bytes, Timeout(), max_retries, deadline=deadline, repeatable=True, scope=scope)
        )

    async def calls(self, count: int, **settings: Any) -> list[Any]:
        return await asyncio.gather(*(self.call(**settings) for _ in range(count)), return_exceptions=True)


def lost(results: list[Any]) -> list[BaseException]:
    return [result for result in results if isinstance(result, BaseException)]


@pytest.mark.slow
@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("failure", ["refused", "reset", "500", "503"])
@pytest.mark.parametrize(("calls", "max_retries"), [(300, 5), (300, 2), (10, 2)])
def test_an_outage_of_two_seconds_loses_nothing(calls: int, max_retries: int, failure: str, limits: str) -> None:
    """Also with two retries, which last for a second and a half: who waits makes no attempt."""

    async def main() -> None:
        server = Server(FAILURES[failure], until=2.0)
        client = Client(server, LIMITS[limits])
        assert not lost(await client.calls(calls, max_retries=max_retries))
        assert server.in_outage <= 1.2 * calls
        assert (client.limiter.in_flight, client.limiter.waiting) == (0, 0)

    run_virtual(main)


@pytest.mark.slow
@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("failure", ["refused", "reset", "503"])
def test_a_storm_is_no_storm(failure: str, limits: str) -> None:
    """300 calls, 10 s of failures, defaults, 60 s in all: 1.2 requests a call at most, and 1 % lost at most."""

    async def main() -> None:
        server = Server(FAILURES[failure], until=10.0, seconds=0.5)
        failed = lost(await Client(server, LIMITS[limits]).calls(300, deadline=60.0))
        assert server.in_outage <= 1.2 * 300
        assert len(failed) <= 3
        assert all(error.retries_ended == "max_retries" for error in failed if isinstance(error, APIError))

    run_virtual(main)


def test_the_end_of_an_outage_is_no_storm_either() -> None:
    """The server is back and takes a second for a reply: one call at first, then a few, then more."""

    async def main() -> list[int]:
        server, most = Server(FAILURES["reset"], until=2.0, seconds=1.0), list[int]()

        async def watch() -> None:
            while True:
                await asyncio.sleep(1.0)
                most.append(server.most_at_once)

        watcher = asyncio.ensure_future(watch())
        assert not lost(await Client(server, None).calls(300, deadline=60.0))
        watcher.cancel()
        return most

    most = [count for count in run_virtual(main) if count]
    assert most[0] <= 2
    assert all(later <= 5 * earlier + 3 for earlier, later in itertools.pairwise(most))


def test_an_outage_without_end_ends_each_call_with_its_reason() -> None:
    """By its deadline if it has one, after a bounded time if it has none; attempts stay few."""

    async def main() -> None:
        server = Server(FAILURES["refused"], until=1e9)
        client = Client(server, None)
        loop = asyncio.get_running_loop()
        bounded = await client.calls(100, deadline=30.0)
        assert loop.time() == pytest.approx(30.0, abs=0.1)
        assert {error.retries_ended for error in bounded} == {"deadline"}
        assert all(isinstance(error, (DeadlineExceededError, APIConnectionError)) for error in bounded)
        begun = loop.time()
        unbounded = await client.calls(100)
        assert loop.time() - begun <= LONGEST_WAIT + 10.0
        reasons = Counter(error.retries_ended for error in unbounded)
        assert set(reasons) <= {"retry_budget", "max_retries"}
        assert reasons["retry_budget"] > 50
        assert all(len(error.attempts) >= 1 for error in unbounded)
        assert all("retry budget" in str(error) for error in unbounded if error.retries_ended == "retry_budget")
        assert server.requests <= 1.2 * 200 + 50

    run_virtual(main)


def test_calls_of_another_scope_go_on() -> None:
    """A model that is out of order holds no other one back."""

    async def main() -> None:
        broken = Server(FAILURES["500"], until=1e9)

        async def server(request: Request, now: Callable[[], float], credentials: Any, began: float) -> Response:
            return (
                Response(200, NO_HEADERS, 0.0, began)
                if request.scope == "well"
                else await broken(request, now, credentials, began)
            )

        client = Client(server, None)
        waiting = asyncio.ensure_future(client.calls(50, scope="broken", deadline=100.0))
        await asyncio.sleep(5.0)
        begun = asyncio.get_running_loop().time()
        assert not lost(await client.calls(50, scope="well"))
        assert asyncio.get_running_loop().time() == pytest.approx(begun, abs=1e-3)
        waiting.cancel()

    run_virtual(main)


@pytest.mark.parametrize("error", [BadRequestError("400", status_code=400), RateLimitError("429", status_code=429)])
def test_a_server_that_answers_is_not_out_of_order(error: APIError) -> None:
    """A hundred refusals in a row are no outage: the next call is sent at once."""

    async def main() -> None:
        async def server(request: Request, now: Callable[[], float], credentials: Any, began: float) -> Response:
            raise type(error)(error.message, status_code=400 if isinstance(error, BadRequestError) else 429)

        client = Client(server, None)
        await client.calls(100, max_retries=0)
        assert not client.outages.scopes

    run_virtual(main)


def test_nothing_is_kept_once_the_server_answers() -> None:
    """Neither of an outage, nor of single failures, nor of scopes that are used no more."""

    async def main() -> None:
        server = Server(FAILURES["500"], until=3.0)
        client = Client(server, None)
        await client.calls(20, max_retries=9)
        await client.calls(100)
        assert not client.outages.scopes
        server.until = asyncio.get_running_loop().time() + 1e6
        for number in range(1_000):
            await client.calls(1, max_retries=0, scope=f"scope {number}")
            await asyncio.sleep(10.0)
        assert len(client.outages.scopes) <= 101

    run_virtual(main)


@pytest.mark.parametrize("who", ["those who wait", "trials", "everybody but one"])
def test_cancelling_loses_nobody_else(who: str) -> None:
    """Whoever is cancelled, in an outage or as it ends: the others are answered, and no trial stays open."""

    async def main() -> None:
        server = Server(FAILURES["reset"], until=2.0, seconds=0.5)
        client = Client(server, None)
        calls = [asyncio.ensure_future(client.call(max_retries=5)) for _ in range(40)]
        for step in range(60):
            await asyncio.sleep(0.1)
            running = [call for call in calls if not call.done()]
            if who == "those who wait" and step == 12:
                victims = running[10:30]
            elif who == "trials" and server._now_out:
                victims = running[:1]
            elif who == "everybody but one" and step == 20:
                victims = running[1:]
            else:
                victims = []
            for call in victims:
                call.cancel()
        results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60.0)
        assert not [error for error in lost(results) if not isinstance(error, asyncio.CancelledError)]
        assert any(not isinstance(result, BaseException) for result in results) or who == "trials"
        assert not lost(await asyncio.wait_for(client.calls(20), 60.0))
        left = client.outages.scopes.values()
        assert not [scope for scope in left if scope.waiters or scope.returning or scope.outage.is_open]

    run_virtual(main)


def test_loops_in_threads_wait_out_the_same_outage() -> None:
    """Four threads, each with a loop of its own, share a client: all calls of all of them are answered."""
    down, failed = threading.Event(), threading.Semaphore(0)

    async def server(request: Request, now: Callable[[], float], credentials: Any, began: float) -> Response:
        await asyncio.sleep(0)
        if not down.is_set():
            failed.release()
            raise FAILURES["refused"]()
        return Response(200, NO_HEADERS, 0.0, began)

    client, results = Client(server, None), list[Any]()

    def work() -> None:
        results.extend(asyncio.run(client.calls(25, max_retries=5, deadline=None)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        failed.acquire()
    down.set()
    for thread in threads:
        thread.join()
    assert (len(results), lost(results)) == (100, [])


@pytest.mark.parametrize("max_retries", [0, 2])
def test_calls_one_after_the_other_do_not_wait_for_each_other(max_retries: int) -> None:
    """A hundred calls that all fail, in turn: each takes its own backoff, and no pause of an outage."""

    async def main() -> float:
        client = Client(Server(FAILURES["reset"], until=1e9), None)
        for _ in range(100):
            await client.calls(1, max_retries=max_retries)
        return asyncio.get_running_loop().time()

    assert run_virtual(main) <= 100 * (1.52 if max_retries else 0.01)


def test_calls_without_retries_fail_at_once_and_tell_the_others_when_the_server_is_back() -> None:
    """They are sent in an outage, too; the first that is answered ends the wait of those that can be tried again."""

    async def main() -> None:
        server = Server(FAILURES["reset"], until=20.0)
        client, loop = Client(server, None), asyncio.get_running_loop()
        waiting = asyncio.ensure_future(client.calls(50, max_retries=5))
        await asyncio.sleep(17.0)
        assert len(lost(await client.calls(50, max_retries=0))) == 50
        assert loop.time() < 17.1
        await asyncio.sleep(20.001 - loop.time())
        assert not lost(await client.calls(1, max_retries=0))
        assert not lost(await waiting)
        assert loop.time() < 21.0

    run_virtual(main)


@pytest.mark.parametrize(("failure", "why"), [("refused", "(refused)"), ("500", "(InternalServerError 500)")])
def test_an_outage_is_logged_once_with_its_reason(failure: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever waits sees what for: the error of the connection, or the status without the server's words."""

    async def main() -> None:
        await Client(Server(FAILURES[failure], until=2.0), None).calls(50, max_retries=5)

    run_virtual(main)
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert why in warning
