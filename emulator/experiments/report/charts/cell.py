"""Draws one cell over time: the study's four series under load, or single requests far apart."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from emulator.experiments.analysis.cell_series import cell_series
from emulator.experiments.analysis.idle_time import emulated_minutes
from emulator.experiments.analysis.requests import COLD as COLD_START
from emulator.experiments.analysis.requests import PING, user_requests
from emulator.experiments.report.charts import style
from emulator.experiments.report.charts.style import COLD, GREY, WARM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from emulator.experiments.analysis.cell_series import CellSeries
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell

_STEP_LINE = {"color": "#bbbbbb", "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 0}
_LONGEST_LINE = 5
"""Number of buckets without an answer that a line bridges."""
_OF_REQUESTS = "latency", "each asks, waits for the answer, and asks again"
_OF_EVENTS = "time until it had run", "each sends an event, and waits for no function"
_MOST_MARKS = 400
"""Number of cold starts that are marked; more marks would cover the lines."""


def draw_cell(cell: MeasuredCell, rows: Sequence[RequestRow]) -> Figure:
    """Draws the requests of one cell in the way that suits its scenario."""
    if cell.idles:
        return _single_requests(cell, rows)
    if cell.asynchronous:
        return _four_series([_until_run(row) for row in rows], _OF_EVENTS)
    return _four_series(rows, _OF_REQUESTS)


def _until_run(row: RequestRow) -> RequestRow:
    """Returns an event with the time until its function had run as its latency."""
    if row.executed_at_s is None:
        return replace(row, ok=False)
    return replace(row, latency_ms=(row.executed_at_s - row.sent_at_s) * 1000)


def _four_series(rows: Sequence[RequestRow], words: tuple[str, str]) -> Figure:
    """Draws users, maximum and average latency, and hits; a request counts when it was sent.

    `words` call the latency, and say what users do.
    """
    figure = style.new_figure(8.6, 5.6)
    panels = figure.subplots(4, 1, sharex=True, height_ratios=(1, 2, 1.5, 1))
    series = cell_series(rows)
    users, slowest, average, hits = panels
    if len(series.at_s):
        edges = np.append(series.at_s, series.at_s[-1] + series.width_s)
        users.stairs(series.users, edges, baseline=None, color=GREY, linewidth=2)
        hits.stairs(series.hits, edges, baseline=None, color=WARM, linewidth=1.5)
        for panel, values in ((slowest, series.max_ms), (average, series.mean_ms)):
            at, shown = _with_gaps(series, values)
            panel.plot(at, shown, color=WARM, linewidth=1.4, marker=".", ms=3.5)
        _mark_steps(panels, series)
    _mark_cold(slowest, rows, series.width_s)
    _name_panels(panels, series.width_s, words)
    if not np.isnan(series.max_ms).all():  # a logarithmic axis needs a value
        _share_latencies(slowest, average)
    return figure


def _with_gaps(
    series: CellSeries, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the middles of the buckets with a value, and NaN where a line must break."""
    answered = ~np.isnan(values)
    at, shown = series.at_s[answered] + series.width_s / 2, values[answered]
    breaks = np.flatnonzero(np.diff(at) > _LONGEST_LINE * series.width_s) + 1
    return np.insert(at, breaks, math.nan), np.insert(shown, breaks, math.nan)


def _mark_steps(panels: NDArray[np.object_], series: CellSeries) -> None:
    known = np.nan_to_num(series.users)
    for place in np.flatnonzero(np.diff(known, prepend=0.0) > 0):
        for panel in panels:
            panel.axvline(series.at_s[place], **_STEP_LINE)
        panels[0].annotate(
            f"{known[place]:.0f}",
            (series.at_s[place], known[place]),
            (3, 3),
            textcoords="offset points",
            fontsize=8,
        )


def _mark_cold(panel: Axes, rows: Sequence[RequestRow], width: float) -> None:
    answered = [row for row in user_requests(rows) if row.ok]
    waited = [row for row in answered if row.start == COLD_START][:_MOST_MARKS]
    panel.scatter(
        [(math.floor(row.sent_at_s / width) + 0.5) * width for row in waited],
        [row.latency_ms for row in waited],
        marker="v",
        s=34,
        color=COLD,
        edgecolors="w",
        linewidths=0.6,
        zorder=3,
    )


def _name_panels(panels: NDArray[np.object_], width: float, words: tuple[str, str]) -> None:
    each = "second" if width == 1 else f"{width:g} seconds"
    latency, users = words
    names = (
        ("users", users),
        (
            f"maximum {latency}",
            f"of the requests sent in each {each}; red: waited for a new sandbox",
        ),
        (f"average {latency}", ""),
        ("hits / s", ""),
    )
    for panel, (name, meaning) in zip(panels, names, strict=True):
        style.title(panel, name, meaning)
        style.plain(panel)
        panel.margins(x=0.01)
    for panel in (panels[0], panels[3]):
        panel.margins(y=0.25)
        panel.set_ylim(bottom=0)
        panel.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    panels[3].set_xlabel("seconds since the first request")


def _share_latencies(slowest: Axes, average: Axes) -> None:
    average.sharey(slowest)
    slowest.set_yscale("log")
    slowest.margins(y=0.12)
    style.logarithmic_y(slowest)


def _single_requests(cell: MeasuredCell, rows: Sequence[RequestRow]) -> Figure:
    """Draws a stem for each request over minutes of emulated time; ticks are pings."""
    figure = style.new_figure(8.6, 2.8)
    panel = figure.subplots()
    timed = list(zip(emulated_minutes(cell, rows), rows, strict=True))
    answered = [(minute, row) for minute, row in timed if row.ok and row.user_count != PING]
    if answered:
        _draw_stems(panel, answered)
    pings = [minute for minute, row in timed if row.user_count == PING]
    panel.plot(pings, [0.02] * len(pings), "|", color=GREY, transform=panel.get_xaxis_transform())
    style.plain(panel)
    style.title(panel, "latency", "single requests; the sandbox idles in between")
    panel.set_xlabel("minutes of emulated time since the first request")
    handles = [
        Line2D([], [], color=COLD, marker="v", label="cold start"),
        Line2D([], [], color=WARM, marker="o", label="warm"),
    ]
    if pings:
        handles.append(Line2D([], [], color=GREY, marker="|", linestyle="", label="keep-warm ping"))
    panel.legend(handles=handles, frameon=False, fontsize=8, loc="upper right", ncols=3)
    return figure


def _draw_stems(panel: Axes, answered: Sequence[tuple[float, RequestRow]]) -> None:
    bottom = min(row.latency_ms for _, row in answered) / 3
    for minute, row in answered:
        colour, marker = (COLD, "v") if row.start == COLD_START else (WARM, "o")
        panel.plot([minute, minute], [bottom, row.latency_ms], color=colour, linewidth=2)
        panel.plot([minute], [row.latency_ms], marker, color=colour)
    panel.set_ylim(bottom=bottom)
    style.logarithmic_y(panel)
