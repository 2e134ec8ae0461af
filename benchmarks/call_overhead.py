"""What one typed call costs the client: CPU time (user and system) of its process, nothing else.

`in flight` workers call as fast as they can until `--calls` are made, on connections that are open by then;
every answer is checked. Not measured: connecting, TLS, compression, memory, and the time that passes, which
here is that of a server which answers at once. Per cell the median over the rounds is printed, and the
ratio to `openai` (0.10: a tenth of its CPU), to `aiohttp` (a fast HTTP client that stops at dicts) and to
`raw` (bytes by hand, a floor). One wake-up of the loop serves more calls when more are in flight; a pool that
looks through its connections for each call eats that up again. The defaults take about three minutes.

    python -m benchmarks.call_overhead [--calls N] [--rounds R] [--in-flight 1,16,256] [--peers A,B] [--json]
"""

from __future__ import annotations

import asyncio
import gc
import time

from benchmarks import canned_server, rounds
from benchmarks.peers import PEERS, Peer, installed


def one(peer: str, base_url: str, in_flight: int, calls: int) -> float:
    """Microseconds of CPU per call of `peer`; to be run in a fresh process."""
    return asyncio.run(_measure(peer, base_url, in_flight, calls))


async def _measure(name: str, base_url: str, in_flight: int, calls: int) -> float:
    async with PEERS[name](base_url) as peer:
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


def main() -> None:
    """Measure every peer at every width, `--rounds` times over."""
    options = rounds.parser(__doc__, rounds=5, peers=PEERS)
    options.add_argument("--calls", type=int, default=1_000, help="calls per cell (%(default)s)")
    options.add_argument("--in-flight", type=rounds.names, default=["1", "16", "256"], metavar="N,N")
    chosen = options.parse_args()
    figure = rounds.Figure(
        title="Client CPU per typed call, in microseconds",
        condition="in flight",
        baselines=("openai", "aiohttp", "raw"),
        settings={"calls": chosen.calls, "rounds": chosen.rounds},
    )
    peers = installed(chosen.peers)
    with canned_server.running() as base_url:
        for _ in range(chosen.rounds):
            for width in chosen.in_flight:
                for peer in peers:
                    cell = {"peer": peer, "in_flight": int(width), "calls": chosen.calls}
                    figure.add(width, peer, rounds.fresh("benchmarks.call_overhead:one", base_url=base_url, **cell))
    figure.show(as_json=chosen.json)


if __name__ == "__main__":
    main()
