"""Says in a sentence which memory size to buy, for each function whose sizes can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.report.labels import condition_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.analysis.memory_curve import MemoryCurve

_SEVERAL = 2
_SLOWED = " Some of these sizes were slowed by this machine, so take it as provisional."
_INCOMPLETE = " The records of some of these sizes are incomplete, so take it as provisional."


def advice(curves: Sequence[MemoryCurve]) -> list[str]:
    """Returns the advice on each curve that has a best value, in the order of the curves."""
    names = condition_names([curve.condition for curve in curves])
    return [_advice(curve, names[curve.condition]) for curve in curves if curve.best is not None]


def _advice(curve: MemoryCurve, name: str) -> str:
    assert curve.best is not None
    best = curve.sizes[curve.best]
    others = [size for size in curve.sizes if size is not best and size.million is not None]
    compared = "; ".join(
        f"{size.memory_mb} MB {formatting.time(size.mean_ms.value)} and "
        f"{formatting.money(size.million)}"
        for size in others
    )
    return (
        f"{name}: buy {best.memory_mb} MB. An answer takes {formatting.time(best.mean_ms.value)} "
        f"on average and a million requests cost {formatting.money(best.million)}; with "
        f"{compared}."
        + _how_sure(curve)
        + _left_out(curve)
        + (_SLOWED if any(size.host_bound for size in curve.sizes) else "")
        + (_INCOMPLETE if any(size.incomplete for size in curve.sizes) else "")
    )


def _how_sure(curve: MemoryCurve) -> str:
    """Says in how many repetitions the advice is the same; by how much, the table below it says."""
    if curve.repetitions < _SEVERAL:
        return ""
    same = (
        f"Each of {curve.repetitions} repetitions"
        if curve.agreeing == curve.repetitions
        else f"{curve.agreeing} of {curve.repetitions} repetitions"
    )
    return f" {same} by itself says so."


def _left_out(curve: MemoryCurve) -> str:
    """Says how many cells are not counted, as this machine slowed them and not their like."""
    if not curve.left_out:
        return ""
    cells = "1 measurement" if curve.left_out == 1 else f"{curve.left_out} measurements"
    return f" Not counted, as this machine slowed them: {cells}."
