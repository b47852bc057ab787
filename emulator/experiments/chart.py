"""One PNG of a run: the study's four series over time, with every cold start marked.

It needs no display and changes no global state of matplotlib.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from emulator.core.model import StartKind
from emulator.experiments.report import machine_line, title
from emulator.experiments.stats import all_series, function_stats, requests_by_function

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from emulator.experiments.run_directory import Run
    from emulator.experiments.stats import Series

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d31")
"""After Okabe and Ito: told apart by the colour-blind too."""
_COLD = "#c1121f"
_GREY = "#777777"
_MIDDLE = 0.5
"""Of a second: where what happened in it is drawn."""
_LONGEST_LINE = 5.0
"""Seconds without an answer that a line bridges."""
_STEP_LINE = {"color": "#bbbbbb", "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 0}


def chart(run: Run, path: Path) -> None:
    """Writes the PNG; a run without requests gives empty panels."""
    draw(run).savefig(path)


def draw(run: Run) -> Figure:
    """Four panels: users, maximum latency, average latency, hits.

    A request belongs to the second in which it was sent, in every panel.
    """
    figure = Figure(figsize=(11, 9.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(4, 1, sharex=True, height_ratios=(1, 1.9, 1.5, 1))
    of_functions = all_series(run)
    for place, series in enumerate(of_functions):
        _draw(panels, series, _COLOURS[place % len(_COLOURS)])
    cold = _mark_cold_starts(run, panels[1])
    _name_panels(panels)
    _latency_axes(panels[1], panels[2])
    _legend(figure, of_functions, cold)
    heading = f"{title(run.info)}\n{machine_line(run.info)}\n{_lesson(run)}"
    figure.suptitle(heading, fontsize=10.5, ha="left", x=0.01)
    return figure


def _draw(panels: NDArray[np.object_], series: Series, colour: str) -> None:
    users, slowest, average, hits = panels
    # a step's value holds from its second to the next
    edges = np.append(series.seconds, series.seconds[-1] + 1)
    users.stairs(series.users, edges, baseline=None, color=colour, linewidth=2)
    hits.stairs(series.hits, edges, baseline=None, color=colour, linewidth=1.5)
    for panel, values in ((slowest, series.max_ms), (average, series.mean_ms)):
        at, shown = _with_gaps(series.seconds.astype(np.float64) + _MIDDLE, values)
        panel.plot(at, shown, color=colour, linewidth=1.5, marker=".", ms=4)
    _mark_steps(panels, series)


def _with_gaps(at: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[Any, Any]:
    """Without the seconds that have no value; a long run of those breaks the line."""
    answered = ~np.isnan(values)
    at, values = at[answered], values[answered]
    breaks = np.flatnonzero(np.diff(at) > _LONGEST_LINE) + 1
    return np.insert(at, breaks, math.nan), np.insert(values, breaks, math.nan)


def _mark_steps(panels: NDArray[np.object_], series: Series) -> None:
    """A dashed line through all panels wherever more users came, and how many they are then."""
    known = np.nan_to_num(series.users)
    changed = np.flatnonzero(np.diff(known, prepend=0.0))
    for place, until in pairwise([*changed, len(known)]):
        second, users = series.seconds[place], known[place]
        if place and users < known[place - 1]:
            continue
        for panel in panels:
            panel.axvline(second, **_STEP_LINE)
        if until - place > 1 or len(known) == 1:  # no room for a figure above a shorter step
            panels[0].annotate(
                f"{users:.0f}", (second, users), (4, 3), textcoords="offset points", fontsize=9
            )


def _mark_cold_starts(run: Run, panel: Axes) -> int:
    """A red triangle at the second and the latency of each answered cold start; how many."""
    by_function = requests_by_function(run)
    origin = min((requests.samples[0].at for requests in by_function), default=0.0)
    cold = [
        (math.floor(sample.at - origin) + _MIDDLE, sample.latency_ms)
        for requests in by_function
        for sample in requests.samples
        if sample.start is StartKind.COLD and not sample.failed
    ]
    if cold:
        times, latencies = zip(*cold, strict=True)
        panel.scatter(times, latencies, marker="v", s=42, color=_COLD, edgecolors="w", zorder=3)
    return len(cold)


def _lesson(run: Run) -> str:
    """What the red triangles mean, in the medians of this run."""
    compared = [
        f"{figure.function} {_duration(figure.p50_cold_ms)} cold, "
        f"{_duration(figure.p50_warm_ms)} warm"
        for figure in function_stats(run)
        if figure.p50_cold_ms is not None and figure.p50_warm_ms is not None
    ]
    if not compared:
        return ""
    lesson = "A request that finds no idle sandbox waits for a new one to start. Medians:\n"
    return lesson + "; ".join(compared)


def _name_panels(panels: NDArray[np.object_]) -> None:
    names = (
        ("users", "each sends a request, waits for its answer, and sends the next"),
        ("maximum latency", "the slowest answer to the requests of each second"),
        ("average latency", "the mean over the requests of each second"),
        ("hits / s", "requests sent in each second"),
    )
    for panel, (name, meaning) in zip(panels, names, strict=True):
        panel.set_title(name, loc="left", fontsize=10, fontweight="bold")
        panel.set_title(meaning, loc="right", fontsize=9, color=_GREY)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="#eeeeee")
        panel.set_axisbelow(True)
        panel.margins(x=0.01)
    for panel in (panels[0], panels[3]):
        panel.margins(y=0.2)
        panel.set_ylim(bottom=0)
        panel.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    panels[3].set_xlabel("seconds since the first request")


def _latency_axes(slowest: Axes, average: Axes) -> None:
    """One logarithmic scale for both: a cold start is a thousand warm answers long."""
    average.sharey(slowest)
    slowest.set_yscale("log")
    slowest.yaxis.set_major_locator(LogLocator(10, numticks=9))
    slowest.yaxis.set_major_formatter(FuncFormatter(_duration))
    slowest.yaxis.set_minor_formatter(NullFormatter())


def _duration(value_ms: float, _: object = None) -> str:
    """Three figures at most: 12.5 s, 100 ms, 3.06 ms."""
    value_ms = float(f"{value_ms:.3g}")
    return f"{value_ms / 1000:g} s" if value_ms >= 1000 else f"{value_ms:g} ms"  # noqa: PLR2004


def _legend(figure: Figure, of_functions: list[Series], cold: int) -> None:
    handles = [
        Line2D([], [], color=_COLOURS[place % len(_COLOURS)], linewidth=2, label=series.function)
        for place, series in enumerate(of_functions)
    ]
    if cold:
        words = f"cold start: had to wait for a new sandbox ({cold} of {_total(of_functions)})"
        handles.append(
            Line2D([], [], color=_COLD, marker="v", linestyle="", label=words, markersize=7)
        )
    figure.legend(handles=handles, loc="outside lower left", ncols=4, frameon=False, fontsize=9)


def _total(of_functions: list[Series]) -> int:
    return sum(int(series.hits.sum()) for series in of_functions)
