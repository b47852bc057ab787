"""Writes figures for people: three significant digits, a unit, and how sure the figure is.

A figure of few values says how few, a figure that is missing is a dash. The module knows numbers
and estimates, not what they measure.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.experiments.analysis.intervals import Estimate

ABSENT = "-"
HOST_BOUND = "‡"
"""Mark beside each figure of a cell whose bottleneck was the host."""
INCOMPLETE = "†"
"""Mark beside each figure of a cell whose records miss something."""
_FEW = 20
"""Number of values below which a figure says how many there were."""
_THOUSAND = 1000


def number(value: float | None) -> str:
    """Writes three significant digits, without an exponent from a millionth to a billion."""
    if value is None or math.isnan(value):
        return ABSENT
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{min(digits, 9)}f}" if digits else f"{rounded:,.0f}"


def count(value: float | None) -> str:
    """Writes a number of things as 1,234."""
    return ABSENT if value is None else f"{value:,.0f}"


def time(value_ms: float | None) -> str:
    """Writes a time as 12.5 s, 100 ms or 3.06 ms."""
    if value_ms is None or math.isnan(value_ms):
        return ABSENT
    rounded = float(f"{value_ms:.3g}")  # 999.6 ms is a second
    if abs(rounded) >= _THOUSAND:
        return f"{number(rounded / _THOUSAND)} s"
    return f"{number(value_ms)} ms"


def tick(value_ms: float) -> str:
    """Writes a time for the mark of an axis: as `time` does, without zeros at the end."""
    if value_ms >= _THOUSAND:
        return f"{value_ms / _THOUSAND:g} s"
    return f"{value_ms:g} ms"


def money(value: float | None) -> str:
    """Writes dollars as $1.20."""
    if value is None:
        return ABSENT
    return f"-${number(-value)}" if value < 0 else f"${number(value)}"


def share(value: float) -> str:
    """Writes a share of 1 in whole per cent; not quite all is `> 99 %`, not quite none `< 1 %`."""
    percent = round(value * 100)
    if percent == 100 and value < 1:  # noqa: PLR2004
        return "> 99 %"
    return "< 1 %" if percent == 0 and value > 0 else f"{percent} %"


def memory(value_mb: float | None) -> str:
    """Writes a memory size as 512 MB."""
    return ABSENT if not value_mb else f"{value_mb:.0f} MB"


def few(n: int) -> str:
    """Writes ` (n = 3)`, without a break; nothing where there are many values or none."""
    return f" (n\u00a0=\u00a0{n})" if 0 < n < _FEW else ""


def estimate(figure: Estimate, write: Callable[[float | None], str] = time) -> str:
    """Writes an estimate as 1.2 s [1.1, 1.3]; without an interval where n is too small for one.

    Args:
        figure: the value, its interval and the number of values.
        write: writes a value, with its unit last.
    """
    if figure.value is None:
        return ABSENT
    value, interval = write(figure.value), figure.interval
    if interval is None:
        return value + few(figure.n)
    low, high = write(interval.low), write(interval.high)
    unit = f" {value.rpartition(' ')[2]}" if " " in value else ""
    if low.endswith(unit) and high.endswith(unit):
        low, high = low.removesuffix(unit), high.removesuffix(unit)
    return f"{value} [{low}, {high}]{few(figure.n)}"


def signed(figure: Estimate, write: Callable[[float | None], str] = time) -> str:
    """Writes a difference as `estimate` does, with a plus before what is above 0.

    The number of values is left out, as it stands beside the two sides.
    """

    def plus(value: float | None) -> str:
        return f"+{write(value)}" if value is not None and value > 0 else write(value)

    return estimate(replace(figure, n=0), plus)
