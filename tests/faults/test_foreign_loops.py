"""What is open belongs to the loop and the process that opened it; all others are told so, and disturb nothing."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from openai_async import APIConnectionError, AsyncClient, ForeignLoopError
from openai_async.testing import FaultServer, Gate, Request, Script, Send, respond, sse

from .conftest import MakeClient
from .replies import CALL, EVENTS, TEXT, ok


def answers(request: Request) -> Script:
    """A stream that pauses after its first event; a file that pauses within; a reply that waits."""
    if request.method == "GET":
        head, *_ = respond(headers={"content-length": "2"}, framing="close")
        return head, Send(b"a"), Gate("download"), Send(b"b")
    if not request.json().get("stream"):
        return (Gate("reply"), *ok())
    first, second, *rest = sse(EVENTS)
    return (first, second, Gate("stream"), *rest)


async def elsewhere(read: Callable[[], Awaitable[object]], backend: str) -> BaseException | None:
    """What reading raises on another loop, in another thread, while this loop runs."""
    caught: list[BaseException] = []

    async def main() -> None:
        try:
            await read()
        except BaseException as error:
            caught.append(error)

    await anyio.to_thread.run_sync(lambda: anyio.run(main, backend=backend))
    return caught[0] if caught else None


async def opened(client: AsyncClient, kind: str) -> tuple[Any, Callable[[Any], Awaitable[object]], object]:
    """Something that is open and has given its first part; how to read on; what is left to read."""
    if kind == "stream":
        stream = await client.chat.completions.create(**CALL, stream=True)
        await anext(stream)
        return stream, lambda it: it.final(), TEXT
    if kind == "download":
        download = await client.files.stream_content("file-1").__aenter__()
        await anext(download)
        return download, lambda it: it.read(), b"b"
    results = client.chat.completions.map([CALL] * 2, max_in_flight=1)
    return results, lambda it: anext(it), TEXT


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["stream", "download", "map"])
@pytest.mark.parametrize("stack", ["asyncio-direct", "asyncio-httpx", "trio-httpx"], indirect=True)
async def test_another_loop_is_refused_and_the_owner_reads_on(
    make_client: MakeClient, kind: str, anyio_backend: str
) -> None:
    """Reading in another thread's loop raises at once; the loop that opened it reads it to its end all the same."""
    with FaultServer(answers) as server:
        async with make_client(server.base_url) as client:
            it, read, rest = await opened(client, kind)
            if kind == "map":
                server.open_gate("reply")
                assert (await anext(it)).unwrap().text == rest
            assert isinstance(await elsewhere(lambda: read(it), anyio_backend), ForeignLoopError)
            server.open_gate(kind if kind != "map" else "reply")
            found = await read(it)
            assert rest in (found, getattr(found, "text", None), getattr(getattr(found, "value", None), "text", None))
            await it.aclose()
        assert client.statistics().in_flight == 0


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("stack", ["asyncio-direct", "asyncio-httpx"], indirect=True)
def test_a_stream_whose_loop_has_ended_is_interrupted(make_client: MakeClient, closed: bool) -> None:
    """Also where the loop was closed, or just stopped, without ending what ran on it: `partial` holds what came."""
    with FaultServer(answers) as server:
        client = make_client(server.base_url)
        loop = asyncio.new_event_loop()

        async def begin() -> Any:
            stream = await client.chat.completions.create(**CALL, stream=True)
            await anext(stream)
            return stream

        stream = loop.run_until_complete(begin())
        if closed:
            loop.close()
        with pytest.raises(APIConnectionError, match="event loop that it was opened on has ended") as caught:
            asyncio.run(stream.final())
        assert caught.value.partial.text == TEXT[:2]
        assert client.statistics().in_flight == 0
        if not closed:
            loop.run_until_complete(client.aclose())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
        del stream, caught
        gc.collect()


FORKED = """
import asyncio, gc, os, sys
from openai_async import AsyncClient, Client, ForeignLoopError
CALL = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
GO_ON = "go on" + chr(10)
SETTINGS = {"api_key": "k", "base_url": sys.argv[1], "trust_env": False, "max_concurrency": 1, "max_retries": 0}

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0

def refused(read):
    try:
        read()
    except ForeignLoopError:
        return
    raise AssertionError("it was read")

# The asynchronous client, whose only slot is held by a stream of the parent.
async def main():
    client = AsyncClient(**SETTINGS)
    stream = await client.chat.completions.create(**CALL, stream=True)
    await anext(stream)
    def work():
        nonlocal stream
        asyncio.events._set_running_loop(None)
        refused(lambda: asyncio.run(stream.final()))
        asyncio.run(stream.aclose())
        stream = None
        gc.collect()
        assert asyncio.run(client.chat.completions.create(**CALL)).text == "Hello!"
    child(work)
    print("stream", flush=True)
    assert sys.stdin.readline() == GO_ON
    assert (await stream.final()).text == "Hello!"
    await client.aclose()
asyncio.run(main())

# The synchronous one.
with Client(**SETTINGS) as client, client.chat.completions.create(**CALL, stream=True) as stream:
    next(stream)
    def work():
        refused(lambda: next(stream))
        stream.close()
        assert client.chat.completions.create(**CALL).text == "Hello!"
    child(work)
    assert stream.final().text == "Hello!"
print("end", flush=True)
"""


def test_a_forked_child_is_refused_the_parents_stream_and_makes_calls_of_its_own() -> None:
    """A stream that is open while the process forks: the child may not read it, the parent reads it to its end."""

    def streams(request: Request) -> Script:
        return answers(request) if request.json().get("stream") else ok()

    with FaultServer(streams) as server:
        program = [
            sys.executable,
            "-W",
            "error::ResourceWarning",
            "-W",  # CPython 3.12 and later warn of any fork beside another thread
            "ignore::DeprecationWarning",
            "-c",
            FORKED,
            server.base_url,
        ]
        pipe = subprocess.PIPE
        with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as parent:
            try:
                assert parent.stdout is not None
                assert parent.stdout.readline() == "stream\n"
                server.open_gate("stream")
                assert parent.communicate("go on\n", timeout=60) == ("end\n", "")
            finally:
                parent.kill()


INTERRUPTED = """
import asyncio, sys
from openai_async import AsyncClient
CALL = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
async def main():
    async with AsyncClient(api_key="k", base_url=sys.argv[1], trust_env=False) as client:
        async for result in client.chat.completions.map([CALL] * 1000, max_in_flight=8):
            print(result.index, flush=True)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
"""


def test_ctrl_c_ends_a_map_and_sends_nothing_more() -> None:
    """With calls in flight that never end: the program ends as interrupted programs do, and no call is sent after."""
    numbers = iter(range(10_000))

    def answers(_: Request) -> Script:
        return ok() if next(numbers) < 4 else (Gate("never"), *ok())

    with FaultServer(answers) as server:
        program = [sys.executable, "-X", "dev", "-W", "error", "-c", INTERRUPTED, server.base_url]
        with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            try:
                server.wait_mark("never", 8, timeout=60)
                child.send_signal(signal.SIGINT)
                said, complaints = child.communicate(timeout=60)
            finally:
                child.kill()
        server.wait_for(lambda server: server.open_connections == 0, timeout=60)
        *printed, last = said.split()
        assert (printed, last) == (["0", "1", "2", "3"][: len(printed)], "interrupted")
        assert child.returncode == -signal.SIGINT
        assert complaints.splitlines()[-1] == "KeyboardInterrupt"
        assert "Warning" not in complaints
        assert "never retrieved" not in complaints
        assert len(server.requests) == 12
