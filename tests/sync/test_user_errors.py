"""Whatever class of exception code of the user's raises, its caller gets it, and the loop of all clients lives on."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from openai_async import APIConnectionError, Client, ForeignLoopError
from openai_async.testing import FaultServer, Gate, Request, Script
from tests.faults.replies import CALL, TEXT, ok


class Own(BaseException):
    """No `Exception`, and unknown to everybody."""


#: GeneratorExit and CancelledError are what Python itself uses to end generators and tasks.
CLASSES = (SystemExit, KeyboardInterrupt, Own, GeneratorExit, asyncio.CancelledError)


def raising(cls: type[BaseException]) -> Callable[..., NoReturn]:
    def call(*_: object) -> NoReturn:
        raise cls("of the user's")

    return call


def key(server: FaultServer, cls: type[BaseException], _: Path) -> None:
    with Client(api_key=raising(cls), base_url=server.base_url, trust_env=False) as client:
        client.chat.completions.create(**CALL)


def awaited_key(server: FaultServer, cls: type[BaseException], _: Path) -> None:
    async def ask() -> str:
        await asyncio.sleep(0)
        raise cls("of the user's")

    with Client(api_key=ask, base_url=server.base_url, trust_env=False) as client:
        client.chat.completions.create(**CALL)


def progress(server: FaultServer, cls: type[BaseException], _: Path) -> None:
    with Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        list(client.chat.completions.map([CALL] * 4, on_progress=raising(cls)))


def source(server: FaultServer, cls: type[BaseException], _: Path) -> None:
    def requests() -> Iterator[dict[str, Any]]:
        yield CALL
        raise cls("of the user's")

    with Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        list(client.chat.completions.map(requests()))


def key_within_a_map(server: FaultServer, cls: type[BaseException], _: Path) -> None:
    with Client(api_key=raising(cls), base_url=server.base_url, trust_env=False) as client:
        list(client.chat.completions.map([CALL] * 4))


def progress_of_a_batch(server: FaultServer, cls: type[BaseException], folder: Path) -> None:
    rows = folder / "in.jsonl"
    rows.write_text('{"messages": [{"role": "user", "content": "Hi"}]}\n' * 3, "utf-8")
    with Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        client.batch.run(rows, folder / "out.jsonl", params={"model": "m"}, on_progress=raising(cls))


def hook(server: FaultServer, cls: type[BaseException], _: Path) -> None:
    async def on_request(_: httpx.Request) -> None:
        raise cls("of the user's")

    own = httpx.AsyncClient(event_hooks={"request": [on_request]}, trust_env=False)
    with Client(api_key="k", base_url=server.base_url, http_client=own) as client:
        client.chat.completions.create(**CALL)


PLACES = (key, awaited_key, progress, source, key_within_a_map, progress_of_a_batch, hook)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_the_caller_gets_what_code_of_the_users_raises(place: Any, cls: type[BaseException], tmp_path: Path) -> None:
    """The thread that called gets it as itself; the portal goes on, and answers another client's next call."""
    with FaultServer([ok()]) as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as other:
        other.chat.completions.create(**CALL)
        portal = other._handle.portal
        with pytest.raises(cls) as caught:
            place(server, cls, tmp_path)
        assert caught.type is cls
        assert other.chat.completions.create(**CALL).text == TEXT
        assert other._handle.portal is portal


def test_a_call_of_another_thread_is_not_disturbed() -> None:
    """What is under way while a callback of another thread's exits comes to its end."""

    def answers(request: Request) -> Script:
        return (Gate("slow"), *ok()) if request.json()["model"] == "slow" else ok()

    with FaultServer(answers) as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        texts: queue.Queue[object] = queue.Queue()
        call = {**CALL, "model": "slow"}
        thread = threading.Thread(target=lambda: texts.put(client.chat.completions.create(**call).text))
        thread.start()
        server.wait_mark("slow")
        with pytest.raises(SystemExit):
            progress(server, SystemExit, Path())
        server.open_gate("slow")
        assert texts.get(timeout=60) == TEXT
        thread.join()


@pytest.mark.parametrize("how", ["cancel all tasks", "stop the loop"])
def test_code_that_ends_its_loop_ends_nothing_but_calls_under_way(how: str) -> None:
    """A key provider that stops the running loop, or cancels all of its tasks, leaves a portal that works."""

    async def key() -> str:
        loop = asyncio.get_running_loop()
        if how == "stop the loop":
            loop.stop()
        else:
            for task in asyncio.all_tasks(loop):
                task.cancel()
        await asyncio.sleep(0)
        return "k"

    with (
        FaultServer([ok()]) as server,
        Client(api_key="k", base_url=server.base_url, trust_env=False) as other,
        Client(api_key=key, base_url=server.base_url, trust_env=False) as client,
    ):
        if how == "stop the loop":
            assert client.chat.completions.create(**CALL).text == TEXT
        else:
            with pytest.raises(APIConnectionError, match="ended under way"):
                client.chat.completions.create(**CALL)
        assert other.chat.completions.create(**CALL).text == TEXT


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_portal_that_dies_wakes_whoever_waits_and_the_next_call_begins_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever ends the loop, no thread waits for it for ever, and no client is lost with it."""
    with FaultServer([(Gate("held"), *ok()), ok()]) as server:
        client = Client(api_key="k", base_url=server.base_url, max_retries=0, trust_env=False)
        caught: queue.Queue[BaseException] = queue.Queue()

        def work() -> None:
            try:
                client.chat.completions.create(**CALL)
            except BaseException as error:
                caught.put(error)

        thread = threading.Thread(target=work)
        thread.start()
        server.wait_mark("held")
        portal = client._handle.portal

        def broken(*_: object) -> NoReturn:
            monkeypatch.undo()
            raise MemoryError

        monkeypatch.setattr(portal._loop, "_run_once", broken)
        portal.post(int)
        assert isinstance(caught.get(timeout=60), APIConnectionError)
        thread.join()
        portal._thread.join()
        assert client.chat.completions.create(**CALL).text == TEXT
        assert client._handle.portal is not portal
        client.close()


def test_what_is_open_when_its_client_is_closed_says_so() -> None:
    """An iterator that is not at its end neither hangs nor raises what asyncio raises."""
    with FaultServer([ok()]) as server:
        client = Client(api_key="k", base_url=server.base_url, trust_env=False)
        client.chat.completions.create(**CALL)
        results = client.chat.completions.map([CALL] * 3)
        client.close()
        with pytest.raises(ForeignLoopError, match="closed"):
            next(results)
        assert list(results) == []
        assert client.chat.completions.create(**CALL).text == TEXT
        client.close()
