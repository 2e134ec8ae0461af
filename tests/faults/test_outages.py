"""A server that is gone for a while, or refuses what is too much, over real sockets: calls wait, and none is lost.

The backoff is short here, and an outage ends after so many requests or once the client has noticed it: no test waits
for a clock.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from openai_async import AsyncClient
from openai_async._pipeline.outages import Outages
from openai_async._policy import retry
from openai_async.errors import APIConnectionError, InternalServerError, OpenAIError
from openai_async.testing import FaultServer, Rst, Script
from openai_async.testing.request import Request

from .conftest import MakeClient
from .replies import CALL, error_reply, ok

FAILURES: dict[str, Script] = {
    "reset": (Rst(),),
    "500": error_reply(500),
    "502": error_reply(502),
    "503": error_reply(503),
    "529": error_reply(529),
}
CALLS = 100


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.02)
    monkeypatch.setattr(retry, "BACKOFF_CAP", 0.05)


def out_of_order_for(requests: int, failure: Script) -> Callable[[Request], Script]:
    """A plan: the first requests fail."""
    seen = 0

    def plan(request: Request) -> Script:
        nonlocal seen
        seen += 1
        return failure if seen <= requests else ok()

    return plan


async def answered(client: AsyncClient, calls: int = CALLS, **settings: Any) -> int:
    """How many of so many calls at once are answered."""
    count = 0

    async def one() -> None:
        nonlocal count
        try:
            await client.chat.completions.create(**CALL, **settings)
        except OpenAIError:
            return
        count += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(calls):
            tasks.start_soon(one)
    return count


@pytest.mark.parametrize("limits", ["auto", None])
@pytest.mark.parametrize("failure", FAILURES)
async def test_who_waits_makes_no_attempt(failure: str, limits: Any, make_client: MakeClient) -> None:
    """The server fails until every call has been sent once and trials were made: all are answered, with one retry."""
    fails = 30 if limits else CALLS + 5
    with FaultServer(out_of_order_for(fails, FAILURES[failure])) as server:
        async with make_client(server.base_url, max_retries=2, rate_limit=limits) as client:
            assert await answered(client) == CALLS
        assert len(server.requests) == CALLS + fails


async def test_a_server_that_is_started_later_gets_every_call(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens at first: refused connections cost the server nothing, and the calls wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    with contextlib.ExitStack() as stack:
        server, refused, tell = FaultServer([ok()], port=port), 0, Outages.failed

        def failed(self: Outages, *attempt: Any) -> None:
            nonlocal refused
            tell(self, *attempt)
            refused += 1
            if refused == 25:
                stack.enter_context(server)

        monkeypatch.setattr(Outages, "failed", failed)
        async with make_client(f"http://127.0.0.1:{port}/v1", max_retries=2, deadline=60.0) as client:
            assert await answered(client) == CALLS
        assert len(server.requests) == CALLS


@pytest.mark.parametrize("form", ["whole", "stream"])
async def test_a_storm_stays_small(form: str, make_client: MakeClient) -> None:
    """1,000 calls against a server that only fails send little more than one request each; their deadline ends them."""
    with FaultServer([error_reply(500)]) as server:
        async with make_client(server.base_url, max_retries=2, max_concurrency=16, deadline=2.0) as client:
            assert await answered(client, 1_000, stream=form == "stream") == 0
            assert len(server.requests) <= 1_200


async def test_a_call_that_may_not_be_repeated_is_not(make_client: MakeClient) -> None:
    """Jobs that were asked for as the server went are not sent again, and those that were not sent wait."""
    with FaultServer(out_of_order_for(6, (Rst(),))) as server:
        async with make_client(server.base_url, max_retries=2, rate_limit=None) as client:
            failed: list[APIConnectionError] = []

            async def one() -> None:
                try:
                    await client.batches.create(
                        input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
                    )
                except APIConnectionError as error:
                    failed.append(error)
                except OpenAIError:  # what this server answers is no batch
                    pass

            for _ in range(10):
                await one()
        assert [error.retries_ended for error in failed] == ["ambiguous"] * 6
        assert len(server.requests) == 10


class Bucket:
    """20 a second, in one of the forms in which servers hold to that."""

    def __init__(self, burst: float) -> None:
        self.burst = self.level = burst
        self.at = time.monotonic()

    def __call__(self, request: Request) -> Script:
        now = time.monotonic()
        self.level = min(self.burst, self.level + 20.0 * (now - self.at))
        self.at = now
        if self.level < 1.0:
            return error_reply(429, message="too many requests")
        self.level -= 1.0
        return ok()


@pytest.mark.parametrize("burst", [20.0, 5.0])
async def test_a_map_at_a_limit_that_nobody_states_loses_nothing(
    burst: float, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 calls at 20 a second, with the default number of retries and the real backoff."""
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.5)
    monkeypatch.setattr(retry, "BACKOFF_CAP", 8.0)
    with FaultServer(Bucket(burst)) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            results = [result async for result in client.map(client.chat.completions.create, [CALL] * 60)]
        assert [result.error for result in results if result.error is not None] == []
        assert max(len(result.attempts) for result in results) <= 3
        assert len(server.requests) == sum(len(result.attempts) for result in results)


async def test_the_error_of_a_call_that_waited_in_vain_tells_of_its_attempts(make_client: MakeClient) -> None:
    """The deadline passes while it waits for the server: the text says so, and the attempts are there."""
    with FaultServer([error_reply(503)]) as server:
        async with make_client(server.base_url, max_retries=100, deadline=1.0) as client:
            errors: list[OpenAIError] = []

            async def one() -> None:
                try:
                    await client.chat.completions.create(**CALL)
                except OpenAIError as error:
                    errors.append(error)

            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(one)
        assert all(getattr(error, "retries_ended", None) == "deadline" for error in errors)
        assert all(isinstance(error, (InternalServerError, APIConnectionError)) for error in errors)
        assert len(errors) == 20
