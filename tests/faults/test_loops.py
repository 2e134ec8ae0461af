"""One client over many event loops, and clients and streams that nobody closes.

Connections belong to the loop that opened them and end with it. What is left open is closed all the same, and says so
once. Every test collects garbage at its end with warnings as errors, so that nothing passes by being forgotten.
"""

from __future__ import annotations

import asyncio
import gc
import queue
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from openai_async import AsyncClient
from openai_async.errors import APIError
from openai_async.testing import FaultServer, Gate, open_sockets, sse

from .conftest import MakeClient
from .replies import CALL, EVENTS, TEXT, ok, ok_as_asked


@pytest.fixture(autouse=True)
def nothing_unraised(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing goes wrong where nobody could see it: in finalizers, callbacks and threads."""
    seen: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda problem: seen.append(f"{problem.err_msg}: {problem.exc_value!r}"))
    monkeypatch.setattr(threading, "excepthook", lambda problem: seen.append(repr(problem.exc_value)))
    sockets = open_sockets()
    yield
    gc.collect()
    assert seen == []
    assert open_sockets() <= sockets


@pytest.fixture
def run(anyio_backend: str) -> Callable[..., Any]:
    """Run a coroutine function in an event loop of its own. On asyncio, whatever its loop complains of fails."""

    def on_asyncio(main: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        complaints: list[str] = []

        async def watched() -> Any:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
            return await main(*args)

        result = asyncio.run(watched())
        assert complaints == []
        return result

    def on_trio(main: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return anyio.run(main, *args, backend="trio")

    return on_asyncio if anyio_backend == "asyncio" else on_trio


async def ask(client: AsyncClient) -> str:
    reply = await client.chat.completions.create(**CALL)
    return reply.text


def test_one_client_serves_a_hundred_loops(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """The same client in 100 runs, never closed in between: each call succeeds, and each loop closes its own."""
    with FaultServer([ok()]) as server:
        client = make_client(server.base_url)
        for number in range(1, 101):
            assert run(ask, client) == TEXT
            assert client.statistics().open_connections == 0
            server.wait_for(lambda server: server.open_connections == 0)
            assert server.accepted_connections == number
        del client


def test_many_calls_and_streams_in_each_loop(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """Loops that end with idle connections, finished streams and an unfinished map leave nothing to the next."""

    async def work(client: AsyncClient) -> None:
        assert await ask(client) == await ask(client) == TEXT
        async with client.chat.completions.stream(**CALL) as stream:
            assert (await stream.final()).text == TEXT

    async def unfinished(client: AsyncClient) -> None:
        results = client.chat.completions.map([CALL] * 8, max_in_flight=1)
        async for result in results:
            assert result.unwrap().text == TEXT
            break
        await results.aclose()

    with FaultServer(ok_as_asked) as server:
        client = make_client(server.base_url)
        for _ in range(10):
            run(work, client)
            run(unfinished, client)
            assert client.statistics().in_flight == 0


def test_loops_in_two_threads_one_after_the_other(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """A client that was used by a loop in one thread works in a loop of another, and then in the first again."""
    with FaultServer([ok()]) as server:
        client = make_client(server.base_url)
        answers: queue.Queue[str] = queue.Queue()
        for _ in range(4):
            thread = threading.Thread(target=lambda: answers.put(run(ask, client)))
            thread.start()
            thread.join()
            assert answers.get_nowait() == TEXT
            assert run(ask, client) == TEXT


def test_loops_in_two_threads_at_once_share_no_connection(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """Two loops that live at the same time keep to their own connections; one that ends leaves the other's alone."""
    first_is_in, second_is_done = threading.Event(), threading.Event()
    answers: queue.Queue[str] = queue.Queue()

    with FaultServer([ok()]) as server:
        client = make_client(server.base_url)

        async def first() -> None:
            answers.put(await ask(client))
            first_is_in.set()
            await anyio.to_thread.run_sync(second_is_done.wait)
            answers.put(await ask(client))

        thread = threading.Thread(target=lambda: run(first))
        thread.start()
        first_is_in.wait()
        assert run(ask, client) == TEXT
        second_is_done.set()
        thread.join()
        assert [answers.get_nowait(), answers.get_nowait()] == [TEXT, TEXT]
        assert [request.connection for request in server.requests] == [1, 2, 1]


def test_a_closed_client_can_be_used_again(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """`aclose` closes connections, not the client: in the same loop or another, it opens new ones."""

    async def twice(client: AsyncClient) -> None:
        for _ in range(2):
            async with client:
                assert await ask(client) == TEXT
            assert client.statistics().open_connections == 0
        await client.aclose()
        await client.aclose()

    with FaultServer([ok()]) as server:
        client = make_client(server.base_url)
        run(twice, client)
        run(twice, client)
        assert [request.connection for request in server.requests] == [1, 2, 3, 4]


def test_closing_interrupts_the_streams_that_are_open(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """A stream whose client is closed under it is interrupted, not hung, and gives its permit back."""

    async def close_under(client: AsyncClient, server: FaultServer) -> None:
        async with client.chat.completions.stream(**CALL) as stream:
            await anext(stream)
            await client.aclose()
            with pytest.raises(APIError) as caught, anyio.fail_after(30):
                await stream.final()
            assert caught.value.partial.text
        assert client.statistics().in_flight == 0
        server.open_gate("never")

    with FaultServer([sse([EVENTS[0], Gate("never"), *EVENTS[1:]])]) as server:
        run(close_under, make_client(server.base_url), server)


# Nobody closes ----------------------------------------------------------------------------------------


def warnings_of(act: Callable[[], object]) -> list[warnings.WarningMessage]:
    """The warnings until everything that `act` left is collected."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        act()
        gc.collect()
    return seen


def test_a_client_dropped_in_its_loop_leaves_no_socket(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """A client that goes out of scope unclosed is closed with its loop, without a warning or with one."""

    async def drop(base_url: str) -> None:
        assert await ask(make_client(base_url)) == TEXT
        gc.collect()

    with FaultServer([ok()]) as server:
        seen = warnings_of(lambda: run(drop, server.base_url))
        server.wait_for(lambda server: server.open_connections == 0)
    assert len(seen) <= 2  # one for the client; trio has one more for the socket under it
    assert all(warning.category is ResourceWarning for warning in seen)


def test_a_client_dropped_after_its_loop_says_nothing(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """The end of the loop has closed everything: a client that is dropped later has nothing to warn of."""
    with FaultServer([ok()]) as server:

        def drop() -> None:
            client = make_client(server.base_url)
            run(ask, client)
            del client

        assert warnings_of(drop) == []


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_dropped_stream_warns_once_and_gives_its_permit_back(
    read: int, make_client: MakeClient, run: Callable[..., Any]
) -> None:
    """A stream that goes out of scope in its middle closes itself, and says so exactly once."""

    async def drop(client: AsyncClient, server: FaultServer) -> None:
        stream = await client.chat.completions.create(**CALL, stream=True)
        for _ in range(read):
            await anext(stream)
        del stream
        gc.collect()
        assert client.statistics().in_flight == 0
        await server.until(lambda server: server.open_connections == 0)

    with FaultServer([sse([*EVENTS[:2], Gate("never")])]) as server:
        seen = warnings_of(lambda: run(drop, make_client(server.base_url), server))
    assert [(warning.category, "was never closed" in str(warning.message)) for warning in seen] == [
        (ResourceWarning, True)
    ]


def test_a_stream_dropped_after_its_loop_warns_once(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """A stream that outlives its loop has no connection left to close; it warns and gives its permit back."""
    kept: list[Any] = []

    async def keep(client: AsyncClient) -> None:
        stream = await client.chat.completions.create(**CALL, stream=True)
        await anext(stream)
        kept.append(stream)

    with FaultServer([sse([EVENTS[0], Gate("never")])]) as server:
        client = make_client(server.base_url)
        run(keep, client)
        seen = warnings_of(kept.clear)
        assert client.statistics().in_flight == 0
    assert [warning.category for warning in seen] == [ResourceWarning]


def test_a_stream_read_in_another_loop_is_interrupted(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """A stream belongs to its loop: read in the next one it is an error of ours, and the client goes on."""
    kept: list[Any] = []

    async def keep(client: AsyncClient) -> None:
        stream = await client.chat.completions.create(**CALL, stream=True)
        kept.append(stream)
        await anext(stream)

    async def go_on(client: AsyncClient) -> None:
        with pytest.raises(APIError):
            await kept.pop().final()
        async with client.chat.completions.stream(**CALL) as stream:
            assert (await stream.final()).text == TEXT

    with FaultServer([sse([EVENTS[0], Gate("never")]), sse(EVENTS)]) as server:
        client = make_client(server.base_url)
        run(keep, client)
        run(go_on, client)
        assert client.statistics().in_flight == 0


def test_a_generator_over_a_stream_dropped_early_is_quiet(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """A user's generator with the stream in a block, left early and forgotten, still closes the stream."""

    async def forget(client: AsyncClient) -> None:
        async def words() -> Any:
            async with client.chat.completions.stream(**CALL) as stream:
                async for event in stream:
                    yield event.text

        generator = words()
        assert await anext(generator) == TEXT[:2]
        await generator.aclose()
        assert client.statistics().in_flight == 0

    with FaultServer([sse([EVENTS[0], Gate("never")])]) as server:
        client = make_client(server.base_url)
        assert warnings_of(lambda: run(forget, client)) == []
        server.wait_for(lambda server: server.open_connections == 0)


def test_a_loop_that_ends_anywhere_in_a_call_leaves_nothing(make_client: MakeClient, run: Callable[..., Any]) -> None:
    """A run that cancels a call after any number of turns, and ends at once, leaves no socket and no complaint."""

    async def cut_short(client: AsyncClient, turns: int) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    with FaultServer([ok()]) as server:
        client = make_client(server.base_url)
        for turns in range(30):
            run(cut_short, client, turns)
            assert client.statistics().in_flight == client.statistics().open_connections == 0


def test_a_loop_that_ends_in_the_middle_of_calls_leaves_nothing(
    make_client: MakeClient, run: Callable[..., Any]
) -> None:
    """A run that ends by an exception while calls and streams are under way cancels them; the next run works."""

    class Enough(Exception):
        pass

    async def open_and_wait(client: AsyncClient) -> None:
        async with client.chat.completions.stream(**CALL) as stream:
            await stream.final()

    async def fail(client: AsyncClient, server: FaultServer) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(open_and_wait, client)
            await server.until_mark("open", times=4)
            raise Enough

    with FaultServer([sse([EVENTS[0], Gate("open")])]) as server:
        client = make_client(server.base_url, max_concurrency=4)
        with pytest.RaisesGroup(Enough):
            run(fail, client, server)
        assert client.statistics().in_flight == client.statistics().waiting == 0
        server.wait_for(lambda server: server.open_connections == 0)


async def test_a_cancelled_close_leaves_no_connection_open(make_client: MakeClient) -> None:
    """Cancelling `aclose` only spares its caller the waiting: every connection goes."""
    with FaultServer([ok()]) as server:
        client = make_client(server.base_url)
        async with anyio.create_task_group() as calls:
            for _ in range(3):
                calls.start_soon(ask, client)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await client.aclose()
        await server.until(lambda server: server.open_connections == 0)
