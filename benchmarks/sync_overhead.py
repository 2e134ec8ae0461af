"""What it costs to call from threads: CPU time (user and system) of the client's process, nothing else.

`openai_async` is our asynchronous client with as many tasks as the others have threads; `sync` is the same client
behind `Client`, `openai` the official SDK's own synchronous client. Conditions: whole replies from one and from sixteen
threads, streams of 200 chunks that come 50 in a write (`burst`) and one by one (`spaced`), one after the other. Every
answer is checked, connections are open by then. `sync` minus `openai_async` is what the facade costs: a call is one hop
to another thread and back, a chunk that has arrived is none. The ratios read as in `call_overhead`.

    python -m benchmarks.sync_overhead [--calls N] [--rounds R] [--peers A,B] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import canned_server, rounds
from benchmarks.peers import MESSAGES, STREAMED, TIMEOUT

PEERS = ("openai_async", "sync", "openai")
#: name: model, threads, share of `--calls`, and by how much the cost of a request is divided
CONDITIONS = {
    "call, 1 thread": ("call", 1, 1.0, 1),
    "call, 16 threads": ("call", 16, 1.0, 1),
    "chunk, burst": ("burst", 1, 0.05, 200),
    "chunk, spaced": ("spaced", 1, 0.002, 200),
}


def one(peer: str, base_url: str, authority: str | None, condition: str, calls: int) -> float:
    """Microseconds of CPU per call, or per chunk, of `peer`; to be run in a fresh process."""
    model, threads, share, per_call = CONDITIONS[condition]
    calls = max(threads, round(calls * share))
    if peer == "openai_async":
        return asyncio.run(_in_tasks(base_url, model, threads, calls)) / per_call
    with _client(peer, base_url) as client:
        return _in_threads(_work(client, _warm(model)), _work(client, model), threads, calls) / per_call


def _warm(model: str) -> str:
    """What connections are opened with: nobody waits for a stream of two seconds."""
    return "burst" if model == "spaced" else model


def _client(peer: str, base_url: str) -> Any:
    if peer == "sync":
        from openai_async import Client

        return Client(api_key="k", base_url=base_url, timeout=TIMEOUT)
    from openai import OpenAI

    return OpenAI(api_key="k", base_url=base_url)


def _work(client: Any, model: str) -> Callable[[], None]:
    create = client.chat.completions.create

    def call() -> None:
        reply = create(model=model, messages=MESSAGES)
        assert (reply.choices[0].message.content, reply.usage.total_tokens) == _WHOLE

    def stream() -> None:
        texts = [
            chunk.choices[0].delta.content or ""
            for chunk in create(model=model, messages=MESSAGES, **STREAMED)
            if chunk.choices
        ]
        assert "".join(texts) == canned_server.TEXT

    return call if model == "call" else stream


_WHOLE = (canned_server.TEXT, canned_server.TOTAL_TOKENS)


def _in_threads(warm: Callable[[], None], work: Callable[[], None], threads: int, calls: int) -> float:
    todo = iter(range(calls))

    def worker(_: int) -> None:
        for _ in todo:  # shared: each thread takes the next
            work()

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda _: warm(), range(20 * threads)):
            pass
        gc.collect()
        before = time.process_time()
        list(pool.map(worker, range(threads)))
        return (time.process_time() - before) / calls * 1e6


async def _in_tasks(base_url: str, model: str, tasks: int, calls: int) -> float:
    from openai_async import AsyncClient

    async with AsyncClient(api_key="k", base_url=base_url, timeout=TIMEOUT) as client:
        create = client.chat.completions.create

        async def work(model: str) -> None:
            if model == "call":
                reply = await create(model=model, messages=MESSAGES)
                assert reply.usage is not None
                assert (reply.choices[0].message.content, reply.usage.total_tokens) == _WHOLE
            else:
                chunks = await create(model=model, messages=MESSAGES, **STREAMED)
                texts = [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]
                assert "".join(texts) == canned_server.TEXT

        todo = iter(range(calls))

        async def worker() -> None:
            for _ in todo:
                await work(model)

        for _ in range(20):
            await asyncio.gather(*(work(_warm(model)) for _ in range(tasks)))
        gc.collect()
        before = time.process_time()
        await asyncio.gather(*(worker() for _ in range(tasks)))
        return (time.process_time() - before) / calls * 1e6


def parser() -> argparse.ArgumentParser:
    """The options; `--help` explains the figures, too."""
    options = rounds.parser(__doc__, rounds=3, peers=PEERS)
    options.add_argument("--calls", type=int, default=2_000, help="calls per cell (%(default)s)")
    return options


def measure(chosen: argparse.Namespace) -> rounds.Figure:
    """Measure every peer under every condition, `--rounds` times over."""
    figure = rounds.Figure(
        title="Client CPU per call, and per streamed chunk, from threads, in microseconds",
        condition="what",
        baselines=("openai", "openai_async"),
        settings={"calls": chosen.calls, "rounds": chosen.rounds},
    )
    with canned_server.running() as server:
        for _ in range(chosen.rounds):
            for condition in CONDITIONS:
                for peer in chosen.peers:
                    cell = {"peer": peer, "condition": condition, "calls": chosen.calls}
                    figure.add(condition, peer, rounds.fresh("benchmarks.sync_overhead:one", **server.address, **cell))
    return figure


def main() -> None:
    """Measure, and print."""
    chosen = parser().parse_args()
    measure(chosen).show(as_json=chosen.json)


if __name__ == "__main__":
    main()
