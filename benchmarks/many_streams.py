"""Thousands of streams at once: do they all end in time, and what do they take?

`--streams` are begun in the same moment, on connections that are not open yet, and each writes 20 chunks, one at
a time and 500 ms apart; every text is checked. So 10 s and the time to connect is the least that it can take, and
4,000 streams are 8,000 events a second, more than some clients can read. Of each peer:

    wall, s      until the last stream has ended, connecting included
    CPU, s       user and system, of the client's process
    memory, kB   per stream: the most that the process held at a time, less what it held before (Linux only)
    server, %    CPU of the canned server, of the wall time: near 100 the server is what is measured

The ratios are to `aiohttp` and to `raw`. Not measured unless asked for, since they take minutes: `--peers
openai_async,openai,httpx,aiohttp,raw`.

    python -m benchmarks.many_streams [--streams N] [--rounds R] [--peers A,B] [--loop asyncio,uvloop] [--json]
"""

from __future__ import annotations

import argparse
import gc
import time
from contextlib import suppress
from pathlib import Path

from benchmarks import canned_server, rounds
from benchmarks.peers import installed, opened
from benchmarks.stream_overhead import read_streams

PEERS = ("openai_async", "aiohttp", "raw")


def one(peer: str, base_url: str, authority: str | None, loop: str, streams: int) -> dict[str, float]:
    """The measures of `peer`, by name; to be run in a fresh process."""
    return rounds.run(_measure(peer, base_url, authority, streams), loop)


async def _measure(name: str, base_url: str, authority: str | None, streams: int) -> dict[str, float]:
    async with opened(name, base_url, authority, streams) as peer:
        await read_streams(peer, "burst", 1)  # imports what was put off, and learns limits
        gc.collect()
        held, wall, cpu = _memory("VmRSS"), time.perf_counter(), time.process_time()
        await read_streams(peer, "slow", streams)
        measures = {"wall, s": time.perf_counter() - wall, "CPU, s": time.process_time() - cpu}
        if held is not None and (peak := _memory("VmHWM")) is not None:
            measures["memory, kB"] = (peak - held) / streams
        return measures


def _memory(field: str) -> float | None:
    """Kilobytes resident, now (VmRSS) or at most so far (VmHWM)."""
    # Not getrusage: what it calls the most of a child may be its parent's.
    with suppress(FileNotFoundError):
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith(f"{field}:"):
                return float(line.split()[1])
    return None


def parser() -> argparse.ArgumentParser:
    """The options; `--help` explains the figures, too."""
    options = rounds.parser(__doc__, rounds=3, peers=PEERS, all_peers=False)
    options.add_argument("--streams", type=int, default=4_000, help="streams at once (%(default)s)")
    rounds.add_loop(options)
    return options


def measure(chosen: argparse.Namespace) -> rounds.Figure:
    """Measure every peer, `--rounds` times over."""
    figure = rounds.Figure(
        title=f"{chosen.streams:,} streams at once",
        condition="measure",
        baselines=("aiohttp", "raw"),
        settings={"streams": chosen.streams, "rounds": chosen.rounds},
    )
    peers, loops = installed(chosen.peers), rounds.loops(chosen.loop)
    rounds.allow_connections(chosen.streams)
    with canned_server.running() as server:
        for _ in range(chosen.rounds):
            for loop in loops:
                for peer in peers:
                    cell = {"peer": peer, "loop": loop, "streams": chosen.streams}
                    busy = server.cpu()
                    measures = rounds.fresh("benchmarks.many_streams:one", **server.address, **cell)
                    measures["server, %"] = (server.cpu() - busy) / measures["wall, s"] * 100
                    for name, value in measures.items():
                        figure.add(rounds.condition(name, loop), peer, value)
    return figure


def main() -> None:
    """Measure, and print."""
    chosen = parser().parse_args()
    measure(chosen).show(as_json=chosen.json)


if __name__ == "__main__":
    main()
