"""Draws what clients lost beside their function, predicted and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.experiments.report.charts import style
from emulator.experiments.report.charts.style import COLD, COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from emulator.experiments.network.comparison import Comparison

_SHOWN = (0.07, 0.3)
"""Seconds that the figure shows; the longest requests lie beyond."""
_LEAST_TAIL = 0.003
"""Least share of slower requests that the figure shows: one of the 300 of a run."""


def draw(comparison: Comparison) -> Figure:
    """Draws cumulative shares on the left, and the share of slower requests on the right."""
    figure = style.new_figure(8.6, 3.9)
    panels: tuple[Axes, Axes] = tuple(figure.subplots(1, 2))
    shares, tails = panels
    for run in comparison.seen:
        _curve(panels, run.overhead, f"fitted: {run.date}", color=GREY, linewidth=0.9)
    for run, colour in zip(comparison.held_out, COLOURS, strict=False):
        _curve(panels, run.overhead, f"held out: {run.date}", color=colour, linewidth=1.6)
    _curve(panels, comparison.predicted, "predicted", color=COLD, linewidth=2.2)
    for panel in panels:
        style.plain(panel, "both")
        panel.set_xlim(_SHOWN[0] * 1000, _SHOWN[1] * 1000)
        panel.set_xlabel("ms beside the function")
    tails.set_yscale("log")
    tails.set_ylim(_LEAST_TAIL, 1)
    style.title(shares, "share of requests that lose at most so much")
    style.title(tails, "share that lose more")
    handles, _ = shares.get_legend_handles_labels()
    style.legend(figure, handles, columns=3)
    return figure


def _curve(
    panels: tuple[Axes, Axes], seconds: NDArray[np.float64], label: str, **look: Any
) -> None:
    shares, tails = panels
    ordered = np.sort(seconds) * 1000
    at_most = np.arange(1, len(ordered) + 1) / len(ordered)
    shares.plot(ordered, at_most, label=label, **look)
    tails.plot(ordered[:-1], 1 - at_most[:-1], **look)
