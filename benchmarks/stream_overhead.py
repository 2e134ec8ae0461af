"""What one typed chunk of a stream costs the client: CPU time (user and system) of its process, nothing else.

`--streams` run in parallel, 200 chunks each, and the CPU of the whole, **the request included**, is divided
by the number of chunks (so a request of 400 us adds 2 us to each). Every text is checked. Two paces:
`burst`, 50 chunks in a write, is what parsing and building a chunk costs; `spaced`, each chunk by itself,
10 ms apart, adds what a read and a wake-up of the loop cost, and is how a model writes. A client that
cannot keep up with `spaced` (2,000 chunks a second at 20 streams) finds several chunks in a read, and so
looks cheaper than it is. Not measured: connecting, TLS, compression, memory, delay. The ratios read as in
`call_overhead`.

    python -m benchmarks.stream_overhead [--streams N] [--rounds R] [--pace burst,spaced] [--peers A,B] \
        [--json]
"""

from __future__ import annotations

import asyncio
import gc
import time

from benchmarks import canned_server, rounds
from benchmarks.peers import PEERS, Peer, installed

WAVES = {"burst": 5, "spaced": 1}  # a wave of bursts is short


def one(peer: str, base_url: str, pace: str, streams: int) -> float:
    """Microseconds of CPU per chunk of `peer`; to be run in a fresh process."""
    return asyncio.run(_measure(peer, base_url, pace, streams))


async def _measure(name: str, base_url: str, pace: str, streams: int) -> float:
    async with PEERS[name](base_url) as peer:
        await _stream(peer, "burst", streams)
        gc.collect()
        before = time.process_time()
        for _ in range(WAVES[pace]):
            await _stream(peer, pace, streams)
        spent = time.process_time() - before
        return spent / (WAVES[pace] * streams * canned_server.EVENTS) * 1e6


async def _stream(peer: Peer, pace: str, streams: int) -> None:
    answers = await asyncio.gather(*(peer.stream(pace) for _ in range(streams)))
    expected = (canned_server.TEXT, canned_server.TOTAL_TOKENS, canned_server.EVENTS)
    assert all(answer == expected for answer in answers)


def main() -> None:
    """Measure every peer at both paces, `--rounds` times over."""
    options = rounds.parser(__doc__, rounds=3, peers=PEERS)
    options.add_argument("--streams", type=int, default=20, help="streams in parallel (%(default)s)")
    options.add_argument("--pace", type=rounds.names, default=list(WAVES), help="burst, spaced or both")
    chosen = options.parse_args()
    figure = rounds.Figure(
        title="Client CPU per streamed typed chunk, in microseconds, its share of the request included",
        condition="pace",
        baselines=("openai", "aiohttp", "raw"),
        settings={"streams": chosen.streams, "chunks": canned_server.EVENTS, "rounds": chosen.rounds},
    )
    peers = installed(chosen.peers)
    with canned_server.running() as base_url:
        for _ in range(chosen.rounds):
            for pace in chosen.pace:
                for peer in peers:
                    cell = {"peer": peer, "pace": pace, "streams": chosen.streams}
                    figure.add(pace, peer, rounds.fresh("benchmarks.stream_overhead:one", base_url=base_url, **cell))
    figure.show(as_json=chosen.json)


if __name__ == "__main__":
    main()
