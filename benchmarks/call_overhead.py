"""What one typed call costs the client: CPU time (user and system) of its process, nothing else.

`in flight` workers call as fast as they can until `--calls` are made (at least two each), on connections that
are open by then; every answer is checked. Not measured: connecting, handshakes, compression, memory, and the
time that passes, which here is that of a server which answers at once. Per cell the median over the rounds is
printed, and the ratio to `openai` (0.10: a tenth of its CPU), to `aiohttp` (a fast HTTP client that stops at
dicts) and to `raw` (bytes by hand, a floor). One wake-up of the loop serves more calls when more are in flight;
a pool that looks through its connections for each call eats that up again. The defaults take five to ten minutes,
most of them for `httpx` and `openai` with 1,000 in flight.

    python -m benchmarks.call_overhead [--calls N] [--rounds R] [--in-flight 1,16,256,1000] [--peers A,B]
        [--loop asyncio,uvloop] [--tls] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time

from benchmarks import canned_server, rounds
from benchmarks.peers import PEERS, Peer, installed, opened


def one(peer: str, base_url: str, authority: str | None, loop: str, in_flight: int, calls: int) -> float:
    """Microseconds of CPU per call of `peer`; to be run in a fresh process."""
    return rounds.run(_measure(peer, base_url, authority, in_flight, calls), loop)


async def _measure(name: str, base_url: str, authority: str | None, in_flight: int, calls: int) -> float:
    async with opened(name, base_url, authority) as peer:
        await _call(peer, in_flight, max(100, 2 * in_flight))
        gc.collect()
        before = time.process_time()
        await _call(peer, in_flight, calls)
        return (time.process_time() - before) / calls * 1e6


async def _call(peer: Peer, in_flight: int, calls: int) -> None:
    todo = iter(range(calls))

    async def work() -> None:
        for _ in todo:  # shared: each worker takes the next
            assert await peer.call("call") == (canned_server.TEXT, canned_server.TOTAL_TOKENS)

    async with asyncio.TaskGroup() as workers:
        for _ in range(in_flight):
            workers.create_task(work())


def parser() -> argparse.ArgumentParser:
    """The options; `--help` explains the figures, too."""
    options = rounds.parser(__doc__, rounds=5, peers=PEERS)
    options.add_argument("--calls", type=int, default=1_000, help="least calls per cell (%(default)s)")
    options.add_argument("--in-flight", type=rounds.names, default=["1", "16", "256", "1000"], metavar="N,N")
    rounds.add_loop(options)
    options.add_argument("--tls", action="store_true", help="over TLS; needs trustme")
    return options


def measure(chosen: argparse.Namespace) -> rounds.Figure:
    """Measure every peer under every condition, `--rounds` times over."""
    figure = rounds.Figure(
        title="Client CPU per typed call, in microseconds",
        condition="in flight",
        baselines=("openai", "aiohttp", "raw"),
        settings={"calls": chosen.calls, "rounds": chosen.rounds},
    )
    peers, loops = installed(chosen.peers), rounds.loops(chosen.loop)
    rounds.allow_connections(max(map(int, chosen.in_flight)))
    with canned_server.running(tls=chosen.tls) as server:
        for _ in range(chosen.rounds):
            for loop in loops:
                for width in map(int, chosen.in_flight):
                    for peer in peers:
                        cell = {"peer": peer, "loop": loop, "in_flight": width, "calls": max(chosen.calls, 2 * width)}
                        spent = rounds.fresh("benchmarks.call_overhead:one", **server.address, **cell)
                        figure.add(rounds.condition(f"{width:,}", loop, tls=chosen.tls), peer, spent)
    return figure


def main() -> None:
    """Measure, and print."""
    chosen = parser().parse_args()
    measure(chosen).show(as_json=chosen.json)


if __name__ == "__main__":
    main()
