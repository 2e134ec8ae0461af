"""Maps that are dropped before their end: nothing more is sent, nothing is left behind, and one warning says so."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from openai_async import AsyncClient, AsyncMap, Client
from openai_async.testing import FaultServer, Request, Script, Stall, json_reply, no_leaks

CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
}
MANY = 2_000
WINDOW = 16
ANSWERED = 4
#: Requests that are read at most: answered ones, those in flight and as many finished ones, and one in hand.
MOST = ANSWERED + 2 * WINDOW + 1
HELLO = [{"role": "user", "content": "Hello!"}]


class Source:
    """Requests that count how many were taken, and whether they were closed."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            for self.taken in range(1, MANY + 1):
                yield {"messages": [{"role": "user", "content": str(self.taken)}]}
        finally:
            self.closed = True

    async def awaited(self) -> AsyncIterator[dict[str, Any]]:
        try:
            for request in self:
                await anyio.lowlevel.checkpoint()
                yield request
        finally:
            await anyio.lowlevel.checkpoint()
            self.closed = True


def first_ones(count: int) -> Callable[[Request], Script]:
    """Answers the first so many requests, and keeps the others waiting."""
    seen = iter(range(MANY))
    return lambda request: json_reply(CHAT) if next(seen) < count else (Stall(),)


async def leave_by_break(results: list[AsyncMap[Any]]) -> None:
    async for result in results.pop():
        result.unwrap()
        break


async def leave_by_exception(results: list[AsyncMap[Any]]) -> None:
    try:
        async for result in results.pop():
            result.unwrap()
            raise KeyError("in the body of the loop")
    except KeyError:
        pass


async def leave_by_cancelling(results: list[AsyncMap[Any]]) -> None:
    with anyio.CancelScope() as scope:
        async for result in results.pop():
            result.unwrap()
            scope.cancel()
            await anyio.sleep_forever()


async def leave_to_the_collector(results: list[AsyncMap[Any]]) -> None:
    cycle: list[Any] = [results.pop()]
    cycle.append(cycle)
    await anext(cycle[0])
    del cycle
    gc.collect()


async def leave_to_another_thread(results: list[AsyncMap[Any]]) -> None:
    held = [results.pop()]
    await anext(held[0])
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()


WAYS = (leave_by_break, leave_by_exception, leave_by_cancelling, leave_to_the_collector, leave_to_another_thread)


@pytest.mark.slow
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("way", WAYS)
async def test_a_map_that_is_dropped_ends(way: Any, awaited: bool) -> None:
    """The source is read no further and closed, calls in flight are cancelled, and one warning is given."""
    source = Source()
    with FaultServer(first_ones(ANSWERED)) as server:
        async with no_leaks(), AsyncClient(api_key="k", base_url=server.base_url) as client:
            requests = source.awaited() if awaited else source
            results = [client.chat.completions.map(requests, model="m", max_in_flight=WINDOW, ordered=False)]
            with pytest.warns(ResourceWarning, match="left before its end") as warned:
                await way(results)
            await ended(client, server, source)
    assert len(server.requests) <= source.taken <= MOST
    assert len(warned) == 1


async def ended(client: AsyncClient, server: FaultServer, source: Source) -> None:
    """Wait until no call holds anything. Connections that were answered may be kept."""
    while client.statistics().in_flight or not source.closed:
        await anyio.lowlevel.checkpoint()
    await server.until(lambda server: server.open_connections <= ANSWERED)


async def test_where_warnings_are_errors_it_ends_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls are cancelled before the warning is given."""
    raised: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda hooked: raised.append(hooked.exc_type))
    source = Source()
    with FaultServer(first_ones(ANSWERED)) as server:
        async with no_leaks(), AsyncClient(api_key="k", base_url=server.base_url) as client:
            results = client.chat.completions.map(source, model="m", max_in_flight=WINDOW, ordered=False)
            await anext(results)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                del results
            await ended(client, server, source)
    assert raised == [ResourceWarning]
    assert source.taken <= MOST


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_end_of_the_loop_ends_a_map(backend: str) -> None:
    """A map that somebody still holds when the loop ends makes no further call, and leaves nothing open."""
    source = Source()
    kept: list[AsyncMap[Any]] = []

    async def main(url: str) -> None:
        client = AsyncClient(api_key="k", base_url=url)
        kept.append(client.chat.completions.map(source.awaited(), model="m", max_in_flight=WINDOW, ordered=False))
        (await anext(kept[0])).unwrap()

    with FaultServer(first_ones(ANSWERED)) as server:
        anyio.run(main, server.base_url, backend=backend)
        assert source.closed
        server.wait_for(lambda server: server.open_connections == 0)
        assert len(server.requests) <= source.taken <= MOST
        with pytest.warns(ResourceWarning, match="left before its end"):
            kept.clear()


async def test_a_map_that_was_not_begun_or_read_to_its_end_warns_of_nothing() -> None:
    """There was nothing to lose."""
    with FaultServer(lambda request: json_reply(CHAT)) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            requests: list[dict[str, Any]] = [{"messages": HELLO}] * 3
            client.chat.completions.map(requests, model="m")
            results = client.chat.completions.map(requests, model="m")
            assert len([result async for result in results]) == 3
            results = client.chat.completions.map(requests, model="m")
            for _ in requests:  # and the end is not asked for
                (await anext(results)).unwrap()
            del results
    assert len(server.requests) == 6


async def test_tasks_share_a_map() -> None:
    """Each result goes to one of the tasks that iterate, and all of them come to the end."""
    found: list[int] = []
    with FaultServer(lambda request: json_reply(CHAT)) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            results = client.chat.completions.map([{"messages": HELLO}] * 40, model="m", max_in_flight=4)

            async def read() -> None:
                async for result in results:
                    result.unwrap()
                    found.append(result.index)
                    await anyio.lowlevel.checkpoint()

            with anyio.fail_after(30):
                async with anyio.create_task_group() as group:
                    for _ in range(3):
                        group.start_soon(read)
    assert sorted(found) == list(range(40))


def test_a_map_of_threads_that_is_dropped_ends() -> None:
    """The synchronous client does the same: break out of the loop, and the calls are cancelled."""
    source = Source()
    with FaultServer(first_ones(ANSWERED)) as server, Client(api_key="k", base_url=server.base_url) as client:
        with pytest.warns(ResourceWarning, match="left before its end") as warned:
            next(client.chat.completions.map(source, model="m", max_in_flight=WINDOW, ordered=False)).unwrap()
        server.wait_for(lambda server: source.closed and server.open_connections <= ANSWERED)
        assert source.taken <= MOST
        results = client.chat.completions.map([{"messages": HELLO}], model="m")
        client.chat.completions.map([{"messages": HELLO}], model="m")
        results.close()
        del results
    assert len(warned) == 1
