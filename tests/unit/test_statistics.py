"""`client.statistics()`: one frozen value about calls, connections, limits, outages and costs."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import anyio
import attrs
import pytest

from openai_async import (
    AsyncAzureClient,
    AsyncClient,
    Client,
    ClientStatistics,
    InternalServerError,
    RateLimit,
    ScopeStatistics,
)
from openai_async.testing import FaultServer, Gate, json_reply

USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
MESSAGE = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
BODY = {"id": "1", "object": "chat.completion", "model": "m", "choices": [MESSAGE], "usage": USAGE}
REPLY = json_reply(BODY)
CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "secret prompt"}]}
SCOPE = "/chat/completions m"
LIMIT = RateLimit(requests_per_day=600, tokens_per_minute=6_000)


async def test_calls_in_flight_and_those_that_wait_are_told_apart() -> None:
    """One call has the slot, two wait for it; when all have ended, none is left."""
    with FaultServer([(Gate("one"), *REPLY), REPLY, REPLY]) as server:
        async with AsyncClient(api_key="key-1", base_url=server.base_url, max_concurrency=1) as client:
            during = client.statistics()
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(partial(client.chat.completions.create, **CALL))
                await server.until(lambda server: len(server.requests) == 1)
                during = client.statistics()
                server.open_gate("one")
            after = client.statistics()
    assert (during.in_flight, during.waiting, dict(during.waiting_for)) == (1, 2, {"slot": 2})
    assert during.scopes[SCOPE].waiting == 2
    assert (during.open_connections, during.idle_connections) == (1, 0)
    assert (after.in_flight, after.waiting, dict(after.waiting_for)) == (0, 0, {})
    assert (after.open_connections, after.idle_connections) == (1, 1)
    assert (after.costs.total.calls, after.costs.total.prompt_tokens) == (3, 15)


async def test_limits_are_told_with_their_levels_and_where_they_come_from() -> None:
    """A stated limit is not learned; one that only a reply's headers tell is. The level is what is left."""
    headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"}
    learned = json_reply(BODY, headers=headers)
    with FaultServer([learned, learned]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, rate_limit=LIMIT) as client:
            await client.chat.completions.create(**CALL)
            stated = {limit.kind: limit for limit in client.statistics().scopes[SCOPE].limits if not limit.is_learned}
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            await client.chat.completions.create(**CALL)
            (found,) = client.statistics().scopes[SCOPE].limits
    assert (stated["requests"].capacity, stated["tokens"].per_second) == (600, 100)
    assert 599 <= stated["requests"].level < 599.5
    assert (found.kind, found.key, found.is_learned) == ("requests", 0, True)
    assert found.level == pytest.approx(59, abs=1.0)


async def test_an_outage_is_told_while_it_lasts_and_forgotten_after() -> None:
    """Failures are counted down; an outage has none left, and its waiters are counted."""
    with FaultServer([json_reply({"error": {"message": "no"}}, 500)] * 5 + [REPLY] * 600) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            left = list[float | None]()
            for _ in range(5):
                with pytest.raises(InternalServerError):
                    await client.chat.completions.create(**CALL)
                left.append(client.statistics().scopes[SCOPE].failures_left)
            out = client.statistics().scopes[SCOPE]
    assert left == [4, 3, 2, 1, 0]
    assert (out.is_out, out.failures_left) == (True, 0)


async def test_a_snapshot_does_not_change_and_holds_no_secret() -> None:
    """It is frozen, costs of later calls do not get in, and it can be written as JSON without key or prompt."""
    with FaultServer([REPLY, REPLY]) as server:
        async with AsyncClient(api_key="key-1", base_url=server.base_url, rate_limit=LIMIT) as client:
            await client.chat.completions.create(**CALL)
            before = client.statistics()
            text = before.to_json()
            await client.chat.completions.create(**CALL)
    assert before.to_json() == text
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        before.in_flight = 3  # type: ignore[misc]
    written = json.loads(text)
    assert (written["in_flight"], written["waiting"], written["keys_set_aside"]) == (0, 0, [])
    assert written["scopes"][SCOPE]["limits"][0]["kind"] == "requests"
    assert written["costs"]["models"]["m"]["calls"] == 1
    assert "key-1" not in text + repr(before)
    assert "secret prompt" not in text + repr(before)


async def test_its_size_does_not_grow_with_the_calls() -> None:
    """A hundred waiting calls of one scope make the same value as two, but for the number."""
    with FaultServer([(Gate("one"), *REPLY)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_concurrency=1, rate_limit=None) as client:
            found = client.statistics()
            async with anyio.create_task_group() as group:
                for _ in range(101):
                    group.start_soon(partial(client.chat.completions.create, **CALL))
                await server.until(lambda server: len(server.requests) == 1)
                found = client.statistics()
                group.cancel_scope.cancel()
            assert client.statistics().waiting == client.statistics().in_flight == 0
    assert found.scopes == {SCOPE: ScopeStatistics(waiting=100)}
    assert dict(found.waiting_for) == {"slot": 100}


def test_the_synchronous_client_and_those_of_azure_have_it() -> None:
    """The same value, from any thread and before the first call."""
    with FaultServer([REPLY]) as server, Client(api_key="k", base_url=server.base_url) as client:
        assert client.statistics().open_connections == 0
        client.chat.completions.create(**CALL)
        found = client.statistics()
    assert isinstance(found, ClientStatistics)
    assert (found.in_flight, found.open_connections, found.costs.total.calls) == (0, 1, 1)
    azure = AsyncAzureClient(azure_endpoint="https://r.openai.azure.com", api_key="k", api_version="v1")
    assert (azure.statistics().in_flight, azure.statistics().scopes) == (0, {})
