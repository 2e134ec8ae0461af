"""All benchmarks, one after the other; then README's picture and table are made anew from what they gave.

Calls (as they come, over TLS, on uvloop), streams, 4,000 streams at once, import, and the limiter's simulation.
That takes about half an hour of an otherwise idle machine with two cores or more; ratios are taken inside a round
and are medians, but a machine that is busy with other things blurs them all the same.

`--quick` takes less than five minutes and measures the same rows: one round of fewer calls each, without bare httpx.
Its figures are rough, and README is left alone. What was measured can be kept (`--keep FILE`), and README made from it
later (`--from FILE`, which measures nothing).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import call_overhead, import_time, many_streams, readme, rounds, stream_overhead, sync_overhead
from benchmarks.overhead_plot import draw
from benchmarks.peers import PEERS
from benchmarks.rounds import Figure

PICTURE = Path(__file__).with_name("overhead.svg")
PANELS = {
    "a typed call, 256 in flight": ("calls", "256"),
    "a streamed chunk, in bursts": ("streams", "burst"),
}


@dataclasses.dataclass(frozen=True)
class Part:
    """One benchmark, and the options that it is run with."""

    parser: Callable[[], argparse.ArgumentParser]
    measure: Callable[[argparse.Namespace], Figure]
    options: str
    quick: str  # added to them

    def chosen(self, *, quick: bool) -> argparse.Namespace:
        """The options of its long or short form."""
        return self.parser().parse_args([*self.options.split(), *(self.quick.split() if quick else ())])

    def run(self, *, quick: bool) -> Figure:
        """What it measures."""
        return self.measure(self.chosen(quick=quick))


_calls = call_overhead.parser, call_overhead.measure
# Bare httpx is in no column of README's table, and takes as long as all the others.
_QUICK = "--rounds 1 --peers openai_async,openai,aiohttp,raw"
PARTS = {
    "calls": Part(*_calls, "", f"{_QUICK} --calls 500"),
    "calls over TLS": Part(*_calls, "--in-flight 256 --tls", f"{_QUICK} --calls 500"),
    "calls on uvloop": Part(*_calls, "--in-flight 256 --loop uvloop", f"{_QUICK} --calls 500"),
    "streams": Part(stream_overhead.parser, stream_overhead.measure, "--loop asyncio,uvloop", _QUICK),
    "many streams": Part(many_streams.parser, many_streams.measure, "", "--rounds 1"),
    "threads": Part(sync_overhead.parser, sync_overhead.measure, "", "--rounds 1 --calls 500"),
    "import": Part(import_time.parser, import_time.measure, "", "--rounds 2"),
}
_ROUGH = "Rough figures: a round or two of few calls each. Measure without --quick before you quote one."
NEEDS = {"calls over TLS": "trustme", "calls on uvloop": "uvloop"}


def measured(*, quick: bool) -> dict[str, Figure]:
    """Run every part that can be run; print what each gave. One that fails takes no other down."""
    figures: dict[str, Figure] = {}
    for name, part in PARTS.items():
        needed = NEEDS.get(name)
        if needed is not None and find_spec(needed) is None:
            print(f"without {name}: pip install {needed}\n", file=sys.stderr)
            continue
        try:
            figures[name] = part.run(quick=quick)
        except SystemExit as failure:
            print(f"without {name}: {failure}\n", file=sys.stderr)
            continue
        figures[name].show(as_json=False)
        print(flush=True)
    return figures


def run_limiter(*, quick: bool) -> None:
    """The limiter's own figures, which its own command makes."""
    options = ["--seeds", "1"] if quick else ["--plot"]
    subprocess.run([sys.executable, "-m", "benchmarks.limiter", *options], check=True)


def keep(figures: Mapping[str, Figure], path: Path) -> None:
    """Write every sample to a file."""
    kept = {
        "versions": rounds.versions(PEERS),
        "figures": {name: dataclasses.asdict(figure) for name, figure in figures.items()},
    }
    path.write_text(json.dumps(kept, indent=1), "utf-8")


def kept(path: Path) -> tuple[dict[str, Figure], dict[str, str]]:
    """The figures that `keep` wrote, and the versions that they are of."""
    read: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return {name: Figure(**figure) for name, figure in read["figures"].items()}, read["versions"]


def show_roughly(figures: Mapping[str, Figure]) -> None:
    """Print README's table from figures that are too rough for README."""
    known = rounds.versions(PEERS)
    print(f"\n{readme.table(figures, known)}", readme.conditions(figures, known), _ROUGH, sep="\n\n", flush=True)


def redraw(figures: Mapping[str, Figure], versions: Mapping[str, str]) -> None:
    """Make README's picture and table."""
    panels = {title: readme.ratios(figures[name], condition, "openai") for title, (name, condition) in PANELS.items()}
    draw(panels, PICTURE, rounds=min(figures[name].settings["rounds"] for name, _ in PANELS.values()))
    block = f"{readme.table(figures, versions)}\n\n{readme.conditions(figures, versions)}"
    try:
        readme.README.write_text(readme.replace(readme.README.read_text("utf-8"), block), "utf-8")
    except ValueError as error:
        raise SystemExit(f"README.md: {error}; this would stand there:\n\n{block}") from None
    print(f"made anew: {PICTURE.name}, and the table in README.md")


def main() -> None:
    """Measure everything, then redraw; or one of the two."""
    formatter = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=formatter)
    options.add_argument("--quick", action="store_true", help="less than five minutes; rough, and README is left alone")
    options.add_argument("--keep", type=Path, metavar="FILE", help="write every sample to a file (JSON)")
    options.add_argument("--from", type=Path, metavar="FILE", dest="source", help="redraw from such a file")
    options.add_argument("--without-limiter", action="store_true", help="leave the limiter's simulation out")
    chosen = options.parse_args()
    if chosen.source is not None:
        redraw(*kept(chosen.source))
        return
    if chosen.quick:
        print(f"{_ROUGH}\n", flush=True)
    figures = measured(quick=chosen.quick)
    if chosen.keep is not None:
        keep(figures, chosen.keep)
    missing = [name for name in PARTS if name not in figures]
    if not chosen.without_limiter:
        run_limiter(quick=chosen.quick)
    if chosen.quick:
        show_roughly(figures)
    elif not missing:
        redraw(figures, rounds.versions(PEERS))
    if missing:
        raise SystemExit(f"not measured: {', '.join(missing)}; README is as it was")


if __name__ == "__main__":
    main()
