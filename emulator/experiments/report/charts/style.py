"""What the charts of a report share: colours, panels, and how a figure becomes a small PNG.

Matplotlib needs no display and its global state is left alone. The same figure gives the same
bytes: a PNG holds no date, and its colours are reduced in one fixed way.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from emulator.experiments.analysis import formatting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d31")
"""After Okabe and Ito: told apart by the colour-blind too."""
COLD = "#c1121f"
WARM = "#0072b2"
GREY = "#777777"
BEST = "#fff1c9"
"""Behind the best value."""
_DPI = 150
_PALETTE = 128
"""Colours of a PNG: charts have few, and a palette makes the file a third."""
_MARKED = (1, 2, 5)
"""Of each decade of a short axis; of a long one its beginning alone."""
_SHORT = 2.0
"""Decades."""


def new_figure(width: float, height: float) -> Figure:
    """Inches."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG with a palette."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    image = Image.open(drawn).convert("RGB")
    reduced = image.quantize(_PALETTE, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small = io.BytesIO()
    reduced.save(small, format="PNG", optimize=True)
    return small.getvalue()


def plain(panel: Axes) -> None:
    """Without a frame, with faint lines to read values by."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="#eeeeee")
    panel.set_axisbelow(True)


def name(panel: Axes, what: str, meaning: str = "") -> None:
    panel.set_title(what, loc="left", fontsize=10, fontweight="bold")
    panel.set_title(meaning, loc="right", fontsize=8.5, color=GREY)


def logarithmic_y(panel: Axes) -> None:
    """A latency axis: a cold start is a thousand warm answers long. After all is drawn."""
    panel.set_yscale("log")
    _mark_times(panel.yaxis, panel.get_ylim())


def logarithmic_x(panel: Axes) -> None:
    panel.set_xscale("log")
    _mark_times(panel.xaxis, panel.get_xlim())


def _mark_times(axis: Axis, limits: tuple[float, float]) -> None:
    short = limits[1] < limits[0] * 10**_SHORT
    axis.set_major_locator(LogLocator(10, subs=_MARKED if short else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: formatting.tick(value)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(labelsize=8.5)
