"""Rounds of fresh processes, interleaved across the peers, and what is reported of them.

A cell (one peer, one condition) is measured in a process of its own, so no peer warms, fragments or blocks
another. Within a round every peer runs once (A B C, A B C, ...), so that a machine that slows down slows
all of them, and a ratio is taken **inside** a round; what is reported is the median over the rounds, of the
figure and of the ratio each. Hence a ratio column is not always the exact quotient of the figures beside
it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

_ROOT = Path(__file__).resolve().parent.parent
_CHILD = "import json, sys; from {} import {} as run; print(json.dumps(run(**json.loads(sys.argv[1]))))"
_DISTRIBUTIONS = {"openai_async": "openai-async-sdk"}
#: The module whose `new_event_loop` makes the loop.
LOOPS = ("asyncio", "uvloop")

T = TypeVar("T")


def python(*arguments: str) -> subprocess.Popen[str]:
    """A child interpreter at the root of the checkout, with no proxy and no API settings from outside."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("OPENAI_") and not name.upper().endswith("_PROXY")
    }
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=_ROOT, env=environment, stdin=pipe, stdout=pipe, text=True
    )


def fresh(entry: str, **arguments: Any) -> Any:
    """What `module:function` returns for `arguments` in a new process; both must be JSON."""
    with python("-c", _CHILD.format(*entry.split(":")), json.dumps(arguments)) as process:
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{entry} failed with {arguments}; its own words are above")
    return json.loads(output)


def run(main: Coroutine[Any, Any, T], loop: str) -> T:
    """What `main` returns, on a new event loop of the module `loop`."""
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def allow_connections(count: int) -> None:
    """Let this process and its children hold so many connections open, or leave with the reason why not."""
    try:
        import resource
    except ImportError:  # not a Unix: no such limit
        return
    wanted = count + 200  # for everything else
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SystemExit(f"{count:,} connections need {wanted:,} file descriptors; `ulimit -Hn` is {hard:,}")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def parser(
    docstring: str | None, *, rounds: int, peers: Iterable[str], all_peers: bool = True
) -> argparse.ArgumentParser:
    """The options that every benchmark has; `peers` are all that there are, or only those that are the default."""
    formatter = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(description=docstring, formatter_class=formatter)
    options.add_argument("--rounds", type=int, default=rounds, help="rounds over all peers (%(default)s)")
    default = "all" if all_peers else ",".join(peers)
    options.add_argument("--peers", type=names, default=list(peers), metavar="A,B", help=f"compared ({default})")
    options.add_argument("--json", action="store_true", help="every sample, as JSON, instead of the table")
    return options


def add_loop(options: argparse.ArgumentParser) -> None:
    """The option of those that run on an event loop of their choice."""
    options.add_argument(
        "--loop", type=names, default=["asyncio"], metavar="asyncio,uvloop", help="event loops (asyncio alone)"
    )


def loops(wanted: Iterable[str]) -> list[str]:
    """Those of `wanted` that are installed; a line on stderr for each that is not."""
    if unknown := set(wanted).difference(LOOPS):
        raise SystemExit(f"no such event loop: {', '.join(sorted(unknown))}; there are {', '.join(LOOPS)}")
    found = [name for name in wanted if find_spec(name) is not None]
    for name in wanted:
        if name not in found:
            print(f"without {name}: pip install {name}", file=sys.stderr)
    return found


def condition(name: str, loop: str, *, tls: bool = False) -> str:
    """The name of a condition, with what is unusual about it."""
    return ", ".join([name, *(["uvloop"] if loop == "uvloop" else ()), *(["TLS"] if tls else ())])


def names(listed: str) -> list[str]:
    """`"a, b"` as `["a", "b"]`."""
    return [name.strip() for name in listed.split(",")]


@dataclass
class Figure:
    """The samples of one benchmark, by condition and peer."""

    title: str
    condition: str  # the heading over the conditions
    baselines: tuple[str, ...]  # the peers that the others are divided by
    settings: dict[str, Any]
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, condition: str, peer: str, value: float) -> None:
        """One more round of a cell."""
        self.samples.setdefault(condition, {}).setdefault(peer, []).append(value)

    def cells(self) -> list[dict[str, Any]]:
        """Per condition and peer: the median, the samples, and the median ratio to each baseline."""
        return [
            {
                self.condition: condition,
                "peer": peer,
                "median": median(values),
                "samples": values,
                "ratio": {
                    base: median(mine / other for mine, other in zip(values, peers[base], strict=True))
                    for base in self.baselines
                    if base in peers
                },
            }
            for condition, peers in self.samples.items()
            for peer, values in peers.items()
        ]

    def show(self, *, as_json: bool) -> None:
        """Print the table, or everything as JSON."""
        cells = self.cells()
        on_uvloop = any("uvloop" in condition for condition in self.samples)
        known = versions({*(cell["peer"] for cell in cells), *(["uvloop"] if on_uvloop else ())})
        if as_json:
            facts = {"title": self.title, "settings": self.settings, "versions": known, "cells": cells}
            print(json.dumps(facts, indent=2))
            return
        print(self.title)
        print(", ".join(f"{name} {value}" for name, value in (known | self.settings).items()))
        print("Absolute figures mean nothing on a shared machine: read the ratios (this peer / that peer).\n")
        bases = [base for base in self.baselines if any(base in cell["ratio"] for cell in cells)]
        rows = [[self.condition, "peer", "median", "min - max", *(f"/ {base}" for base in bases)]]
        for cell in cells:
            ratios = [f"{cell['ratio'][base]:.2f}" if base in cell["ratio"] else "-" for base in bases]
            spread = f"{_figure(min(cell['samples']))} - {_figure(max(cell['samples']))}"
            rows.append([cell[self.condition], cell["peer"], _figure(cell["median"]), spread, *ratios])
        _print_aligned(rows)


def _figure(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _print_aligned(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    above = rows[0][0]
    for row in rows:
        if row[0] != above:
            print()
        above = row[0]
        left = [text.ljust(width) for text, width in zip(row[:2], widths, strict=False)]
        right = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join(left + right))


def versions(names: Iterable[str]) -> dict[str, str]:
    """Of Python, and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in sorted(names):
        try:
            found[name] = metadata.version(_DISTRIBUTIONS.get(name, name))
        except metadata.PackageNotFoundError:
            continue  # the raw peer, and ours when it runs from a checkout
    return found
