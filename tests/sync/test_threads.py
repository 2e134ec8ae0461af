"""Many threads on one client: one limiter, one pool, no deadlock; and thousands of calls from one thread."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from openai_async import APIConnectionError, Client, ConcurrentReadError, RateLimit
from openai_async.testing import Chunk, FaultServer, Gate, open_sockets, respond, sse

MODEL = "emulated-mini"
MESSAGES = [{"role": "user", "content": "Hello!"}]
CALL: dict[str, Any] = {"model": MODEL, "messages": MESSAGES}

#: A server with limits, in a process of its own: what it sees does not depend on this one's threads.
SERVER = """
import json, sys
from openai_async.emulator import Emulator, Latency, RateLimits
limits = RateLimits(requests_per_minute=60 * float(sys.argv[1]), window=1)
emulator = Emulator(limits=limits, latency=Latency(first_token=0.01))
with emulator.run() as server:
    print(server.base_url, flush=True)
    sys.stdin.readline()
    emulator.ledger.wait_idle()
    print(json.dumps(emulator.ledger.snapshot()), flush=True)
"""


@contextmanager
def limited(requests_per_second: int, seen: dict[str, int]) -> Iterator[str]:
    """The base URL of such a server; `seen` holds its totals afterwards."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(requests_per_second)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
        told, _ = server.communicate("\n", timeout=20)
        seen.update(json.loads(told))
    finally:
        server.kill()
        server.communicate()


def call(client: Client, number: int) -> None:
    """A call, or a stream."""
    asked: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, "max_completion_tokens": 4}
    if number % 3:
        assert client.chat.completions.create(**asked).text
    else:
        with client.chat.completions.stream(**asked) as stream:
            assert "".join(stream.text) == stream.final().text


def run_threads(threads: int, calls: int, requests_per_second: int) -> None:
    seen: dict[str, int] = {}
    sockets = open_sockets()
    with limited(requests_per_second, seen) as base_url:
        limit = RateLimit(requests_per_second=requests_per_second)
        with (
            Client(api_key="k", base_url=base_url, rate_limit=limit, max_concurrency=8, trust_env=False) as client,
            ThreadPoolExecutor(threads) as pool,
        ):
            for _ in pool.map(lambda number: call(client, number), range(threads * calls)):
                pass
            assert client.costs.models
            assert client.statistics().in_flight == 0
    assert seen["ok"] == threads * calls
    assert seen["rate_limited"] == 0
    assert 1 < seen["max_in_flight"] <= 8
    assert open_sockets() <= sockets + 1  # the other process's pipe is none


def test_threads_share_one_limiter() -> None:
    """The server never sees more than the limits, of requests in a second and at a time; every call succeeds."""
    run_threads(16, 60, 400)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_many_threads_share_one_limiter() -> None:
    """64 threads with 500 calls each: no refusal, no deadlock."""
    run_threads(64, 500, 1_500)


def test_one_thread_runs_a_thousand_calls_at_once() -> None:
    """A map needs no threads for its calls: they are all in flight together."""
    seen: dict[str, int] = {}
    with (
        limited(1_000_000, seen) as base_url,
        Client(api_key="k", base_url=base_url, rate_limit=None, trust_env=False) as client,
    ):
        before = threading.active_count()
        requests = [{"messages": MESSAGES}] * 1_000
        for index, result in enumerate(
            client.chat.completions.map(requests, model=MODEL, max_completion_tokens=1, max_in_flight=200)
        ):
            assert result.index == index
            assert result.unwrap().text
            assert threading.active_count() <= before + 1
        assert index == 999
    assert seen["ok"] == 1_000
    assert seen["max_in_flight"] > 50


def test_two_clients_share_one_thread_and_the_last_ends_it() -> None:
    """The portal is one per process, started by the first call and ended with the last client."""

    def portals() -> int:
        return sum(thread.name == "openai-async" for thread in threading.enumerate())

    seen: dict[str, int] = {}
    with limited(1_000_000, seen) as base_url:
        one = Client(api_key="k", base_url=base_url, trust_env=False)
        two = Client(api_key="k", base_url=base_url, trust_env=False)
        assert portals() == 0
        one.models.list()
        two.models.list()
        assert portals() == 1
        one.close()
        assert portals() == 1
        two.close()
        assert portals() == 0
        two.models.list()  # it can be used again
        assert portals() == 1
        two.close()
        assert portals() == 0
    assert seen["ok"] == 3


# ---- two threads on one reply


@pytest.mark.parametrize("kind", ["stream", "download"])
def test_threads_that_read_one_reply_do_not_hang(kind: str) -> None:
    """Who comes second while another thread waits is told so, and closing wakes the one that waits."""
    pieces: Any = sse([{"choices": [{"index": 0, "delta": {"content": "a"}}]}, Gate("rest")])
    if kind == "download":
        pieces = (respond(framing="chunked")[0], Chunk(b"a"), Gate("rest"))
    found: list[Any] = []
    errors: list[Exception] = []

    def read(body: Any) -> None:
        try:
            found.extend(body)
        except APIConnectionError as error:
            errors.append(error)

    with FaultServer(lambda request: pieces) as server, Client(api_key="k", base_url=server.base_url) as client:
        opened: Any = client.files.stream_content("f") if kind == "download" else client.chat.completions.stream(**CALL)
        with opened as body:
            thread = threading.Thread(target=read, args=(body,))
            thread.start()
            server.wait_for(lambda server: body._body.reading and server.marks["rest"])
            with pytest.raises(ConcurrentReadError):
                body.read() if kind == "download" else body.final()
            body.close()
            thread.join()
        server.open_gate("rest")
    assert [str(error) for error in errors] == [errors[0].args[0]]
    assert "closed before its end" in str(errors[0])
