"""Draws the validation's figures: overhead of bursts, and time by memory size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from emulator.experiments.report.charts.style import COLOURS, GREY, new_figure, png

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from emulator.experiments.validation.bursts import BurstPrediction
    from emulator.experiments.validation.figures import Comparison
    from emulator.experiments.validation.memory_curves import MemoryCurve

_ACROSS = 4
_MOST_MS = 700
_PREDICTED, _MEASURED = COLOURS[1], COLOURS[0]


def overhead_chart(predictions: Sequence[BurstPrediction]) -> bytes:
    """Draws a PNG with a panel a burst: the share of requests by the wait beyond the handler."""
    rows = math.ceil(len(predictions) / _ACROSS)
    figure = new_figure(11, 2.1 * rows)
    panels = figure.subplots(rows, _ACROSS, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, each in zip(panels, predictions, strict=False):
        _steps(panel, each.measured_overheads, _MEASURED, "AWS, 2020")
        _steps(panel, each.predicted_overheads, _PREDICTED, "simulated")
        panel.set_title(each.burst.name, fontsize=8)
        panel.set_xlim(0, _MOST_MS)
        panel.tick_params(labelsize=7)
    for panel in panels[len(predictions) :]:
        panel.set_axis_off()
    panels[0].legend(fontsize=7, loc="lower right")
    figure.supxlabel("overhead beyond the handler, ms", fontsize=8)
    figure.supylabel("share of requests", fontsize=8)
    return png(figure)


def memory_chart(curves: Sequence[tuple[MemoryCurve, Sequence[Comparison]]]) -> bytes:
    """Draws a PNG with a panel a memory curve, on logarithmic axes."""
    figure = new_figure(11, 3.2)
    panels = figure.subplots(1, len(curves), squeeze=False).ravel()
    for panel, (curve, sizes) in zip(panels, curves, strict=True):
        memory = sorted(curve.mean_ms)
        panel.plot(memory, [each.measured for each in sizes], "o", color=_MEASURED, label="AWS")
        panel.plot(
            memory, [each.predicted.mean for each in sizes], color=_PREDICTED, label="simulated"
        )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xticks(memory, [str(each) for each in memory], rotation=60, fontsize=7)
        panel.tick_params(axis="y", which="both", labelsize=7)
        panel.grid(visible=True, which="major", color=GREY, alpha=0.2)
        panel.set_title(curve.name, fontsize=8)
        panel.set_xlabel("MB", fontsize=8)
    panels[0].set_ylabel("ms", fontsize=8)
    panels[0].legend(fontsize=7)
    return png(figure)


def _steps(panel: Axes, values: Sequence[float], colour: str, label: str) -> None:
    shares = [(number + 1) / len(values) for number in range(len(values))]
    panel.step([value * 1000 for value in values], shares, color=colour, label=label, where="post")
