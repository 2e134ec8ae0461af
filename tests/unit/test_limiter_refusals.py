"""Calls that are refused before they are sent: those whose deadline cannot be met, and those that are too many."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

import pytest

from openai_async import AsyncAzureClient, AsyncClient, Client, DeadlineExceededError, QueueFullError, RateLimit
from openai_async._limits.limiter import AcquireRequest, Limiter, Permit
from openai_async._limits.queue import Priority
from openai_async.errors import ConfigurationError
from openai_async.testing import FaultServer, json_reply, run_virtual
from openai_async.types.meta import Bucket, RateLimits

REPLY: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
}
CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def use(limiter: Limiter, limits: RateLimits | None = None, tokens: float = 10.0) -> None:
    permit = await limiter.acquire(AcquireRequest("f", tokens))
    permit.answered(limits or RateLimits())
    permit.end()


async def refused(limiter: Limiter, patience: float, tokens: float = 10.0, priority: Priority = "default") -> str:
    """The message of the error of a call with so many seconds left; it comes at once."""
    begun = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceededError) as caught:
        await limiter.acquire(AcquireRequest("f", tokens, priority, max_wait=patience))
    assert asyncio.get_running_loop().time() == begun
    assert caught.value.outcome == "not_sent"
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > patience
    assert limiter.waiting == limiter.in_flight == 0
    return str(caught.value)


# ---- deadlines


@pytest.mark.parametrize("is_retry", [False, True])
def test_a_turn_that_is_known_to_come_too_late_is_not_waited_for(is_retry: bool) -> None:
    """One request in five seconds, the last one just now: with one second left a call fails, with seven it goes."""

    async def main() -> None:
        limiter = Limiter(None, RateLimit(requests_per_second=0.2))
        await use(limiter)
        assert re.match(
            r"the call's turn comes in [45]\.\d s \(by the stated limit of requests\)", await refused(limiter, 1.0)
        )
        (await limiter.acquire(AcquireRequest("f", 10.0, is_retry=is_retry, max_wait=7.0))).end()

    run_virtual(main)


def test_a_server_that_asked_to_wait_longer_is_not_waited_for() -> None:
    """Retry-After of 5 s: one second is too little, for a limit that nobody stated, too."""

    async def main() -> None:
        limiter = Limiter(None, "auto")
        permit = await limiter.acquire(AcquireRequest("f", 10.0))
        permit.refused(RateLimits(), 5.0)
        permit.end()
        assert "(all are held back after a refusal)" in await refused(limiter, 1.0)
        (await limiter.acquire(AcquireRequest("f", 10.0, max_wait=7.0))).end()

    run_virtual(main)


def test_tokens_that_are_not_there_in_time_are_not_waited_for() -> None:
    """A used-up minute of tokens, nothing in flight: known to the second."""

    async def main() -> None:
        limiter = Limiter(None, RateLimit(tokens_per_minute=6_000))
        await use(limiter, tokens=6_000)
        assert "by the stated limit of tokens" in await refused(limiter, 10.0, tokens=5_000)
        (await limiter.acquire(AcquireRequest("f", 100, max_wait=10.0))).end()

    run_virtual(main)


def test_those_in_line_hear_of_a_wait_that_becomes_known() -> None:
    """Three wait for an answer; it is a refusal that asks for a minute: those with less time left fail then."""

    async def main() -> None:
        limiter = Limiter(1, "auto")
        permit = await limiter.acquire(AcquireRequest("f", 10.0))
        waiting = [
            asyncio.ensure_future(limiter.acquire(AcquireRequest("f", 10.0, max_wait=left)))
            for left in (5.0, 90.0, 6.0)
        ]
        await settled()
        permit.refused(RateLimits(), 60.0)
        permit.end()
        await settled()
        assert isinstance(waiting[0].exception(), DeadlineExceededError)
        assert not waiting[1].done()
        (await asyncio.wait_for(waiting[1], 62)).end()
        with pytest.raises(DeadlineExceededError):
            await waiting[2]

    run_virtual(main)


def test_what_may_turn_out_better_is_waited_for() -> None:
    """A limit that was learned, tokens that come back, a request in flight that may not have been sent, another key."""

    async def main() -> None:
        learned = Limiter(None, "auto")
        await use(learned, RateLimits(Bucket(6, 0, 60.0)))
        taken_back = Limiter(None, RateLimit(requests_per_minute=1))
        unsent = await taken_back.acquire(AcquireRequest("f"))
        settles = Limiter(None, RateLimit(tokens_per_minute=6_000, accounting="settle"))
        running = await settles.acquire(AcquireRequest("f", 6_000))
        running.answered(RateLimits())
        calls = [
            asyncio.ensure_future(limiter.acquire(AcquireRequest("f", 10.0, max_wait=1.0)))
            for limiter in (learned, taken_back, settles)
        ]
        await settled()
        assert not any(call.done() for call in calls)
        unsent.end(sent=False)
        running.end(tokens=100)
        await settled()
        assert [call.done() for call in calls] == [False, True, True]
        calls[0].cancel()
        two_keys = Limiter(None, RateLimit(requests_per_minute=1), keys=2)
        await use(two_keys)
        (await two_keys.acquire(AcquireRequest("f", max_wait=0.1))).end()

    run_virtual(main)


async def test_a_call_whose_deadline_cannot_be_met_is_not_sent() -> None:
    """Through a client, on a real connection: the second of two calls fails before its second is over."""
    with FaultServer([json_reply(REPLY)]) as server:
        async with AsyncClient(
            api_key="k", base_url=server.base_url, rate_limit=RateLimit(requests_per_minute=1)
        ) as client:
            await client.chat.completions.create(**CALL)
            with pytest.raises(DeadlineExceededError, match="the call's turn comes in") as caught:
                await client.chat.completions.create(**CALL, deadline=30.0)
    assert len(server.requests) == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 30


# ---- how many wait


def test_more_than_so_many_do_not_wait() -> None:
    """Two wait for a slot; a third is refused at once, and one may wait again when one was served or gave up."""

    async def main() -> None:
        limiter = Limiter(1, max_waiting=2)
        permit = await limiter.acquire(AcquireRequest("f"))
        first, second = [asyncio.ensure_future(limiter.acquire(AcquireRequest(scope))) for scope in ("f", "g")]
        await settled()
        with pytest.raises(QueueFullError, match=r"^2 calls wait for their turn already \(max_waiting\)") as caught:
            await limiter.acquire(AcquireRequest("h"))
        assert caught.value.outcome == "not_sent"
        second.cancel()
        await settled()
        third = asyncio.ensure_future(limiter.acquire(AcquireRequest("f")))
        await settled()
        assert limiter.waiting == 2
        permit.end()
        (await first).end()
        (await third).end()
        assert limiter.waiting == limiter.in_flight == 0

    run_virtual(main)


def test_with_none_that_may_wait_a_call_goes_at_once_or_not_at_all() -> None:
    """max_waiting=0: the free slot is taken, and who finds none is refused."""

    async def main() -> None:
        limiter = Limiter(1, max_waiting=0)
        permit = await limiter.acquire(AcquireRequest("f"))
        with pytest.raises(QueueFullError):
            await limiter.acquire(AcquireRequest("f"))
        permit.end()
        (await limiter.acquire(AcquireRequest("f"))).end()

    run_virtual(main)


def test_maps_and_those_who_come_back_are_not_refused() -> None:
    """The calls of a job do not fill the line, and a call that was refused by the server keeps its place."""

    async def main() -> None:
        limiter = Limiter(1, max_waiting=1)
        permit = await limiter.acquire(AcquireRequest("f"))
        job = object()
        waiting = [asyncio.ensure_future(limiter.acquire(AcquireRequest("f", job=job))) for _ in range(5)]
        waiting += [
            asyncio.ensure_future(limiter.acquire(AcquireRequest("f"))),
            asyncio.ensure_future(limiter.acquire(AcquireRequest("f", is_retry=True))),
        ]
        await settled()
        assert limiter.waiting == 7
        with pytest.raises(QueueFullError):
            await limiter.acquire(AcquireRequest("f"))
        permit.end()
        for call in asyncio.as_completed(waiting):
            granted: Permit = await call
            granted.end()

    run_virtual(main)


async def test_a_map_is_not_broken_by_it() -> None:
    """A hundred calls of a map, two at a time, with nobody else allowed to wait: all are answered."""
    with FaultServer([json_reply(REPLY)] * 40) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_concurrency=2, max_waiting=0) as client:
            requests = itertools.repeat({"messages": CALL["messages"]}, 40)
            async with client.map(client.chat.completions.create, requests, model="m", max_in_flight=10) as results:
                errors = [result.error async for result in results]
    assert errors == [None] * 40


@pytest.mark.parametrize("most", [-1, 1.5, True, "3"])
def test_how_many_may_wait_is_a_whole_number(most: Any) -> None:
    """Of 0 or more, or None; every client checks it."""
    for build in (AsyncClient, Client, AsyncAzureClient):
        given: dict[str, Any] = {"azure_endpoint": "https://a.openai.azure.com"} if build is AsyncAzureClient else {}
        with pytest.raises(ConfigurationError, match="max_waiting: must be an integer of 0 or more"):
            build(api_key="k", max_waiting=most, **given)
