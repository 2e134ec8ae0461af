"""A picture of the limiter's benchmark: one row a client, one dot a condition, three measures beside one another.

An SVG of text and a few shapes on a card of its own, which is light or dark as the reader's system is. Needs
matplotlib, and nothing of its state is changed.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.limiter_simulation import Outcome

#: (client, condition) -> runs
Results = Mapping[tuple[str, str], Sequence[Outcome]]

#: Light, and what it is in the dark.
_CARD, _INK, _PALE, _LINE, _OURS, _THEIRS = "#ffffff", "#1f2328", "#656d76", "#d8dee4", "#0969da", "#bc5c1d"
_DARK = {
    _CARD: "#161b22",
    _INK: "#e6edf3",
    _PALE: "#9198a1",
    _LINE: "#30363d",
    _OURS: "#58a6ff",
    _THEIRS: "#e3935a",
}
_FONTS = ["Helvetica Neue", "Segoe UI", "Liberation Sans", "Arial", "DejaVu Sans"]
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "limiter",
    "font.family": "sans-serif",
    "font.sans-serif": _FONTS,
    "font.size": 11,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "xtick.color": _LINE,
    "xtick.labelcolor": _PALE,
}
_WIDTH, _ROW, _ABOVE, _BELOW = 8.8, 0.46, 1.38, 0.52  # inches


def draw(results: Results, path: Path, *, hollow: str, caption: Sequence[str]) -> None:
    """Write the picture to `path`: `.svg`, or any other format that matplotlib writes, light only.

    Conditions with `hollow` in their name get a hollow dot. `caption` has a title and two lines below it.
    """
    matplotlib: Any = import_module("matplotlib")
    figures: Any = import_module("matplotlib.figure")
    clients = list(dict.fromkeys(client for client, _ in results))
    height = _ABOVE + _ROW * len(clients) + _BELOW
    with matplotlib.rc_context(_STYLE):
        figure = figures.Figure(figsize=(_WIDTH, height), facecolor=_CARD)
        for line, (text, below) in enumerate(zip(caption, (0.30, 0.60, 0.80), strict=True)):
            style: dict[str, Any] = {"color": _PALE, "size": 10.5} if line else {"size": 15, "weight": "bold"}
            figure.text(0.02, 1 - below / height, text, va="center", **style)
        grid = {"left": 0.285, "right": 0.965, "top": 1 - _ABOVE / height, "bottom": _BELOW / height, "wspace": 0.14}
        panels = figure.subplots(1, 3, sharey=True, gridspec_kw={"width_ratios": [1.1, 1.15, 0.8], **grid})
        for panel, measure in zip(panels, (_time, _refused, _given_up), strict=True):
            measure(panel)
            _rows(panel, clients)
        for row, client in enumerate(clients):
            cells = {condition: runs for (name, condition), runs in results.items() if name == client}
            _dots(panels, row, client, cells, hollow)
        figure.savefig(path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None)
    if path.suffix == ".svg":
        path.write_text(_adapted(path.read_text("utf-8")), "utf-8")


# -- panels ------------------------------------------------------------------------------------------------


def _time(panel: Any) -> None:
    panel.set_xlim(0.94, 2.62)
    panel.set_xticks([1, 1.5, 2, 2.5], ["1", "1.5", "2", "2.5 x"])
    panel.set_title("time / least possible", loc="left", size=11, pad=9)


def _refused(panel: Any) -> None:
    panel.set_xscale("symlog", linthresh=0.01, linscale=0.6)
    panel.set_xlim(-0.0012, 20)
    panel.set_xticks([0, 0.01, 0.1, 1, 10], ["0", "0.01", "0.1", "1", "10"])
    panel.minorticks_off()
    panel.set_title("429s per request", loc="left", size=11, pad=9)


def _given_up(panel: Any) -> None:
    panel.set_xlim(-0.045, 1.05)
    panel.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
    panel.set_title("requests given up", loc="left", size=11, pad=9)


def _rows(panel: Any, clients: Sequence[str]) -> None:
    panel.set_facecolor("none")
    panel.set_ylim(len(clients) - 0.5, -0.5)
    panel.set_yticks([])
    for side in ("top", "left", "right"):
        panel.spines[side].set_visible(False)
    panel.tick_params(length=3, pad=4, labelsize=10)
    for row in range(len(clients) - 1):
        panel.axhline(row + 0.5, color=_LINE, linewidth=0.6)
    first: float = panel.get_xticks()[0]
    panel.axvline(first, color=_PALE, linewidth=0.8, zorder=0)


def _dots(panels: Sequence[Any], row: int, client: str, cells: Mapping[str, Sequence[Outcome]], hollow: str) -> None:
    ours = client.startswith("openai_async")
    color = _OURS if ours else _THEIRS
    place = {"ha": "right", "va": "center", "transform": panels[0].get_yaxis_transform()}
    panels[0].text(-0.05, row, client, weight="bold" if ours else "normal", **place)
    finished = {name: runs for name, runs in cells.items() if not any(run.failed for run in runs)}
    measures: tuple[tuple[Callable[[Outcome], float], Mapping[str, Sequence[Outcome]]], ...] = (
        (lambda run: run.over_bound, finished),  # who does only part of the work may be done sooner
        (lambda run: run.refused_per_request, cells),
        (lambda run: run.failed, cells),
    )
    for panel, (value, shown) in zip(panels, measures, strict=True):
        dots = sorted((statistics.median(map(value, runs)), name) for name, runs in shown.items())
        for empty, fill in ((False, color), (True, _CARD)):
            points = [
                (at, row + (number * 7 % 11 - 5) * 0.05)  # spread, so that equal ones can be told apart
                for number, (at, name) in enumerate(dots)
                if (hollow in name) is empty
            ]
            style = {"color": fill, "mec": color, "mew": 0.9 if empty else 0, "alpha": 0.9 if empty else 0.55}
            if points:
                panel.plot(*zip(*points, strict=True), "o", ms=4.6, clip_on=False, **style)
    if not finished:
        panels[0].text(1.04, row, "never all of them", color=_PALE, size=10, style="italic", va="center")


# -- the file ----------------------------------------------------------------------------------------------


def _adapted(svg: str) -> str:
    """Leave out what a browser does not need, and add the colours of the dark."""
    svg = re.sub(r" *<metadata>.*?</metadata>\n| *<!--.*?-->\n", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(?<=")-?\d+\.\d{2,}(?=")', lambda found: f"{float(found[0]):.1f}", svg)
    svg = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    rules = "".join(
        f'[style*="{name}: {light}"]{{{name}:{dark}!important}}'
        for light, dark in _DARK.items()
        for name in ("fill", "stroke")
    )
    return svg.replace("</style>", f"@media (prefers-color-scheme:dark){{{rules}}}</style>", 1)
