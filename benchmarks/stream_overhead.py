"""What one typed chunk of a stream costs the client: CPU time (user and system) of its process, nothing else.

`--streams` run in parallel, 200 chunks each, and the CPU of the whole, **the request included**, is divided
by the number of chunks (so a request of 400 us adds 2 us to each). Every text is checked. Two paces:
`burst`, 50 chunks in a write, is what parsing and building a chunk costs; `spaced`, each chunk by itself,
10 ms apart, adds what a read and a wake-up of the loop cost, and is how a model writes. A client that
cannot keep up with `spaced` (2,000 chunks a second at 20 streams) finds several chunks in a read, and so
looks cheaper than it is. Not measured: connecting, TLS, compression, memory, delay. The ratios read as in
`call_overhead`.

    python -m benchmarks.stream_overhead [--streams N] [--rounds R] [--pace burst,spaced] [--peers A,B]
        [--loop asyncio,uvloop] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time

from benchmarks import canned_server, rounds
from benchmarks.peers import PEERS, Peer, installed, opened

WAVES = {"burst": 5, "spaced": 1}  # a wave of bursts is short


def one(peer: str, base_url: str, authority: str | None, loop: str, pace: str, streams: int) -> float:
    """Microseconds of CPU per chunk of `peer`; to be run in a fresh process."""
    return rounds.run(_measure(peer, base_url, authority, pace, streams), loop)


async def _measure(name: str, base_url: str, authority: str | None, pace: str, streams: int) -> float:
    async with opened(name, base_url, authority, max(1_000, streams)) as peer:
        await read_streams(peer, "burst", streams)
        gc.collect()
        before = time.process_time()
        for _ in range(WAVES[pace]):
            await read_streams(peer, pace, streams)
        spent = time.process_time() - before
        return spent / (WAVES[pace] * streams * canned_server.PACES[pace].chunks) * 1e6


async def read_streams(peer: Peer, pace: str, streams: int) -> None:
    """Read so many streams at once, and check them."""
    answers = await asyncio.gather(*(peer.stream(pace) for _ in range(streams)))
    expected = (canned_server.TEXT, canned_server.TOTAL_TOKENS, canned_server.PACES[pace].chunks)
    assert all(answer == expected for answer in answers)


def parser() -> argparse.ArgumentParser:
    """The options; `--help` explains the figures, too."""
    options = rounds.parser(__doc__, rounds=3, peers=PEERS)
    options.add_argument("--streams", type=int, default=20, help="streams in parallel (%(default)s)")
    options.add_argument("--pace", type=rounds.names, default=list(WAVES), help="burst, spaced or both")
    rounds.add_loop(options)
    return options


def measure(chosen: argparse.Namespace) -> rounds.Figure:
    """Measure every peer at every pace, `--rounds` times over."""
    figure = rounds.Figure(
        title="Client CPU per streamed typed chunk, in microseconds, its share of the request included",
        condition="pace",
        baselines=("openai", "aiohttp", "raw"),
        settings={"streams": chosen.streams, "rounds": chosen.rounds},
    )
    peers, loops = installed(chosen.peers), rounds.loops(chosen.loop)
    rounds.allow_connections(chosen.streams)
    with canned_server.running() as server:
        for _ in range(chosen.rounds):
            for loop in loops:
                for pace in chosen.pace:
                    for peer in peers:
                        cell = {"peer": peer, "loop": loop, "pace": pace, "streams": chosen.streams}
                        spent = rounds.fresh("benchmarks.stream_overhead:one", **server.address, **cell)
                        figure.add(rounds.condition(pace, loop), peer, spent)
    return figure


def main() -> None:
    """Measure, and print."""
    chosen = parser().parse_args()
    measure(chosen).show(as_json=chosen.json)


if __name__ == "__main__":
    main()
