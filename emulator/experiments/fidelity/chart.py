"""Draws a fidelity run: the curves of AWS and of each backend, and their errors below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.figures import WITHIN, SizeFigures, match, size_figures
from emulator.experiments.report.charts.style import COLOURS
from emulator.experiments.report.text import machine_facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from emulator.experiments.fidelity.rows import Fidelity

_STYLES = tuple(zip(COLOURS, "os^", strict=False))
"""Colour and marker of each backend's curve."""
_BAND = "#eeeeee"


def chart(run: Fidelity, path: Path) -> None:
    """Writes the drawing as a PNG."""
    draw(run).savefig(path)


def draw(run: Fidelity) -> Figure:
    """Draws ms over MB on logarithmic scales above, and the error of each mean below."""
    figure = Figure(figsize=(9.5, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    curves, errors = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    sizes, aws = list(AWS.mean_ms), list(AWS.mean_ms.values())
    curves.fill_between(
        sizes, [ms * (1 - WITHIN) for ms in aws], [ms * (1 + WITHIN) for ms in aws], color=_BAND
    )
    curves.plot(sizes, aws, color="k", marker="D", ms=5, label="AWS Lambda, measured (mean)")
    for (backend, served), (colour, marker) in zip(run.served.items(), _STYLES, strict=False):
        backend_sizes = size_figures(served)
        _curve(curves, backend_sizes, backend, colour, marker)
        errors.plot(
            [size.memory_mb for size in backend_sizes],
            [size.error * 100 for size in backend_sizes],
            color=colour,
            marker=marker,
            linewidth=1.2,
        )
    _label(curves, errors, sizes)
    figure.suptitle(_title(run), fontsize=10, ha="left", x=0.01)
    return figure


def _title(run: Fidelity) -> str:
    infos = list(run.infos.values())
    machine = machine_facts(infos[0].machine) if infos else ""
    return (
        f"A task of {AWS.task_ms:g} ms of CPU at every memory size: AWS Lambda and this emulator\n"
        f"{machine}\nAWS: {AWS.source}, mean of {AWS.repetitions} per size"
    )


def _curve(
    panel: Axes, figures: Sequence[SizeFigures], backend: str, colour: str, marker: str
) -> None:
    found = match(figures, lambda size: size.mean_ms)
    label = f"{backend}: mean" + (f" (error {found.mean_error:.1%})" if found else "")
    sizes = [size.memory_mb for size in figures]
    means = [size.mean_ms for size in figures]
    panel.plot(sizes, means, color=colour, marker=marker, label=label)
    panel.plot(
        sizes,
        [size.median_ms for size in figures],
        color=colour,
        marker=marker,
        mfc="w",
        linestyle="",
        label=f"{backend}: median",
    )


def _label(curves: Axes, errors: Axes, sizes: Sequence[int]) -> None:
    curves.set_yscale("log")
    curves.set_xscale("log")
    for axis, ticks in ((curves.yaxis, (15, 20, 30, 50, 100, 200)), (errors.xaxis, sizes)):
        axis.set_major_locator(FixedLocator(list(ticks)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    curves.set_ylabel("ms in the handler")
    curves.legend(frameon=False)
    errors.axhspan(-WITHIN * 100, WITHIN * 100, color=_BAND)
    errors.axhline(0, color="k", linewidth=1)
    errors.set_ylabel("error of the mean, %")
    errors.set_xlabel(f"memory, MB (grey: within {WITHIN:.0%} of AWS)")
    for panel in (curves, errors):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#f4f4f4")
        panel.set_axisbelow(True)
