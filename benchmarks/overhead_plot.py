"""README's picture: the client's CPU per call and per chunk, that of the official SDK being 1.

Bars from 0, so that their lengths are what they claim, and the figure beside each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import card

#: As they are listed, from above, and what their names leave out.
CLIENTS = {
    "openai": "official SDK, typed",
    "httpx": "bare, plain JSON",
    "aiohttp": "bare, plain JSON",
    "openai_async": "typed, with retries and limits",
    "raw": "bare sockets, plain JSON",
}
_WIDTH, _ROW, _ABOVE, _BELOW = 8.8, 0.44, 1.34, 0.22  # inches


def draw(panels: Mapping[str, Mapping[str, float]], path: Path, *, rounds: int) -> None:
    """Write the picture to `path`. `panels` has, under the title of each, the ratio of each client to `openai`."""
    import matplotlib
    from matplotlib.figure import Figure

    clients = [name for name in CLIENTS if all(name in ratios for ratios in panels.values())]
    height = _ABOVE + _ROW * len(clients) + _BELOW
    least = math.floor(min(1 / ratios["openai_async"] for ratios in panels.values()))
    with matplotlib.rc_context(card.STYLE):
        figure = Figure(figsize=(_WIDTH, height), facecolor=card.CARD)
        title = f"At most 1/{least} of the official SDK's CPU" if least > 1 else "CPU beside the official SDK's"
        figure.text(0.025, 1 - 0.30 / height, title, size=15, weight="bold", va="center")
        subtitle = f"The client's CPU over loopback, official SDK = 1; medians of {rounds} rounds"
        figure.text(0.025, 1 - 0.60 / height, subtitle, size=10.5, color=card.PALE, va="center")
        grid = {"left": 0.30, "right": 0.955, "top": 1 - _ABOVE / height, "bottom": _BELOW / height, "wspace": 0.20}
        axes: Any = figure.subplots(1, len(panels), sharey=True, squeeze=False, gridspec_kw=grid)[0]
        for axis, (name, ratios) in zip(axes, panels.items(), strict=True):
            _panel(axis, name, [ratios[client] for client in clients], clients)
        for row, client in enumerate(clients):
            _label(axes[0], row, client)
        card.save(figure, path)


def _panel(axis: Any, name: str, ratios: list[float], clients: list[str]) -> None:
    axis.set_facecolor("none")
    axis.set_title(name, loc="left", size=11, pad=9)
    axis.set_xlim(0, max(1.0, *ratios) * 1.13)  # room for the figures
    axis.set_ylim(len(clients) - 0.5, -0.5)
    axis.set_xticks([])
    axis.set_yticks([])
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)
    for row, (client, ratio) in enumerate(zip(clients, ratios, strict=True)):
        ours = client == "openai_async"
        axis.barh(row, ratio, height=0.52, color=card.OURS if ours else card.THEIRS, linewidth=0)
        weight = "bold" if ours else "normal"
        axis.annotate(
            "1" if client == "openai" else f"{ratio:.2f}",
            (ratio, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            weight=weight,
        )


def _label(axis: Any, row: int, client: str) -> None:
    place = {"ha": "right", "clip_on": False, "transform": axis.get_yaxis_transform()}
    weight = "bold" if client == "openai_async" else "normal"
    axis.text(-0.05, row - 0.02, client, va="bottom", weight=weight, **place)
    axis.text(-0.05, row + 0.06, CLIENTS[client], va="top", size=8.5, color=card.PALE, **place)
