"""README's table of the benchmarks: ratios between clients, never absolute times. It stands between two markers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.rounds import Figure

README = Path(__file__).resolve().parent.parent / "README.md"
MARKERS = ("<!-- benchmarks -->", "<!-- /benchmarks -->")

#: What a row says, the figure it is from, and the condition there.
ROWS = (
    ("CPU of a typed call, one at a time", "calls", "1"),
    ("… 16 in flight", "calls", "16"),
    ("… 256 in flight", "calls", "256"),
    ("… 1,000 in flight", "calls", "1,000"),
    ("… 256 in flight, TLS", "calls over TLS", "256, TLS"),
    ("… 256 in flight, uvloop", "calls on uvloop", "256, uvloop"),
    ("CPU of a typed chunk, many events a read", "streams", "burst"),
    ("… an event a read", "streams", "spaced"),
    ("… many events a read, uvloop", "streams", "burst, uvloop"),
    ("… an event a read, uvloop", "streams", "spaced, uvloop"),
    ("4,000 streams at once: time until all have ended", "many streams", "wall, s"),
    ("… memory per stream", "many streams", "memory, kB"),
    ("CPU to import and build a client", "import", "client, CPU ms"),
)
_OURS = "openai_async"
_COLUMNS = {"openai": "of `openai`{}", "aiohttp": "of bare aiohttp{} + json", "raw": "of raw sockets + json"}


def ratios(figure: Figure, condition: str, base: str) -> dict[str, float]:
    """The ratio of each peer to `base` under a condition; empty where that was not measured."""
    return {
        cell["peer"]: cell["ratio"][base]
        for cell in figure.cells()
        if cell[figure.condition] == condition and base in cell["ratio"]
    }


def table(figures: Mapping[str, Figure], versions: Mapping[str, str]) -> str:
    """The table in Markdown: a row for each condition that was measured."""
    rows = [["This library's share", *(_heading(base, versions) for base in _COLUMNS)], ["---"] * (1 + len(_COLUMNS))]
    for label, name, condition in ROWS:
        found = [ratios(figures[name], condition, base) if name in figures else {} for base in _COLUMNS]
        if any(found):
            rows.append([label, *(f"{cell[_OURS]:.2f}" if _OURS in cell else "" for cell in found)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _heading(base: str, versions: Mapping[str, str]) -> str:
    version = ".".join(versions.get(base, "").split(".")[:2])
    return _COLUMNS[base].format(f" {version}" if version else "")


def replace(text: str, block: str) -> str:
    """`text` with `block` between the markers, in place of what stood there.

    Raises:
        ValueError: the markers are not there once each, in order.
    """
    start, end = MARKERS
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"no {start} with {end} after it")
    before, _, rest = text.partition(start)
    return f"{before}{start}\n{block}\n{end}{rest.partition(end)[2]}"


def conditions(figures: Mapping[str, Figure], versions: Mapping[str, str]) -> str:
    """The line under the table: how often, with what."""
    counts = sorted({figure.settings["rounds"] for figure in figures.values()})
    often = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Medians of {often} rounds over loopback, Python {versions['python']}."
