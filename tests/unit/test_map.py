"""Maps: who goes first, what ends them, and what they may spend. On real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from openai_async import AsyncClient, AsyncMap, InvalidParameterError, RateLimit, Result
from openai_async.emulator import Emulator, Latency
from openai_async.testing import FaultServer, Request, Script, json_reply

MODEL = "emulated-mini"
CHEAP = {MODEL: (1.0, 1.0)}


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(latency=Latency(first_token=0.002))


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[AsyncClient]:
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_concurrency=1, prices=CHEAP) as client:
            yield client


def named(name: str, count: int) -> Iterator[dict[str, Any]]:
    """Requests that the server's ledger knows by their names."""
    for number in range(count):
        content = [{"role": "user", "content": "Hello!"}]
        yield {"messages": content, "extra_headers": {"x-client-request-id": f"{name}{number}"}}


def order(emulator: Emulator) -> list[str]:
    """The names of requests in the order in which they were sent."""
    emulator.ledger.wait_idle()
    return [entry.client_request_id or "" for entry in emulator.ledger.entries()]


async def race(client: AsyncClient, emulator: Emulator, first: tuple[int, Any], second: tuple[int, Any]) -> list[str]:
    """Two maps that share one slot, "a" and then "b": of so many calls, with such a priority. The order of all."""

    async def take(name: str, count: int, priority: Any) -> None:
        async for result in client.chat.completions.map(
            named(name, count), model=MODEL, max_completion_tokens=1, priority=priority, max_in_flight=8
        ):
            result.unwrap()
            begun.set()

    begun = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(take, "a", *first)
        await begun.wait()
        group.start_soon(take, "b", *second)
    return order(emulator)


# ---- who goes first


async def test_two_maps_take_turns(client: AsyncClient, emulator: Emulator) -> None:
    """A short map that begins later does not wait for the end of a long one."""
    names = await race(client, emulator, (40, "default"), (5, "default"))
    places = [place for place, name in enumerate(names) if name[0] == "b"]
    assert 7 <= places[-1] - places[0] <= 9  # every other turn
    assert places[-1] < 40


@pytest.mark.parametrize(("low", "high"), [("batch", "default"), ("default", "interactive")])
async def test_a_higher_class_goes_first(client: AsyncClient, emulator: Emulator, low: str, high: str) -> None:
    """Calls of a higher class go one after the other, before those that waited already."""
    names = await race(client, emulator, (30, low), (5, high))
    places = [place for place, name in enumerate(names) if name[0] == "b"]
    assert places[-1] - places[0] <= 5  # one turn may have been the tenth


async def test_a_lower_class_is_not_starved(client: AsyncClient, emulator: Emulator) -> None:
    """Every tenth turn is the lowest waiting class's."""
    names = await race(client, emulator, (40, "interactive"), (3, "batch"))
    assert max(place for place, name in enumerate(names) if name[0] == "b") < 40


async def test_a_refused_call_goes_again_before_the_rest_of_its_map() -> None:
    """A 429 sends nobody to the end of the line: the call is next when the server takes requests again."""
    names: list[str] = []

    def answer(request: Request) -> Script:
        names.append(request.header("x-client-request-id") or "")
        if len(names) == 3:
            body = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
            return json_reply(body, 429, [("retry-after-ms", "20")])
        message = {"role": "assistant", "content": "Hello!"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json_reply({"id": "c", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]})

    with FaultServer(answer) as server:
        limit = RateLimit(requests_per_minute=60_000)
        async with AsyncClient(api_key="k", base_url=server.base_url, max_concurrency=1, rate_limit=limit) as client:
            async for result in client.chat.completions.map(named("a", 6), model=MODEL, max_in_flight=4):
                result.unwrap()
    assert names[2] == names[3]
    assert sorted({*names}) == [f"a{number}" for number in range(6)]
    assert len(names) == 7


# ---- what it may spend


async def spend(client: AsyncClient, count: int, **bounds: Any) -> tuple[AsyncMap[Any], list[Result[Any]]]:
    requests = ({"messages": [{"role": "user", "content": "Hello!"}]} for _ in range(count))
    results = client.chat.completions.map(requests, model=MODEL, max_completion_tokens=2, max_in_flight=64, **bounds)
    return results, [result async for result in results]


async def test_tokens_are_bounded(emulator: Emulator) -> None:
    """No call is started that would pass the bound, although 64 may be in flight; the results so far are all there."""
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            _, (one,) = await spend(client, 1)
            each = one.unwrap().usage.total_tokens
            results, found = await spend(client, 500, max_total_tokens=20 * each)
    assert results.stopped == "max_total_tokens"
    assert len(found) == 20
    assert results.progress.tokens == 20 * each
    assert emulator.stats.requests == 21


async def test_dollars_are_bounded(emulator: Emulator) -> None:
    """The same for the cost, by the prices that the client knows."""
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, prices=CHEAP) as client:
            _, (one,) = await spend(client, 1)
            results, found = await spend(client, 500, max_cost=19.5 * one.unwrap().cost)
    assert results.stopped == "max_cost"
    assert len(found) == 20
    assert results.progress.cost == pytest.approx(20 * one.unwrap().cost)


async def test_a_price_that_is_not_known_stops_at_once(emulator: Emulator) -> None:
    """Dollars cannot be bounded without a price: the first answers end the map."""
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            results, found = await spend(client, 500, max_cost=1_000)
    assert results.stopped == "max_cost"
    assert len(found) <= 8


async def test_a_bound_that_is_not_reached_changes_nothing(emulator: Emulator) -> None:
    """All calls are made, and the map says that nothing stopped it."""
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, prices=CHEAP) as client:
            results, found = await spend(client, 50, max_total_tokens=10**6, max_cost=10**6)
    assert (results.stopped, len(found)) == (None, 50)


@pytest.mark.parametrize("bound", [{"max_cost": 0}, {"max_total_tokens": -5}])
async def test_a_bound_that_cannot_be_is_refused(client: AsyncClient, bound: dict[str, Any]) -> None:
    """The error names the argument, before anything is read or sent."""
    with pytest.raises(InvalidParameterError, match=next(iter(bound))):
        client.chat.completions.map([], model=MODEL, **bound)


# ---- what ends it


async def test_a_closed_map_is_at_its_end(client: AsyncClient) -> None:
    """Iterating after `aclose()`, or after leaving the block, ends at once, whether it was begun or not."""
    for begun in (False, True):
        async with client.chat.completions.map(named("a", 5), model=MODEL) as results:
            if begun:
                (await anext(results)).unwrap()
        assert [result async for result in results] == []


async def test_a_map_that_is_closed_from_elsewhere_lets_its_reader_go(client: AsyncClient, emulator: Emulator) -> None:
    """Who waits for a result comes to the end, and both the closing and the reading return."""
    emulator.latency = Latency(first_token=3_600)
    results = client.chat.completions.map(named("a", 5), model=MODEL)
    found: list[Any] = []

    async def read() -> None:
        found.extend([result async for result in results])
        done.set()

    done = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(read)
        while not emulator.stats.in_flight:
            await anyio.lowlevel.checkpoint()
        group.start_soon(results.aclose)
        await results.aclose()
        await done.wait()
    assert not found
    assert client.waiting_for == {}
