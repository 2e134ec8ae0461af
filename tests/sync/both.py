"""The tests of the asynchronous client, run over the synchronous one.

`AwaitedClient` looks like an `AsyncClient` and is a `Client`: every call goes through the generated pass-throughs, in a
thread. `over_the_client` collects the test functions of another module once more, with `AsyncClient` standing for it;
nothing is copied.
"""

from __future__ import annotations

import contextvars
import importlib
import inspect
import select
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

from openai_async import Client
from openai_async.sync._bridge.call import PortalCall
from openai_async.sync._bridge.proxies import Proxy

_END = object()
_interruption = threading.local()


async def in_thread(function: Callable[[], Any]) -> Any:
    """What a function gives in a thread of its own. Cancelling is Ctrl-C there, and waits for the thread."""
    outcome: list[Any] = []
    done = anyio.Event()
    interrupted = threading.Event()

    def run() -> Callable[[], Any]:
        _interruption.event = interrupted
        try:
            value = awaited(function())
            return lambda: value
        except BaseException as error:
            return partial(_raise, error)
        finally:
            del _interruption.event

    async def work() -> None:
        # Threads that wait for a permit must not keep those from a thread that hold one.
        with anyio.CancelScope(shield=True):
            outcome.append(await anyio.to_thread.run_sync(run, limiter=anyio.CapacityLimiter(1)))
        done.set()

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        try:
            await done.wait()
        except BaseException:
            interrupted.set()
            raise
    return outcome[0]()


def _raise(error: BaseException) -> None:
    raise error


def _wait(call: Any) -> None:
    """`PortalCall.wait` for threads that hear of no signal: what `interrupted` says is Ctrl-C to them."""
    interrupted: threading.Event | None = getattr(_interruption, "event", None)
    while not call._done:
        if select.select([call.wakeup.fd], [], [], 0.002)[0]:
            call.wakeup.wait()
        elif interrupted is not None and interrupted.is_set():
            interrupted.clear()
            raise KeyboardInterrupt


def aside(function: Callable[[], Any]) -> Any:
    """What a function gives in a thread while this one waits: for what is no coroutine on the asynchronous side."""
    with ThreadPoolExecutor(1) as pool:
        return awaited(pool.submit(contextvars.copy_context().run, function).result())


def awaited(value: Any) -> Any:
    """A value as the asynchronous side has it."""
    if isinstance(value, Proxy):
        return Awaited(value)
    return AwaitedItems(value) if inspect.isgenerator(value) else value


def plain(value: Any) -> Any:
    """An argument as the synchronous side has it."""
    return getattr(value, "sync", value)


class AwaitedItems:
    """An asynchronous iterator over a plain one."""

    def __init__(self, items: Any) -> None:
        self.sync = items

    def __aiter__(self) -> AwaitedItems:
        return self

    async def __anext__(self) -> Any:
        item = await in_thread(partial(next, self.sync, _END))
        if item is _END:
            raise StopAsyncIteration
        return item


class Awaited(AwaitedItems):
    """The asynchronous proxy of something synchronous."""

    def __getattr__(self, name: str) -> Any:
        async_attribute = inspect.getattr_static(self.sync._async_class, name, None)
        if name == "aclose":
            return partial(in_thread, self.sync.close)
        if name.startswith("_"):
            return getattr(self.sync._inner, name)
        if not inspect.isfunction(async_attribute):
            return aside(partial(getattr, self.sync, name))
        run = in_thread if inspect.iscoroutinefunction(inspect.unwrap(async_attribute)) else aside
        method = getattr(self.sync, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return run(partial(method, *map(plain, args), **kwargs))

        call.sync = method  # type: ignore[attr-defined]
        return call

    async def __aenter__(self) -> Any:
        entered = await in_thread(self.sync.__enter__)
        return self if entered.sync is self.sync else entered

    async def __aexit__(self, *reason: Any) -> Any:
        return await in_thread(partial(self.sync.__exit__, *reason))

    def __repr__(self) -> str:
        return repr(self.sync).replace("<", "<Async", 1)


def awaited_client(**settings: Any) -> Any:
    """A `Client` that passes for an `AsyncClient`."""
    return Awaited(Client(**settings))


def over_the_client(module: str, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The tests, fixtures and marks of a module, for the globals of another one: they are collected there as well.

    Args:
        module: dotted name of a test module.
        without: tests that are about something that only the asynchronous client has.
    """
    source = importlib.import_module(module)
    assert {*without} <= vars(source).keys(), f"{module} has no such tests"
    found = {
        name: value
        for name, value in vars(source).items()
        if (name.startswith("test_") or name == "pytestmark" or _is_fixture(value)) and name not in without
    }

    @pytest.fixture(autouse=True)
    def synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source, "AsyncClient", awaited_client, raising=False)
        monkeypatch.setattr(PortalCall, "wait", _wait)

    return {**found, "synchronous": synchronous}


def _is_fixture(value: object) -> bool:
    return type(value).__name__ == "FixtureFunctionDefinition" or hasattr(value, "_pytestfixturefunction")
