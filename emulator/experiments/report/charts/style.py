"""Shares what the charts of a report have in common: colours, panels, lanes, and small PNGs.

Matplotlib needs no display and its global state is left alone. Nothing here knows what a chart
shows. The same figure gives the same
bytes: a PNG holds no date, and its colours are reduced in one fixed way.
"""

from __future__ import annotations

import io
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from emulator.experiments.analysis import formatting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d31")
"""Colours after Okabe and Ito, which the colour-blind tell apart too."""
COLD = "#c1121f"
WARM = "#0072b2"
GREY = "#777777"
BEST = "#fff1c9"
"""Colour behind the best value."""
_DPI = 150
_PALETTE = 128
"""Number of a PNG's colours: charts have few, and a palette makes the file a third."""
_MARKED = (1, 2, 5)
"""Multiples that are marked in each decade of a short axis; a long one has its decades alone."""
_NAME_WIDTH = 60
"""Characters of a lane's name in a line: more would leave the panel no room."""
_SHORT = 2.0
"""Decades of the longest axis that counts as short."""


def new_figure(width: float, height: float) -> Figure:
    """Makes an empty figure, its size in inches, that can be drawn without a display."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """Renders a figure as a PNG with a palette."""
    canvas: Any = figure.canvas  # a FigureCanvasAgg, whose methods have no types
    canvas.draw()  # once, where savefig draws all twice
    return small_png(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))


def small_png(image: Image.Image) -> bytes:
    """Renders an image as a PNG with a palette; the same image gives the same bytes."""
    reduced = image.quantize(_PALETTE, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small = io.BytesIO()
    reduced.save(small, format="PNG", optimize=True)
    return small.getvalue()


def plain(panel: Axes, axis: Literal["both", "x", "y"] = "y") -> None:
    """Takes the frame away, and draws faint lines to read the axis's values by."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis=axis, color="#eeeeee")
    panel.set_axisbelow(True)


def lanes(panel: Axes, names: Sequence[str]) -> None:
    """Names the horizontal lanes of a panel, the first one at the top; long names are broken."""
    broken = [fill(name, _NAME_WIDTH, break_on_hyphens=False) for name in names]
    size = 8 if all("\n" not in name for name in broken) else 5.5
    panel.set_yticks(range(len(names)), broken, fontsize=size)
    panel.set_ylim(len(names) - 0.4, -0.6)
    plain(panel, "x")


def legend(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """Puts a legend below the panels, to the left."""
    figure.legend(
        handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize=8
    )


def title(panel: Axes, name: str, meaning: str = "") -> None:
    """Names a panel on its left, and says what it means on its right."""
    panel.set_title(name, loc="left", fontsize=10, fontweight="bold")
    panel.set_title(meaning, loc="right", fontsize=8.5, color=GREY)


def logarithmic_y(panel: Axes) -> None:
    """Makes the y axis a latency axis, as a cold start is a thousand warm answers long.

    Call it when all is drawn: how the axis is marked depends on its limits.
    """
    panel.set_yscale("log")
    _mark_times(panel.yaxis, panel.get_ylim())


def logarithmic_x(panel: Axes) -> None:
    """Makes the x axis a latency axis; call it when all is drawn."""
    panel.set_xscale("log")
    _mark_times(panel.xaxis, panel.get_xlim())


def _mark_times(axis: Axis, limits: tuple[float, float]) -> None:
    short = limits[1] < limits[0] * 10**_SHORT
    axis.set_major_locator(LogLocator(10, subs=_MARKED if short else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: formatting.tick(value)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(labelsize=8.5)
