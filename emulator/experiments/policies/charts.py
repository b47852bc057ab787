"""Draws a comparison of policies as papers print it; every chart is of simulated figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.report.charts.style import COLOURS, new_figure, plain, png

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from emulator.experiments.policies.tables import Row
    from emulator.experiments.policies.trace_run import PolicyRun

_MARKERS = ("x", "+", "1")
_STYLES = ("-", "--", ":")
_NAMED = 0.75


def _line(panel: Axes, number: int, x: Sequence[float], y: Sequence[float], name: str) -> None:
    colour = COLOURS[number % len(COLOURS)]
    style = _STYLES[number // len(COLOURS) % len(_STYLES)]
    panel.step(x, y, style, where="post", color=colour, label=name, linewidth=1.2)


def _finished(panel: Axes, x: str, y: str) -> None:
    plain(panel, "both")
    panel.set_xlabel(x, fontsize=8)
    panel.set_ylabel(y, fontsize=8)
    panel.tick_params(labelsize=7)
    panel.legend(fontsize=6, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _rising(values: Sequence[float]) -> list[float]:
    return [(number + 1) / len(values) for number in range(len(values))]


def cold_starts(runs: Sequence[PolicyRun]) -> bytes:
    """Draws the distribution over functions of the share of cold starts."""
    figure = new_figure(7.5, 3.6)
    panel = figure.subplots()
    for number, run in enumerate(runs):
        shares = run.cold_shares()
        name = f"{run.policy} ({100 * run.cold_share_of(_NAMED):.0f} %)"
        _line(panel, number, [100 * each for each in shares], _rising(shares), name)
    panel.axhline(_NAMED, color="#bbbbbb", linewidth=0.8)
    _finished(panel, "cold starts, % (75th percentile in brackets) · simulated", "functions")
    return png(figure)


def slowdowns(runs: Sequence[PolicyRun]) -> bytes:
    """Draws the distribution over calls of latency over the handler's time."""
    figure = new_figure(7.5, 3.6)
    panel = figure.subplots()
    for number, run in enumerate(runs):
        _line(panel, number, run.slowdowns, _rising(run.slowdowns), run.policy)
    panel.set_xscale("log")
    _finished(panel, "slowdown: latency / time in the handler · simulated", "calls")
    return png(figure)


def over_time(runs: Sequence[PolicyRun]) -> bytes:
    """Draws how many sandboxes there are, and their memory, over time."""
    figure = new_figure(7.5, 5)
    upper, lower = figure.subplots(2, 1, sharex=True)
    for number, run in enumerate(runs):
        minutes = [at / 60 for at, _, _ in run.series]
        _line(upper, number, minutes, [count for _, count, _ in run.series], run.policy)
        _line(lower, number, minutes, [mb / 1024 for _, _, mb in run.series], run.policy)
    _finished(upper, "", "sandboxes")
    _finished(lower, "minutes · simulated", "GB")
    lower.get_legend().remove()
    return png(figure)


def pareto(rows: Sequence[Row]) -> bytes:
    """Draws cold starts against wasted memory time, and the front that no policy beats."""
    figure = new_figure(7.5, 4)
    panel = figure.subplots()
    drawn = [row for row in rows if row.wasted is not None]
    for number, row in enumerate(drawn):
        marker = "o" if row.best else _MARKERS[number // len(COLOURS) % len(_MARKERS)]
        colour = COLOURS[number % len(COLOURS)]
        name = f"{row.policy} (front)" if row.best else row.policy
        where = (row.wasted or 0.0), 100 * row.cold_75
        panel.plot(*where, marker, color=colour, label=name, linestyle="none")
    front = sorted((row.wasted or 0.0, 100 * row.cold_75) for row in drawn if row.best)
    panel.step([x for x, _ in front], [y for _, y in front], where="post", color="#bbbbbb")
    what = "wasted memory time, fixed 10 minutes = 1 · simulated"
    _finished(panel, what, "cold starts, %, 75th percentile of functions")
    return png(figure)


def costs(rows: Sequence[Row]) -> bytes:
    """Draws the dollars that each policy's trace costs its user."""
    figure = new_figure(6, 0.28 * len(rows) + 0.9)
    panel = figure.subplots()
    panel.barh(range(len(rows)), [row.dollars for row in rows], color=COLOURS[0])
    panel.set_yticks(range(len(rows)), [row.policy for row in rows], fontsize=7)
    panel.invert_yaxis()
    panel.set_xscale("log")
    plain(panel, "x")
    panel.set_xlabel("dollars for the trace · simulated", fontsize=8)
    panel.tick_params(labelsize=7)
    return png(figure)
