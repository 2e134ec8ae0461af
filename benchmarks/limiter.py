"""The limiter beside what people use without it: `python -m benchmarks.limiter [--seeds N]`.

Simulated, in virtual time (see `limiter_simulation`). For each condition: the time over the least time in which any
client can have all requests admitted (median and worst of the seeds), 429s per request, and the share given up.
"""

from __future__ import annotations

import argparse
import statistics

from benchmarks import limiter_simulation as simulation

CLIENTS: dict[str, simulation.Client] = {
    "openai_async": simulation.ours,
    "openai_async, limits learnt": simulation.ours_auto,
    "semaphore 1000, 2 retries": simulation.semaphore(1_000, 2),
    "semaphore 1000, 10 retries": simulation.semaphore(1_000, 10),
    "aiolimiter": simulation.aiolimiter,
    "cookbook": simulation.cookbook,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--all-clients", action="store_true", help="the others, too; takes minutes")
    options = parser.parse_args()
    clients = CLIENTS if options.all_clients else dict(list(CLIENTS.items())[:2])
    print(f"{'condition':44} {'client':28} {'time / least':>12} {'worst':>7} {'429s':>8} {'given up':>9}")
    for cell in (*simulation.CELLS, *simulation.SLOW_NETWORK, *simulation.SHORT_WINDOWS, *simulation.NO_HEADERS):
        for name, client in clients.items():
            runs = [simulation.run(cell, client, seed) for seed in range(options.seeds)]
            times = [run.over_bound for run in runs]
            print(
                f"{cell.name:44} {name:28} {statistics.median(times):12.3f} {max(times):7.3f}"
                f" {statistics.median(run.refused_per_request for run in runs):8.4f}"
                f" {max(run.failed for run in runs):9.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
