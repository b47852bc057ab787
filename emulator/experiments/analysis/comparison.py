"""Two runs side by side: each cell that both have, and the difference with its interval.

Cells match by their condition and memory size. An axis in which each run has one value, and not
the same (one ran on Docker, say, and the other on processes), is what is compared, and does not
keep cells apart.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.experiments.analysis.cell_stats import cold, costs, latencies, warm
from emulator.experiments.analysis.intervals import (
    Estimate,
    difference_of_means,
    difference_of_medians,
    mean_estimate,
    percentile_estimate,
)
from emulator.experiments.plan.cells import Condition
from emulator.experiments.records.price_tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import StudyRun

_AXES = tuple(field.name for field in fields(Condition))
_MILLION = 1e6
Key = tuple[str, ...]


class Figure(StrEnum):
    """What is compared."""

    COLD = "median latency, cold"
    WARM = "median latency, warm"
    MEAN = "average latency"
    COST = "dollars a million requests"


class Change(StrEnum):
    """What the interval of a difference shows."""

    FASTER = "faster"
    SLOWER = "slower"
    CHEAPER = "cheaper"
    DEARER = "dearer"
    NONE = "no difference shown"
    TOO_FEW = "too few values"


@dataclass(frozen=True, slots=True)
class Difference:
    """Of the second run from the first; the values are ms, or dollars a million requests."""

    figure: Figure
    first: Estimate
    second: Estimate
    difference: Estimate
    change: Change

    @property
    def share(self) -> float | None:
        """Of the first run's value."""
        if self.first.value and self.difference.value is not None:
            return self.difference.value / self.first.value
        return None


@dataclass(frozen=True, slots=True)
class Pair:
    name: str
    host_bound: bool
    """On either side."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    differing: Mapping[str, tuple[str, str]]
    """The axes that tell the runs apart, with each one's value."""
    pairs: tuple[Pair, ...]
    only_first: tuple[str, ...]
    """Names of cells without a match, or without requests on the other side."""
    only_second: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    rows: tuple[RequestRow, ...]
    host_bound: bool
    profile: str


def compare(first: StudyRun, second: StudyRun) -> Comparison:
    """Repetitions of a cell are put together; the order is the first run's."""
    differing = _differing(first, second)
    shared = [axis for axis in _AXES if axis not in differing]
    # the function always stands in the name; of the others those that tell cells apart
    varying = [
        axis
        for axis in shared
        if axis != "function" and len(_values(first, axis) | _values(second, axis)) > 1
    ]
    here, there = _grouped(first, shared), _grouped(second, shared)

    def name(key: Key) -> str:
        of_axis = dict(zip(shared, key, strict=False))
        parts = [of_axis.get("function", ""), f"{key[-1]} MB", *(of_axis[axis] for axis in varying)]
        return " ".join(part for part in parts if part)

    return Comparison(
        differing=differing,
        pairs=tuple(_pair(name(key), here[key], there[key]) for key in here if key in there),
        only_first=tuple(name(key) for key in here if key not in there),
        only_second=tuple(name(key) for key in there if key not in here),
    )


def _values(study: StudyRun, axis: str) -> set[str]:
    return {str(getattr(cell.condition, axis)) for cell, _ in study.measured()}


def _differing(first: StudyRun, second: StudyRun) -> dict[str, tuple[str, str]]:
    found = {}
    for axis in _AXES:
        here, there = _values(first, axis), _values(second, axis)
        if len(here) == len(there) == 1 and here != there:
            found[axis] = here.pop(), there.pop()
    return found


def _grouped(study: StudyRun, shared: Sequence[str]) -> dict[Key, _Group]:
    groups: dict[Key, _Group] = {}
    for cell, rows in study.measured():
        values = [str(getattr(cell.condition, axis)) for axis in shared]
        key = (*values, str(cell.memory_mb))
        before = groups.get(key, _Group((), host_bound=False, profile=cell.condition.profile))
        bound = before.host_bound or bool(cell.host_bound)
        groups[key] = _Group((*before.rows, *rows), bound, before.profile)
    return groups


def _pair(name: str, first: _Group, second: _Group) -> Pair:
    return Pair(
        name,
        first.host_bound or second.host_bound,
        (
            _of_medians(Figure.COLD, cold(first.rows), cold(second.rows)),
            _of_medians(Figure.WARM, warm(first.rows), warm(second.rows)),
            _of_means(Figure.MEAN, latencies(first.rows), latencies(second.rows)),
            _of_means(Figure.COST, _millions(first), _millions(second)),
        ),
    )


def _millions(group: _Group) -> list[float]:
    """What a million of each request would cost, under its own profile's prices."""
    return [value * _MILLION for value in costs(group.rows, table_of(group.profile))]


def _of_medians(figure: Figure, first: Sequence[float], second: Sequence[float]) -> Difference:
    estimates = percentile_estimate(first, 50), percentile_estimate(second, 50)
    return _difference(figure, *estimates, difference_of_medians(first, second))


def _of_means(figure: Figure, first: Sequence[float], second: Sequence[float]) -> Difference:
    estimates = mean_estimate(first), mean_estimate(second)
    return _difference(figure, *estimates, difference_of_means(first, second))


def _difference(
    figure: Figure, first: Estimate, second: Estimate, difference: Estimate
) -> Difference:
    less, more = Change.FASTER, Change.SLOWER
    if figure is Figure.COST:
        less, more = Change.CHEAPER, Change.DEARER
    interval = difference.interval
    if interval is None:
        change = Change.TOO_FEW
    elif interval.holds(0):
        change = Change.NONE
    else:
        change = less if interval.high < 0 else more
    return Difference(figure, first, second, difference, change)
