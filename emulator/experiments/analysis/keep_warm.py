"""Weighs a ping that keeps sandboxes warm: the latency that the ping saves, and what it costs.

The ping is the study's own remedy against cold starts. Its cells are compared with those of single
requests without pings, of the same condition and memory size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.core.profiles import PRICE_TABLES
from emulator.experiments.analysis.completeness import is_incomplete
from emulator.experiments.analysis.costs import total_dollars
from emulator.experiments.analysis.idle_time import emulated_minutes, start_letters
from emulator.experiments.analysis.intervals import Estimate, difference_of_means, mean_estimate
from emulator.experiments.analysis.requests import PING, latencies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

_MONTH_HOURS = 30 * 24


@dataclass(frozen=True, slots=True)
class KeepWarm:
    """Compares cells with pings to those without, of one condition and memory size."""

    condition: Condition
    memory_mb: int
    host_bound: bool
    incomplete: bool
    """Whether the records of a cell miss something."""
    without_ping: str
    """A letter for each request, C cold and W warm; empty without such a cell."""
    with_ping: str
    mean_without: Estimate
    mean_with: Estimate
    difference: Estimate
    """Difference of the means in ms; negative where the ping makes answers faster."""
    pings_an_hour: float
    """Pings in an hour of emulated time."""
    month_dollars: Mapping[str, float]
    """Dollars for 30 days of the pings alone, by the name of the price table."""


def keep_warm(study: StudyRun) -> list[KeepWarm]:
    """Compares every condition with pings, in the order of the plan; repetitions together."""
    pinged: dict[tuple[Condition, int], list[MeasuredCell]] = {}
    for cell, _ in study.measured():
        if cell.condition.scenario == "keep-warm":
            pinged.setdefault((cell.condition, cell.memory_mb), []).append(cell)
    return [
        _compare(study, condition, memory_mb, cells)
        for (condition, memory_mb), cells in pinged.items()
    ]


def _compare(
    study: StudyRun, condition: Condition, memory_mb: int, cells: Sequence[MeasuredCell]
) -> KeepWarm:
    without_ping = replace(condition, scenario="idle")
    others = [
        cell
        for cell, _ in study.measured()
        if cell.condition == without_ping and cell.memory_mb == memory_mb
    ]
    before, after = _latencies(study, others), _latencies(study, cells)
    hours = sum(_emulated_hours(cell, study.rows[cell.id]) for cell in cells)
    pings = [row for cell in cells for row in study.rows[cell.id] if row.user_count == PING]
    months = _MONTH_HOURS / hours if hours else 0.0
    return KeepWarm(
        condition=condition,
        memory_mb=memory_mb,
        host_bound=any(cell.host_bound for cell in (*cells, *others)),
        incomplete=any(is_incomplete(study, cell) for cell in (*cells, *others)),
        without_ping=_letters(study, others),
        with_ping=_letters(study, cells),
        mean_without=mean_estimate(before),
        mean_with=mean_estimate(after),
        difference=difference_of_means(before, after),
        pings_an_hour=len(pings) / hours if hours else 0.0,
        month_dollars={table: total_dollars(pings, table) * months for table in PRICE_TABLES},
    )


def _letters(study: StudyRun, cells: Sequence[MeasuredCell]) -> str:
    return ", ".join(start_letters(study.rows[cell.id]) for cell in cells)


def _latencies(study: StudyRun, cells: Sequence[MeasuredCell]) -> list[float]:
    return [value for cell in cells for value in latencies(study.rows[cell.id])]


def _emulated_hours(cell: MeasuredCell, rows: Sequence[RequestRow]) -> float:
    """Returns the time from the first request to the users' last; pings may go on after it."""
    timed = zip(emulated_minutes(cell, rows), rows, strict=True)
    return max((minute for minute, row in timed if row.user_count != PING), default=0.0) / 60
