"""Compares two runs: each cell that both have, and the differences with their intervals.

Cells match by their condition and memory size. An axis in which each run has one value, and not
the same (one ran on Docker, say, and the other on processes), is what is compared, and does not
keep cells apart.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.experiments.analysis.completeness import is_incomplete
from emulator.experiments.analysis.costs import MILLION, paid_dollars
from emulator.experiments.analysis.intervals import (
    Estimate,
    difference_of_means,
    difference_of_medians,
    mean_estimate,
    percentile_estimate,
)
from emulator.experiments.analysis.requests import cold_latencies, latencies, warm_latencies
from emulator.experiments.plan.cells import Condition
from emulator.experiments.records.price_tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import StudyRun

_AXES = tuple(field.name for field in fields(Condition))
MatchKey = tuple[str, ...]
"""Values of the shared axes, and the memory size last."""


class Figure(StrEnum):
    """Names the figures that are compared."""

    COLD = "median latency, cold"
    WARM = "median latency, warm"
    MEAN = "average latency"
    COST = "dollars a million requests"
    WAITED = "average wait of an asynchronous event, until it first ran"
    AGE = "average age of an asynchronous event at its end"


_OF_EVENTS = {Figure.WAITED: "event_waited_ms", Figure.AGE: "event_age_ms"}
"""Figures that loads of events alone have, with the columns that they are averages of."""


class Change(StrEnum):
    """Names what the interval of a difference shows."""

    FASTER = "faster"
    SLOWER = "slower"
    CHEAPER = "cheaper"
    DEARER = "dearer"
    NONE = "no difference shown"
    TOO_FEW = "too few values"


@dataclass(frozen=True, slots=True)
class Difference:
    """Holds one figure of both runs, in ms or in dollars a million requests."""

    figure: Figure
    first: Estimate
    second: Estimate
    difference: Estimate
    """Second run less the first."""
    change: Change

    @property
    def share(self) -> float | None:
        """Difference as a share of the first run's value."""
        if self.first.value and self.difference.value is not None:
            return self.difference.value / self.first.value
        return None


@dataclass(frozen=True, slots=True)
class CellPair:
    """Holds the differences of one cell that both runs have."""

    name: str
    host_bound: bool
    """Whether the machine was the bottleneck in either run."""
    incomplete: bool
    """Whether the records of either run miss something."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holds what two runs have in common, and what tells them apart."""

    differing: Mapping[str, tuple[str, str]]
    """Axes that tell the runs apart, with each run's value."""
    pairs: tuple[CellPair, ...]
    only_first: tuple[str, ...]
    """Names of the first run's cells without a match, or whose match has no requests."""
    only_second: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Repetitions:
    """Holds the requests of all repetitions of a cell."""

    rows: tuple[RequestRow, ...]
    host_bound: bool
    incomplete: bool
    profile: str


def compare(first: StudyRun, second: StudyRun) -> Comparison:
    """Compares the repetitions of each cell together, in the order of the first run."""
    differing = _differing_axes(first, second)
    shared = [axis for axis in _AXES if axis not in differing]
    # the function always stands in the name; of the others those that tell cells apart
    varying = [
        axis
        for axis in shared
        if axis != "function" and len(_values(first, axis) | _values(second, axis)) > 1
    ]
    here, there = _by_key(first, shared), _by_key(second, shared)

    def name(key: MatchKey) -> str:
        values = dict(zip(shared, key, strict=False))
        parts = [values.get("function", ""), f"{key[-1]} MB", *(values[axis] for axis in varying)]
        return " ".join(part for part in parts if part)

    return Comparison(
        differing=_told(differing),
        pairs=tuple(_pair(name(key), here[key], there[key]) for key in here if key in there),
        only_first=tuple(name(key) for key in here if key not in there),
        only_second=tuple(name(key) for key in there if key not in here),
    )


def _values(study: StudyRun, axis: str) -> set[str]:
    return {str(getattr(cell.condition, axis)) for cell, _ in study.measured()}


def _differing_axes(first: StudyRun, second: StudyRun) -> dict[str, tuple[str, str]]:
    found = {}
    for axis in _AXES:
        here, there = _values(first, axis), _values(second, axis)
        if len(here) == len(there) == 1 and here != there:
            found[axis] = here.pop(), there.pop()
    return found


def _told(differing: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Leaves out the backend where one run is simulated: it has none."""
    return {
        axis: values
        for axis, values in differing.items()
        if axis != "backend" or "origin" not in differing
    }


def _by_key(study: StudyRun, shared: Sequence[str]) -> dict[MatchKey, _Repetitions]:
    found: dict[MatchKey, _Repetitions] = {}
    for cell, rows in study.measured():
        values = [str(getattr(cell.condition, axis)) for axis in shared]
        key = (*values, str(cell.memory_mb))
        before = found.get(key)
        found[key] = _Repetitions(
            rows=(*before.rows, *rows) if before else rows,
            host_bound=bool(cell.host_bound) or (before is not None and before.host_bound),
            incomplete=is_incomplete(study, cell) or (before is not None and before.incomplete),
            profile=cell.condition.profile,
        )
    return found


def _pair(name: str, first: _Repetitions, second: _Repetitions) -> CellPair:
    before, after = first.rows, second.rows
    return CellPair(
        name,
        first.host_bound or second.host_bound,
        first.incomplete or second.incomplete,
        (
            _median_difference(Figure.COLD, cold_latencies(before), cold_latencies(after)),
            _median_difference(Figure.WARM, warm_latencies(before), warm_latencies(after)),
            _mean_difference(Figure.MEAN, latencies(before), latencies(after)),
            _mean_difference(Figure.COST, _million_dollars(first), _million_dollars(second)),
            *(
                _mean_difference(figure, _column(before, name), _column(after, name))
                for figure, name in _OF_EVENTS.items()
            ),
        ),
    )


def _column(rows: Sequence[RequestRow], name: str) -> list[float]:
    return [value for row in rows if (value := getattr(row, name)) is not None]


def _million_dollars(cell: _Repetitions) -> list[float]:
    """Returns what a million of each request would cost, under the profile's own prices."""
    return [dollars * MILLION for dollars in paid_dollars(cell.rows, table_of(cell.profile))]


def _median_difference(
    figure: Figure, first: Sequence[float], second: Sequence[float]
) -> Difference:
    estimates = percentile_estimate(first, 50), percentile_estimate(second, 50)
    return _difference(figure, *estimates, difference_of_medians(first, second))


def _mean_difference(figure: Figure, first: Sequence[float], second: Sequence[float]) -> Difference:
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
    elif interval.contains(0):
        change = Change.NONE
    else:
        change = less if interval.high < 0 else more
    return Difference(figure, first, second, difference, change)
