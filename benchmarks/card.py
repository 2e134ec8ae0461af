"""How a picture of a benchmark looks: a card with a ground of its own, light or dark as the reader's system is.

What it is saved as is an SVG of text and a few shapes, the same bytes for the same figures. Colours are given by
the names here, since only those have a dark counterpart. Nothing of matplotlib's own state is changed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

CARD, INK, PALE, LINE, OURS, THEIRS = "#ffffff", "#1f2328", "#656d76", "#d8dee4", "#0969da", "#bc5c1d"
_DARK = {
    CARD: "#161b22",
    INK: "#e6edf3",
    PALE: "#9198a1",
    LINE: "#30363d",
    OURS: "#58a6ff",
    THEIRS: "#e3935a",
}
#: For `matplotlib.rc_context`.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Segoe UI", "Liberation Sans", "Arial", "DejaVu Sans"],
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "xtick.color": LINE,
    "xtick.labelcolor": PALE,
}


def save(figure: Any, path: Path) -> None:
    """Write a matplotlib figure to `path`: `.svg`, or any other format that matplotlib writes, light only."""
    if path.suffix != ".svg":
        figure.savefig(path)
        return
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    path.write_text(_adapted(path.read_text("utf-8")), "utf-8")


def _adapted(svg: str) -> str:
    """Attributes, not text, need no more than a tenth of a point; and the dark has colours of its own."""
    svg = re.sub(r'"[^"<>]*"', lambda attribute: _DECIMALS.sub(_rounded, attribute[0]), svg)
    rules = "".join(
        f'[style*="{name}: {light}"]{{{name}:{dark}!important}}'
        for light, dark in _DARK.items()
        for name in ("fill", "stroke")
    )
    return svg.replace("</style>", f"@media (prefers-color-scheme:dark){{{rules}}}</style>", 1)


_DECIMALS = re.compile(r"-?\d+\.\d{2,}")


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
