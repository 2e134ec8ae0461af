"""The limiter beside what people use without it: all of the quota, and no 429s?

By default simulated, in virtual time (see `limiter_simulation`): estimates that are wrong, others on the same account,
slow networks, short windows, servers that state no limits, several processes. With `--sockets` on real sockets, against
an emulator (see `limiter_sockets`). For each condition and client:

    time / least   the time until the last request was admitted, over the least in which any client can have all
                   admitted; 1 is perfect. Median and worst of the runs; in brackets if requests were given up, as less
                   work is done sooner.
    429s           per request, mean and worst of the runs: 0.006 is 6 in 1,000 requests.
    given up       share of the requests, worst of the runs.

The simulation ends with a verdict: whether ours kept the bounds that it is meant to keep, and where it did not.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import limiter_peers, limiter_simulation as simulation, limiter_sockets as sockets
from benchmarks.limiter_plot import draw
from benchmarks.limiter_simulation import Cell, Client, Outcome

OURS = "openai_async"
LEARNT = "openai_async, limits learnt"
CLIENTS: dict[str, Client] = {
    OURS: simulation.ours,
    LEARNT: simulation.ours_auto,
    "semaphore 1000, 2 retries": simulation.semaphore(1_000, 2),
    "semaphore 1000, 10 retries": simulation.semaphore(1_000, 10),
    "aiolimiter": simulation.aiolimiter,
    "cookbook": simulation.cookbook,
}
CELLS = (*simulation.CELLS, *simulation.SLOW_NETWORK, *simulation.SHORT_WINDOWS, *simulation.NO_HEADERS)
PROCESSES = (2, 4, 8)
PICTURE = Path(__file__).with_name("limiter.svg")


@dataclass(frozen=True)
class Row:
    """The runs of one client under one condition."""

    condition: str
    client: str
    runs: Sequence[Outcome]

    @property
    def median(self) -> float:
        return statistics.median(run.over_bound for run in self.runs)

    @property
    def worst(self) -> float:
        return max(run.over_bound for run in self.runs)

    @property
    def refused(self) -> float:
        return statistics.fmean(run.refused_per_request for run in self.runs)

    @property
    def given_up(self) -> float:
        return max(run.failed for run in self.runs)

    def __str__(self) -> str:
        times = [f"({time:.2f})" if self.given_up else f"{time:.3f}" for time in (self.median, self.worst)]
        most = max(run.refused_per_request for run in self.runs)
        return (
            f"{self.condition:52} {self.client:30} {times[0]:>12} {times[1]:>7}"
            f" {self.refused:8.4f} {most:8.4f} {self.given_up:9.2%}"
        )


HEADING = f"{'condition':52} {'client':30} {'time / least':>12} {'worst':>7} {'429s':>8} {'worst':>8} {'given up':>9}"


# -- simulated ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bounds:
    """What ours is meant to keep under a condition."""

    median: float
    worst: float
    refused: float

    def broken(self, row: Row) -> list[str]:
        """What of it is not so."""
        found = (
            ("time / least", row.median, self.median),
            ("worst time / least", row.worst, self.worst),
            ("429s per request", row.refused, self.refused),
            ("given up", row.given_up, 0.0),
        )
        return [f"{name} {value:.4f} > {most:g}" for name, value, most in found if value > most]


def bounds(cell: Cell) -> Bounds | None:
    """The bounds of a cell; none where nobody tells the client that its estimates are wrong."""
    if not cell.headers:
        return Bounds(1.05, 1.05, math.inf) if cell.bias == 1.0 else None
    return Bounds(1.15, 1.15, 0.006) if cell.window <= 1 else Bounds(1.03, 1.05, 0.006)


def simulate(options: argparse.Namespace) -> list[Row]:
    """Print the table of the simulation, and the verdict; gives the rows."""
    clients = CLIENTS if options.all_clients else {name: CLIENTS[name] for name in (OURS, LEARNT)}
    rows: list[Row] = []
    judged: list[tuple[Row, Bounds]] = []
    for cell in CELLS:
        if options.only not in cell.name:
            continue
        for name, client in clients.items():
            row = simulated(cell.name, cell, name, client, options.seeds)
            rows.append(row)
            # Without headers there is nothing to learn limits from.
            if (allowed := bounds(cell)) and (name == OURS or (name == LEARNT and cell.headers)):
                judged.append((row, allowed))
    for cell in simulation.SEVERAL:
        for processes in PROCESSES:
            name = f"{cell.name}, {processes} processes"
            if options.only in name:
                told, not_told = (simulation.ours_in_processes(processes, shared=shared) for shared in (True, False))
                simulated(name, cell, f"{OURS}, share=1/{processes}", told, options.seeds)
                simulated(name, cell, f"{OURS}, not told", not_told, options.seeds)
    print(f"\n{verdict(judged)}")
    return rows


def simulated(condition: str, cell: Cell, name: str, client: Client, seeds: int) -> Row:
    """Run a client in a cell, and print its row."""
    row = Row(condition, name, [simulation.run(cell, client, seed) for seed in range(seeds)])
    print(row, flush=True)
    return row


def verdict(judged: Sequence[tuple[Row, Bounds]]) -> str:
    """Where the bounds were kept, and where not."""
    lines = [
        "Bounds with headers: median <= 1.03, worst <= 1.05 (windows of 1 s: 1.15), 429s <= 0.006, none given up;",
        "without: told the limits and with right estimates, median and worst <= 1.05. Not judged: all others.",
    ]
    for client in (OURS, LEARNT):
        faults = {row.condition: allowed.broken(row) for row, allowed in judged if row.client == client}
        broken = {condition: found for condition, found in faults.items() if found}
        lines.append(f"{client}: kept in {len(faults) - len(broken)} of {len(faults)} conditions")
        lines += [f"  BROKEN  {condition}: {', '.join(found)}" for condition, found in broken.items()]
    return "\n".join(lines)


# -- on sockets --------------------------------------------------------------------------------------------


def on_sockets(options: argparse.Namespace) -> list[Row]:
    """Print the table of the runs on real sockets; gives the rows."""
    clients = limiter_peers.CLIENTS if options.all_clients else (OURS, LEARNT)
    rows: list[Row] = []
    for condition in sockets.conditions(options.seconds):
        if options.only not in condition.name:
            continue
        for client in clients:
            runs = [sockets.run(client, condition) for _ in range(options.runs)]
            rows.append(Row(condition.name, client, runs))
            shares = zip(*((run.client_cpu, run.emulator_cpu, run.waited) for run in runs), strict=True)
            taken = "".join(f"{statistics.median(share):9.0%}" for share in shares)
            remarks = ", ".join({run.remark: None for run in runs if run.remark})
            print(f"{rows[-1]}{taken}  {remarks}".rstrip(), flush=True)
    return rows


def caption(options: argparse.Namespace, rows: Sequence[Row]) -> tuple[str, str, str]:
    """What the picture shows: a title and two lines."""
    title, count = "All of the rate limit, and next to no 429s", len({row.condition for row in rows})
    if options.sockets:
        return (
            title,
            f"A dot is one condition ({count} of them, on real sockets, against an emulated API): 6,000 or 60,000",
            "requests a minute are allowed, and requests, tokens or both are the limit that binds.",
        )
    return (
        title,
        f"A dot is one condition ({count} of them, simulated, median of {options.seeds} runs): right and wrong",
        "estimates, others on the account, slow networks, short windows. Hollow: replies state no limits.",
    )


def parser() -> argparse.ArgumentParser:
    """The options; `--help` explains the figures, too."""
    formatter = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.limiter", description=__doc__, formatter_class=formatter
    )
    add = options.add_argument
    add("--seeds", type=int, default=5, metavar="N", help="simulated runs of each client and condition (%(default)s)")
    add("--all-clients", action="store_true", help="not only ours: takes minutes, on sockets a quarter of an hour")
    add("--sockets", action="store_true", help="on real sockets, in real time, instead of simulated")
    add("--seconds", type=float, default=15.0, metavar="S", help="least seconds of a run on sockets (%(default)s)")
    add("--runs", type=int, default=1, metavar="N", help="runs of each client and condition on sockets (%(default)s)")
    add("--only", default="", metavar="TEXT", help="conditions that have this in their name")
    add(
        "--plot",
        nargs="?",
        type=Path,
        const=PICTURE,
        metavar="PATH",
        help="draw all clients: an SVG, by default benchmarks/limiter.svg; needs matplotlib",
    )
    return options


def main() -> None:
    """Print a table; draw it if asked to."""
    options = parser().parse_args()
    options.all_clients |= options.plot is not None
    print(HEADING + ("      CPU emulator   waited" if options.sockets else ""))
    rows = on_sockets(options) if options.sockets else simulate(options)
    if options.plot is not None:
        results = {(row.client, row.condition): row.runs for row in rows}
        draw(results, options.plot, hollow="no headers", caption=caption(options, rows))
        print(f"drawn: {options.plot}")


if __name__ == "__main__":
    main()
