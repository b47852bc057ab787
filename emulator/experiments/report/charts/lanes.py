"""Draws a lane for each sandbox over time: when it started, ran, idled and was gone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from emulator.experiments.report.charts import style
from emulator.experiments.report.charts.style import COLD, WARM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from emulator.core.records import InvocationRecord, SandboxRecord
    from emulator.experiments.records.run_directory import Run

MOST = 60
"""Number of lanes; of more sandboxes the first ones are drawn."""
_PIXELS = 1000
"""Width of the panel: a run is drawn at least a pixel wide, as shorter ones would vanish."""
_IDLE = "#cfd8e3"
_Span = tuple[float, float]
"""Seconds from the first request: a beginning and an end."""


def draw_lanes(run: Run, function: str) -> tuple[Figure, int] | None:
    """Draws a function's sandboxes, and counts them; None where the function had none.

    Times are the journal's, counted from the function's first request.
    """
    sandboxes = [sandbox for sandbox in run.sandboxes if sandbox.function == function]
    if not sandboxes:
        return None
    shown = sorted(sandboxes, key=lambda sandbox: (sandbox.started_at, sandbox.id))[:MOST]
    lanes = {sandbox.id: lane for lane, sandbox in enumerate(shown, 1)}
    ran = [i for i in run.invocations if i.function == function]
    origin = min([i.requested_at for i in ran] + [shown[0].started_at])
    end = max([i.finished_at for i in ran] + [s.gone_at or s.started_at for s in shown])
    figure = style.new_figure(8.6, 1.1 + min(4.2, 0.2 + 0.14 * len(shown)))
    panel = figure.subplots()
    width = max(1.5, min(7.0, 190 / len(shown)))
    for spans, colour in (
        ([(lanes[s.id], _alive(s, origin, end)) for s in shown], _IDLE),
        ([(lanes[s.id], _starting(s, origin, end)) for s in shown], COLD),
        (_running(ran, lanes, origin, (end - origin) / _PIXELS), WARM),
    ):
        lines = [[(begun, lane), (ended, lane)] for lane, (begun, ended) in spans]
        panel.add_collection(
            LineCollection(lines, colors=colour, linewidths=width, capstyle="butt")
        )
    panel.set_xlim(-0.01 * (end - origin), max(end - origin, 0.001) * 1.01)
    _label(figure, panel, len(shown))
    return figure, len(sandboxes)


def _running(
    invocations: Iterable[InvocationRecord],
    lanes: Mapping[int, int],
    origin: float,
    least: float,
) -> list[tuple[int, _Span]]:
    """Returns lane and span of the invocations of shown sandboxes, none shorter than `least`."""
    spans = []
    for invocation in invocations:
        lane = None if invocation.sandbox is None else lanes.get(invocation.sandbox)
        if lane is not None and invocation.dispatched_at is not None:
            begun = invocation.dispatched_at - origin
            ended = max(invocation.finished_at - origin, begun + least)
            spans.append((lane, (begun, ended)))
    return spans


def _label(figure: Figure, panel: Axes, lanes: int) -> None:
    panel.set_ylim(lanes + 0.6, 0.4)
    panel.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    panel.spines[["top", "right"]].set_visible(False)
    style.title(panel, "sandboxes", "a lane each, in the order of their starts")
    panel.set_xlabel("seconds since the first request")
    handles = [
        Line2D([], [], color=colour, linewidth=5, label=label)
        for colour, label in (
            (COLD, "starting"),
            (WARM, "running (drawn a pixel wide at least)"),
            (_IDLE, "idle, or ending"),
        )
    ]
    style.legend(figure, handles, columns=3)


def _alive(sandbox: SandboxRecord, origin: float, end: float) -> _Span:
    gone = end if sandbox.gone_at is None else sandbox.gone_at
    return sandbox.started_at - origin, gone - origin


def _starting(sandbox: SandboxRecord, origin: float, end: float) -> _Span:
    """Returns the span until the sandbox was ready, or until its end where it never was."""
    gone = math.inf if sandbox.gone_at is None else sandbox.gone_at
    ready = min(gone, end) if sandbox.ready_at is None else sandbox.ready_at
    return sandbox.started_at - origin, ready - origin
