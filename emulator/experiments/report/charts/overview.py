"""Draws a whole study: memory against latency and cost, cold starts, distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.cell_stats import ANATOMY
from emulator.experiments.analysis.requests import cold_latencies, warm_latencies
from emulator.experiments.report.charts import style
from emulator.experiments.report.charts.style import BEST, COLD, COLOURS, GREY, WARM
from emulator.experiments.report.labels import marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.analysis.memory_curve import MemoryCurve, SizeFigures
    from emulator.experiments.records.request_table import RequestRow

_PARTS = {
    "queued_ms": ("waiting for a place in the start queue", GREY),
    "download_ms": ("placement, and the code's download", COLOURS[5]),
    "create_ms": ("creating the sandbox", COLOURS[4]),
    "start_ms": ("starting it", COLOURS[0]),
    "connect_ms": ("the runtime's first connection", COLOURS[2]),
    "init_ms": ("init: loading the function", COLOURS[1]),
    "leftover_ms": ("everything else", COLOURS[3]),
}
assert tuple(_PARTS) == ANATOMY
_LEAST_FOR_A_BOX = 5
"""Number of values below which each value is drawn and no box."""
_MOST_DOTS = 300
"""Number of a distribution's dots; more of them look the same."""


def draw_memory(curves: Sequence[MemoryCurve], titles: Sequence[str]) -> Figure:
    """Draws a column for each curve: latency above, cost below, the best value behind both."""
    figure = style.new_figure(max(5.2, 4.1 * len(curves)), 4.9)
    panels = figure.subplots(2, len(curves), squeeze=False, sharex="col", height_ratios=(1.35, 1))
    for column, (curve, title) in enumerate(zip(curves, titles, strict=True)):
        above, below = panels[0, column], panels[1, column]
        if curve.best is not None:
            for panel in (above, below):
                panel.axvspan(curve.best - 0.5, curve.best + 0.5, color=BEST, zorder=0)
            _mark_best(above, curve.best)
        _latencies(above, curve.sizes)
        _costs(below, curve.sizes)
        style.title(above, title)
        below.set_xticks(range(len(curve.sizes)), [_size_name(size) for size in curve.sizes])
        below.set_xlim(-0.6, len(curve.sizes) - 0.4)
        below.set_xlabel("memory of the function")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=8.5)
    panels[0, 0].set_ylabel("how long a request takes")
    panels[1, 0].set_ylabel("a million requests cost")
    return figure


def _mark_best(panel: Axes, place: int) -> None:
    panel.annotate(
        "best value",
        (place, 1),
        (0, -11),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        fontweight="bold",
    )


def _size_name(size: SizeFigures) -> str:
    return marked(f"{size.memory_mb} MB", host_bound=size.host_bound, incomplete=size.incomplete)


def _latencies(panel: Axes, sizes: Sequence[SizeFigures]) -> None:
    style.plain(panel)
    for values, label, colour, marker, above in (
        ([size.max_ms for size in sizes], "slowest", COLD, "v", 7),
        ([size.mean_ms.value for size in sizes], "average", WARM, "o", -15),
    ):
        known = [(place, value) for place, value in enumerate(values) if value is not None]
        if not known:
            continue
        at, shown = zip(*known, strict=True)
        panel.plot(at, shown, color=colour, marker=marker, linewidth=1.8, ms=6, label=label)
        for place, value in known:
            panel.annotate(
                formatting.time(value),
                (place, value),
                (0, above),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
            )
    panel.set_yscale("log")
    panel.margins(y=0.28)
    style.logarithmic_y(panel)


def _costs(panel: Axes, sizes: Sequence[SizeFigures]) -> None:
    style.plain(panel)
    panel.bar(
        range(len(sizes)),
        [size.million or 0.0 for size in sizes],
        width=0.55,
        color=COLOURS[2],
        hatch=["//" if size.host_bound else "" for size in sizes],
        edgecolor="white",
    )
    for place, size in enumerate(sizes):
        panel.annotate(
            formatting.money(size.million),
            (place, size.million or 0.0),
            (0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
        )
    panel.margins(y=0.25)
    panel.yaxis.set_major_formatter("${x:g}")


def draw_anatomy(stats: Sequence[CellStats], names: Sequence[str]) -> Figure | None:
    """Draws a stacked bar of a cold start's mean parts for each cell; None without cold starts."""
    known = [(s, n) for s, n in zip(stats, names, strict=True) if s.anatomy_ms]
    if not known:
        return None
    figure = style.new_figure(8.6, 1.3 + 0.3 * len(known))
    panel = figure.subplots()
    places = np.arange(len(known))
    left = np.zeros(len(known))
    for part, (label, colour) in _PARTS.items():
        widths = np.array([figures.anatomy_ms[part] for figures, _ in known]) / 1000
        panel.barh(places, widths, left=left, height=0.68, color=colour, label=label)
        left += widths
    for place, total in zip(places, left, strict=True):
        panel.annotate(
            formatting.time(float(total) * 1000),
            (float(total), float(place)),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    style.lanes(panel, [name for _, name in known])
    panel.margins(x=0.12)
    panel.set_xlabel("seconds, mean of the cell's cold starts")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def draw_distributions(
    stats: Sequence[CellStats], names: Sequence[str], rows: Mapping[str, Sequence[RequestRow]]
) -> Figure:
    """Draws a lane for each cell, cold latencies above warm ones.

    A line goes from the 5th to the 95th percentile, a box from the 25th to the 75th, with the
    median in white; ticks below are the requests themselves.
    """
    figure = style.new_figure(8.6, 1.2 + 0.42 * len(stats))
    panel = figure.subplots()
    for place, figures in enumerate(stats):
        requests = rows[figures.cell.id]
        for values, offset, colour in (
            (cold_latencies(requests), -0.19, COLD),
            (warm_latencies(requests), 0.19, WARM),
        ):
            if values:
                _box(panel, values, place + offset, colour)
    style.lanes(panel, names)
    style.logarithmic_x(panel)
    panel.set_xlabel("latency")
    handles = [Patch(color=COLD, label="cold"), Patch(color=WARM, label="warm")]
    style.legend(figure, handles, columns=2)
    return figure


def _box(panel: Axes, values: Sequence[float], place: float, colour: str) -> None:
    p5, p25, p50, p75, p95 = np.percentile(values, [5, 25, 50, 75, 95])
    ordered = np.sort(values)
    shown = ordered[np.linspace(0, len(ordered) - 1, min(_MOST_DOTS, len(ordered))).astype(int)]
    if len(values) < _LEAST_FOR_A_BOX:
        panel.plot(shown, np.full(len(shown), place), "o", color=colour, alpha=0.7, ms=5, mew=0)
        return
    panel.plot(shown, np.full(len(shown), place + 0.13), "|", color=colour, alpha=0.35, ms=4)
    panel.plot([p5, p95], [place, place], color=colour, linewidth=1.2)
    panel.plot([p25, p75], [place, place], color=colour, linewidth=6, solid_capstyle="butt")
    panel.plot([p50], [place], "|", color="white", ms=8, mew=2)
