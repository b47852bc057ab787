"""Draws where a user's time goes: a stacked bar of a mean latency's parts for each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.latency_parts import Part
from emulator.experiments.report.charts import style
from emulator.experiments.report.charts.style import COLD, COLOURS, GREY, WARM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from emulator.experiments.analysis.latency_parts import CellParts

_LOOK = {
    Part.NETWORK: ("network: between the client and the edge", COLOURS[4]),
    Part.GATEWAY: ("gateway: API Gateway and Lambda's front end", COLOURS[2]),
    Part.QUEUE: ("queue: waiting for a sandbox", GREY),
    Part.DOWNLOAD: ("placement, and the code's download", COLOURS[5]),
    Part.INIT: ("init: making a sandbox, loading the function", COLD),
    Part.HANDLER: ("handler", WARM),
    Part.REST: ("everything else", "#dddddd"),
}
assert tuple(_LOOK) == tuple(Part)


def draw_latency_parts(cells: Sequence[CellParts], names: Sequence[str]) -> Figure:
    """Draws a bar for each cell, as long as its mean latency."""
    figure = style.new_figure(8.6, 1.5 + 0.3 * len(cells))
    panel = figure.subplots()
    places, left = np.arange(len(cells)), np.zeros(len(cells))
    for part, (label, colour) in _LOOK.items():
        widths = np.array([cell.mean_ms[part] for cell in cells])
        panel.barh(places, widths, left=left, height=0.68, color=colour, label=label)
        left += widths
    for place, total in zip(places, left, strict=True):
        panel.annotate(
            formatting.time(float(total)),
            (float(total), float(place)),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    style.lanes(panel, names)
    panel.margins(x=0.12)
    panel.set_xlabel("ms, mean of the cell's answered requests")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure
