"""The portal: where a call runs, what it takes along, what it refuses, and what it hands over when."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import sys
import threading
import traceback
import types
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from openai_async import BadRequestError, Client, ConfigurationError, OpenAIError, StreamInterrupted
from openai_async._streams import reader as _reader
from openai_async.client import AsyncClient
from openai_async.sync._bridge import portal, wakeup
from openai_async.sync._bridge.iterators import AsyncIteratorReader, EnteredContext, IteratorProxy
from openai_async.sync._bridge.proxies import PortalHandle, Proxy
from openai_async.testing import FaultServer, Gate, Stall, json_reply, sse
from tests.faults.replies import CALL, CHUNKS, EVENTS, PIECES, TEXT, error_reply, ok, ok_as_asked, without_end


@pytest.fixture
def handle() -> Iterator[PortalHandle]:
    """A hold on the portal, of a client that sends nothing."""
    made = PortalHandle(AsyncClient(api_key="k"))
    yield made
    made.release()


@contextlib.contextmanager
def client_of(server: FaultServer, **settings: Any) -> Iterator[Client]:
    with Client(
        **{"api_key": "k", "base_url": server.base_url, "max_retries": 0, "trust_env": False, **settings}
    ) as it:
        yield it


def failure_of(function: Callable[[], object]) -> BaseException:
    """What it raises."""
    try:
        function()
    except BaseException as error:
        return error
    pytest.fail("nothing was raised")


def held(client: Client) -> int:
    return client.statistics().in_flight


# ---- calls


def test_a_call_takes_the_callers_context_along(handle: PortalHandle) -> None:
    """Tracing and the like see the same variables; what is set over there stays there."""
    variable = contextvars.ContextVar("variable", default="none")

    async def read() -> str:
        found = variable.get()
        variable.set("theirs")
        return found

    variable.set("mine")
    assert handle.call(read) == "mine"
    assert variable.get() == "mine"


def test_an_error_is_raised_as_itself(handle: PortalHandle) -> None:
    """The same object, with its cause; one that is not ours keeps its frames, for whoever has to find the bug."""
    error = LookupError("here")

    async def fail() -> None:
        raise error from KeyError("there")

    with pytest.raises(LookupError) as caught:
        handle.call(fail)
    assert caught.value is error
    assert isinstance(error.__cause__, KeyError)
    assert "fail" in [frame.name for frame in traceback.extract_tb(caught.tb)]


def test_a_callback_that_calls_the_client_is_an_error_and_no_deadlock(handle: PortalHandle) -> None:
    """The thread that would do the work is the one that would wait for it."""

    async def call_back() -> None:
        handle.call(asyncio.sleep)  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="a callback of a synchronous client cannot call one"):
        handle.call(call_back)


def test_progress_that_calls_the_client_is_an_error_and_no_deadlock() -> None:
    """The same, as a user meets it."""
    with FaultServer([ok()]) as server, client_of(server) as client:
        results = client.chat.completions.map([CALL], on_progress=lambda progress: client.costs)  # type: ignore
        with pytest.raises(RuntimeError, match="cannot call one"):
            list(results)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_call_inside_of_an_event_loop_warns(backend: str) -> None:
    """It works, and blocks the loop: the warning says so, and points to the line of the caller."""

    async def main() -> str:
        with FaultServer([ok()]) as server, client_of(server) as client:
            return client.chat.completions.create(**CALL).text

    with pytest.warns(RuntimeWarning, match="blocks the event loop") as caught:
        assert anyio.run(main, backend=backend) == TEXT
    assert {warning.filename for warning in caught} == {__file__}


async def test_a_thread_beside_an_event_loop_does_not_warn() -> None:
    """Which is how an asynchronous program uses something synchronous."""
    with FaultServer([ok()]) as server:

        def work() -> str:
            with client_of(server) as client:
                return client.chat.completions.create(**CALL).text

        assert await anyio.to_thread.run_sync(work) == TEXT


def test_a_notebook_has_a_loop_and_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs inside of a loop there."""
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)

    async def cell() -> str:
        with FaultServer([ok()]) as server, client_of(server) as client:
            return client.chat.completions.create(**CALL).text

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(cell()) == TEXT


# ---- iterators


def iterator(handle: PortalHandle, source: AsyncIterator[Any]) -> IteratorProxy[Any]:
    return IteratorProxy(AsyncIteratorReader(handle.portal, lambda: source), handle)


def test_items_come_in_order_and_in_batches(handle: PortalHandle) -> None:
    """Whatever is there is handed over together: a thousand items take a few turns, not a thousand."""
    turns = 0

    async def count() -> AsyncIterator[int]:
        for number in range(1_000):
            yield number

    class Counting:
        def call(self, function: Any) -> Any:
            nonlocal turns
            turns += 1
            return handle.call(function)

    assert [*IteratorProxy(AsyncIteratorReader(handle.portal, count), Counting())] == [*range(1_000)]
    assert 1_000 / 64 <= turns < 200


def test_no_item_waits_for_the_next_one(handle: PortalHandle) -> None:
    """The source makes an item only after the one before it was received."""
    received = threading.Semaphore(0)

    async def careful() -> AsyncIterator[int]:
        for number in range(5):
            yield number
            assert await anyio.to_thread.run_sync(lambda: received.acquire(timeout=5))

    for _ in iterator(handle, careful()):
        received.release()


def test_nothing_is_read_that_nobody_asks_for(handle: PortalHandle) -> None:
    """A consumer that stops stops the source: one batch and one item are the most that is read ahead."""
    made = 0

    async def endless() -> AsyncIterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    items = iterator(handle, endless())
    assert next(items) == 1
    handle.call(anyio.lowlevel.checkpoint)
    handle.call(anyio.lowlevel.checkpoint)
    before = made
    assert before <= 65
    handle.call(anyio.lowlevel.checkpoint)
    assert made == before
    items.close()


@pytest.mark.parametrize("way", ["close", "drop", "collect"])
def test_leaving_half_way_closes_the_source(way: str, handle: PortalHandle) -> None:
    """Closing waits for it; dropping does not, and the source is closed all the same."""
    closed = threading.Event()

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            closed.set()

    items = iterator(handle, source())
    assert next(items) == 1
    if way == "close":
        items.close()
        assert closed.is_set()
        assert [*items] == []
    elif way == "drop":
        del items
    else:
        cycle: list[Any] = [items]
        cycle.append(cycle)
        del items, cycle
        gc.collect()
    assert closed.wait(5)


def test_a_failing_source_gives_its_items_and_then_fails(handle: PortalHandle) -> None:
    """What was there before the error is not lost; after it, it is over."""

    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise LookupError("no more")

    items = iterator(handle, source())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(LookupError):
        next(items)
    assert [*items] == []


def test_each_item_goes_to_one_of_the_threads_that_iterate(handle: PortalHandle) -> None:
    """Nothing is lost or given twice."""

    async def count() -> AsyncIterator[int]:
        for number in range(2_000):
            yield number
            if number % 100 == 0:
                await anyio.lowlevel.checkpoint()

    items, taken = iterator(handle, count()), list[int]()
    threads = [threading.Thread(target=lambda: taken.extend(items)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [*range(2_000)]


# ---- context managers


def test_a_context_manager_is_entered_and_left_by_one_task(handle: PortalHandle) -> None:
    """Task groups and cancel scopes need that; an error of the block arrives inside, and can be swallowed."""
    tasks, arrived = list[Any](), list[BaseException]()

    @contextlib.asynccontextmanager
    async def manager() -> AsyncIterator[str]:
        async with anyio.create_task_group():
            tasks.append(asyncio.current_task())
            try:
                yield "entered"
            except LookupError as error:
                arrived.append(error)
            tasks.append(asyncio.current_task())

    opened = EnteredContext(handle.portal, manager())
    assert handle.call(opened.enter) == "entered"
    error = LookupError("in the block")
    assert handle.call(lambda: opened.leave(error)) is True
    assert arrived == [error]
    assert tasks[0] is tasks[1]


@pytest.mark.parametrize("when", ["entering", "leaving"])
def test_what_a_context_manager_raises_is_raised(when: str, handle: PortalHandle) -> None:
    """On the way in or on the way out."""

    @contextlib.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        if when == "entering":
            raise LookupError(when)
        yield
        raise LookupError(when)

    def enter_and_leave() -> None:
        handle.call(opened.enter)
        handle.call(lambda: opened.leave(None))

    opened = EnteredContext(handle.portal, manager())
    with pytest.raises(LookupError, match=when):
        enter_and_leave()


# ---- what wakes whom


@pytest.fixture
def without_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems without eventfd(2), or without descriptors left: locks, and the loop's own way to be woken."""
    monkeypatch.setattr(wakeup, "acquire", wakeup.LockWakeup)
    monkeypatch.setattr(wakeup, "loop_wakeup", wakeup.CallSoonWakeup)
    monkeypatch.setattr(portal, "_current", None)


@pytest.mark.usefixtures("without_counters")
def test_locks_wake_as_counters_do() -> None:
    """Calls from several threads, and a stream."""
    with FaultServer(ok_as_asked) as server, client_of(server) as client:
        create = client.chat.completions.create
        with ThreadPoolExecutor(4) as pool:
            assert [*pool.map(lambda _: create(**CALL).text, range(20))] == [TEXT] * 20
        assert "".join(chunk.text for chunk in create(**CALL, stream=True)) == TEXT


def test_a_call_is_made_even_if_no_descriptor_is_left(handle: PortalHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is out of descriptors cannot connect either, but what is connected goes on."""

    def none_left(*_: object) -> int:
        raise OSError(24, "Too many open files")

    async def work() -> str:
        return "done"

    handle.call(work)
    wakeup.after_fork()  # forgets those that are kept
    monkeypatch.setattr(os, "eventfd", none_left)
    assert handle.call(work) == "done"


# ---- streams and maps that are left


@pytest.mark.parametrize("way", ["break", "del", "close in another thread"])
def test_a_stream_that_is_left_frees_its_connection(way: str) -> None:
    """A stream that was never closed says so; either way the server is told and the permit is back."""
    with FaultServer([without_end(sse([CHUNKS[0], Gate("first"), Stall()]))]) as server, client_of(server) as client:
        stream = client.chat.completions.create(**CALL, stream=True)
        assert next(stream).text == PIECES[0]
        assert held(client) == 1
        if way == "close in another thread":
            errors = list[BaseException]()
            reader = threading.Thread(target=lambda: errors.append(failure_of(lambda: next(stream))))
            reader.start()
            stream.close()
            reader.join()
            assert isinstance(errors[0], StreamInterrupted)
        else:
            with pytest.warns(ResourceWarning, match="<Stream open, request None> was never closed"):
                del stream
        server.wait_for(lambda server: server.open_connections == 0)
        assert held(client) == 0


def test_chunks_that_arrive_together_are_handed_over_together_up_to_a_bound() -> None:
    """Each is there once and in order, and `partial` tells of those that were taken, not of those that have arrived."""
    pieces = [f"{number} " for number in range(1_000)]
    events = [CHUNKS[0] | {"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    with FaultServer([sse([*events, *EVENTS[-2:]])]) as server, client_of(server) as client:
        stream = client.chat.completions.create(**CALL, stream=True)
        found, most = list[str](), 0
        for chunk in stream:
            found.append(chunk.text)
            most = max(most, len(stream._inner._reader._decoded))
            partial = stream.partial
            assert partial is not None
            assert partial.text == "".join(found)
    assert found[:1_000] == pieces
    assert 1 < most < _reader._MAX_DECODED_AHEAD


def test_a_stream_in_a_block_is_not_closed_because_nobody_looks_at_it() -> None:
    """`with client.chat.completions.stream(...):` without a name stays open until its end."""
    with FaultServer(ok_as_asked) as server, client_of(server) as client:
        with client.chat.completions.stream(**CALL):
            gc.collect()
            assert held(client) == 1
        assert held(client) == 0


def test_a_client_that_is_dropped_closes_its_connections() -> None:
    """Without a close: when the last of client, resources and streams is gone, and not before."""
    with FaultServer(ok_as_asked) as server:
        stream = Client(api_key="k", base_url=server.base_url, trust_env=False).chat.completions.create(
            **CALL, stream=True
        )
        gc.collect()
        assert stream.final().text == TEXT
        assert server.open_connections == 1
        del stream
        gc.collect()
        server.wait_for(lambda server: server.open_connections == 0)


def test_a_closed_client_interrupts_its_streams() -> None:
    """As the asynchronous one does: with what had arrived."""
    with FaultServer([without_end(sse([CHUNKS[0], Stall()]))]) as server, client_of(server) as client:
        stream = client.chat.completions.create(**CALL, stream=True)
        next(stream)
        client.close()
        with pytest.raises(OpenAIError) as caught:
            next(stream)
        assert caught.value.partial.text == PIECES[0]  # type: ignore[attr-defined]


# ---- what a thread gives


def test_a_source_that_blocks_holds_up_nothing_else() -> None:
    """Results of a map arrive, and other calls are made, while the source of the map waits for them."""
    first = threading.Event()

    def requests() -> Iterator[dict[str, Any]]:
        yield CALL
        assert first.wait(5)  # until the first result was received
        yield CALL

    with FaultServer([ok()]) as server, client_of(server) as client:
        count = 0
        for result in client.chat.completions.map(requests()):
            assert result.unwrap().text == TEXT
            assert client.chat.completions.create(**CALL).text == TEXT
            first.set()
            count += 1
        assert count == 2


def test_a_source_is_read_by_one_thread_with_the_callers_context_and_closed_by_it() -> None:
    """Files, cursors and generators can rely on that."""
    threads, seen, variable = set[int](), list[str](), contextvars.ContextVar("variable", default="none")
    closed = threading.Event()

    def requests() -> Iterator[dict[str, Any]]:
        try:
            while True:
                threads.add(threading.get_ident())
                seen.append(variable.get())
                yield CALL
        finally:
            threads.add(threading.get_ident())
            closed.set()

    variable.set("mine")
    with FaultServer([ok()]) as server, client_of(server) as client:
        with client.chat.completions.map(requests(), max_in_flight=2) as results:
            for result in results:
                if result.index == 10:
                    break
        assert closed.wait(5)
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    assert set(seen) == {"mine"}


def test_an_endless_source_is_read_as_there_is_room() -> None:
    """Memory does not grow with the input: the window, its results, one batch, and sixteen ahead."""
    made = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal made
        while True:
            made += 1
            yield CALL

    with (
        FaultServer([ok()]) as server,
        client_of(server) as client,
        client.chat.completions.map(endless(), max_in_flight=2) as results,
    ):
        for _ in range(20):
            next(results)
        assert made <= 20 + 64 + 1 + 2 * 2 + 16 + 1


def test_the_length_of_a_source_is_known_to_progress() -> None:
    """Of lists, and of whatever else has one."""
    with FaultServer([ok()]) as server, client_of(server) as client:
        for source, total in (([CALL] * 3, 3), ({1: CALL, 2: CALL}.values(), 2), (iter([CALL]), None)):
            results = client.chat.completions.map(source)
            assert results.progress.total == total
            assert len([*results]) == (total or 1)


def test_an_error_of_the_source_ends_the_map_as_itself() -> None:
    """It is the program's own; calls that are in flight end with the map."""

    def requests() -> Iterator[dict[str, Any]]:
        yield CALL
        raise LookupError("no more")

    with FaultServer([(Stall(),)]) as server, client_of(server) as client:
        with pytest.raises(LookupError, match="no more"):
            list(client.chat.completions.map(requests()))
        assert held(client) == 0


def test_a_map_of_the_client_takes_a_method_of_the_client() -> None:
    """And says so where it is given something else."""
    with FaultServer([ok()]) as server, client_of(server) as client:
        results = client.map(client.chat.completions.create, [CALL] * 3)
        assert [result.unwrap().text for result in results] == [TEXT] * 3
        with pytest.raises(OpenAIError, match="method: must be a method of a client"):
            client.map(lambda **params: None, [CALL])  # type: ignore


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_callable_key_may_block(asynchronous: bool) -> None:
    """It is asked in a worker thread, before each attempt, and holds up no other call."""
    asked, other = threading.Event(), threading.Event()

    def key() -> str:
        if threading.current_thread() is threading.main_thread():
            raise AssertionError("asked in the caller's thread")
        asked.set()
        assert other.wait(5)
        return "token"

    async def key_later() -> str:
        return await anyio.to_thread.run_sync(key)

    with (
        FaultServer([ok()]) as server,
        client_of(server, api_key=key_later if asynchronous else key) as client,
        client_of(server) as another,
    ):
        thread = threading.Thread(target=client.chat.completions.create, kwargs=CALL)
        thread.start()
        assert asked.wait(5)
        assert another.chat.completions.create(**CALL).text == TEXT
        other.set()
        thread.join()
    assert server.requests[-1].header("authorization") == "Bearer token"


def test_a_batch_heeds_an_event_of_a_thread(tmp_path: Any) -> None:
    """`stop=threading.Event()`: what is in flight is finished and written, and the run ends."""
    source, stop = tmp_path / "in.jsonl", threading.Event()
    source.write_text('{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}\n' * 500)
    reply = json_reply({"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}]})
    with FaultServer([reply]) as server, client_of(server) as client:
        summary = client.batch.run(
            source,
            tmp_path / "out.jsonl",
            max_in_flight=2,
            stop=stop,
            on_progress=lambda progress: stop.set() if progress.done else None,
        )
        assert not summary.complete
        assert client.batch.run(source, tmp_path / "out.jsonl").complete


# ---- secrets


def locals_of(error: BaseException) -> str:
    """What a crash reporter would take along, without the frames of this file."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in report.stack if frame.filename != __file__]
    assert frames
    return "".join(f"{name}={value}" for frame in frames for name, value in (frame.locals or {}).items())


SECRET = "CanaryPrompt"
SECRET_CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": SECRET}]}


def streamed(client: Client) -> None:
    with client.chat.completions.stream(**SECRET_CALL) as stream:
        stream.final()


WAYS: dict[str, Callable[[Client], object]] = {
    "create": lambda client: client.chat.completions.create(**SECRET_CALL),
    "refused": lambda client: client.chat.completions.create(**SECRET_CALL, timeout=-1),
    "stream": streamed,
    "stream of create": lambda client: list(client.chat.completions.create(**SECRET_CALL, stream=True)),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_frame_of_an_error_holds_the_prompt(way: str) -> None:
    """As on the asynchronous side: a traceback with local variables shows neither key nor prompt."""
    broken = [without_end(sse([CHUNKS[0]]))] if "stream" in way else [error_reply(400)]
    with (
        FaultServer(broken) as server,
        client_of(server, api_key="CanaryKey") as client,
        pytest.raises(OpenAIError) as caught,
    ):
        WAYS[way](client)
    told = locals_of(caught.value) + repr(caught.value) + repr(caught.value.__context__)
    assert "Canary" not in told
    if way == "create":
        assert isinstance(caught.value, BadRequestError)
        assert len(traceback.extract_tb(caught.tb)) < 10


def test_no_frame_of_a_wrong_setting_holds_the_key() -> None:
    """The constructor's arguments are gone when its error is seen."""
    with pytest.raises(ConfigurationError) as caught:
        Client(api_key="CanaryKey", base_url="http://CanaryUser:CanaryPassword@host/v1", timeout=-1)
    assert "Canary" not in locals_of(caught.value)


def test_a_face_shows_what_it_stands_for() -> None:
    """The repr says state and request, as the asynchronous one does, and no secret."""
    with FaultServer([sse(EVENTS)]) as server, client_of(server, api_key="CanaryKey") as client:
        stream = client.chat.completions.create(**CALL, stream=True)
        assert repr(stream) == "<Stream open, request None>"
        stream.final()
        assert repr(stream) == "<Stream complete, request None>"
        assert "Canary" not in repr(client) + repr(client.chat)
        assert isinstance(client.chat, Proxy)
