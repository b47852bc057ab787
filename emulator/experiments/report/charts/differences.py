"""Draws how the median latencies of two runs differ, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from emulator.experiments.analysis.comparison import Figure
from emulator.experiments.report.charts import style
from emulator.experiments.report.charts.style import COLD, GREY, WARM
from emulator.experiments.report.labels import marked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from emulator.experiments.analysis.comparison import Comparison, Difference

_COLOURS = {Figure.COLD: COLD, Figure.WARM: WARM}
_OFFSETS = {Figure.COLD: -0.15, Figure.WARM: 0.15}


def draw_differences(comparison: Comparison) -> Drawing:
    """Draws a lane for each pair of cells: differences in per cent of the first run's medians."""
    figure = style.new_figure(8.6, 1.2 + 0.42 * len(comparison.pairs))
    panel = figure.subplots()
    panel.axvline(0, color=GREY, linewidth=1)
    for place, pair in enumerate(comparison.pairs):
        for difference in pair.differences:
            if difference.figure in _COLOURS:
                _draw_difference(panel, place, difference)
    names = [
        marked(pair.name, host_bound=pair.host_bound, incomplete=pair.incomplete)
        for pair in comparison.pairs
    ]
    style.lanes(panel, names)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.0%}"))
    panel.set_xlabel("difference of the median latency, B less A, of A's")
    handles = [
        Line2D([], [], color=colour, marker="o", label=compared.value)
        for compared, colour in _COLOURS.items()
    ]
    style.legend(figure, handles, columns=2)
    return figure


def _draw_difference(panel: Axes, place: int, difference: Difference) -> None:
    colour, lane = _COLOURS[difference.figure], place + _OFFSETS[difference.figure]
    value, interval = difference.first.value, difference.difference.interval
    if difference.share is None or not value:
        return
    panel.plot([difference.share], [lane], "o", color=colour, ms=6)
    if interval is not None:
        ends = [interval.low / value, interval.high / value]
        panel.plot(ends, [lane, lane], color=colour, linewidth=2)
