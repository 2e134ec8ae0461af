"""What it takes to begin: a fresh interpreter imports the package, builds a client, gets its first reply.

Three stages, each counted from the start of the import: `import` (the client's class in hand), `client`
(built, inside a running loop) and `reply` (one typed call to the canned server, which is where work that
was put off must be done). Of each: the time that passes, the CPU time, and the modules loaded by then,
those of the bare interpreter not counted. A first round, not counted, fills the caches of the disk. Not
measured: a cold disk, TLS (and the reading of its certificates, where a client puts that off). The ratio is
to `openai` (0.25: a quarter of its time).

    python -m benchmarks.import_time [--rounds R] [--peers A,B] [--json]
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a measured process has loaded nothing that it does not need
    import argparse

    from benchmarks.rounds import Figure

CLIENTS = {"openai_async": "AsyncClient", "openai": "AsyncOpenAI"}


def one(peer: str, base_url: str) -> dict[str, float]:
    """The stages of `peer`, by name; to be run in a fresh process, which has loaded nothing else."""
    modules, wall, cpu = len(sys.modules), time.perf_counter(), time.process_time()
    stages: dict[str, float] = {}

    def reached(stage: str) -> None:
        stages[f"{stage}, wall ms"] = (time.perf_counter() - wall) * 1e3
        stages[f"{stage}, CPU ms"] = (time.process_time() - cpu) * 1e3
        stages[f"{stage}, modules"] = len(sys.modules) - modules

    async def use() -> None:
        async with client_class(api_key="k", base_url=base_url) as client:
            reached("client")
            messages = [{"role": "user", "content": "Hello!"}]
            reply = await client.chat.completions.create(model="call", messages=messages)
            assert reply.choices[0].message.content
            reached("reply")

    client_class = getattr(importlib.import_module(peer), CLIENTS[peer])
    reached("import")
    import asyncio  # counted to the client, where the package has not loaded it already

    asyncio.run(use())
    return stages


def parser() -> argparse.ArgumentParser:
    """The options; `--help` explains the figures, too."""
    from benchmarks import rounds

    return rounds.parser(__doc__, rounds=7, peers=CLIENTS)


def measure(chosen: argparse.Namespace) -> Figure:
    """Measure both in turn, `--rounds` times over."""
    from benchmarks import canned_server, rounds
    from benchmarks.peers import installed

    figure = rounds.Figure(
        title="From a fresh interpreter to the package imported, a client built, a first reply read",
        condition="stage",
        baselines=("openai",),
        settings={"rounds": chosen.rounds},
    )
    peers = installed(chosen.peers)
    with canned_server.running() as server:
        for round_number in range(1 + chosen.rounds):
            for peer in peers:
                stages = rounds.fresh("benchmarks.import_time:one", peer=peer, base_url=server.base_url)
                for stage, value in stages.items() if round_number else ():
                    figure.add(stage, peer, value)
    return figure


def main() -> None:
    """Measure, and print."""
    chosen = parser().parse_args()
    measure(chosen).show(as_json=chosen.json)


if __name__ == "__main__":
    main()
