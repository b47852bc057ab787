"""The study's own remedy against cold starts, a ping that keeps sandboxes warm: its worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.cell_stats import (
    PING,
    costs,
    emulated_minutes,
    latencies,
    start_string,
)
from emulator.experiments.analysis.intervals import Estimate, difference_of_means, mean_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

_MONTH_HOURS = 30 * 24


@dataclass(frozen=True, slots=True)
class KeepWarm:
    """Cells with pings, beside those without of the same condition and size."""

    condition: Condition
    memory_mb: int
    host_bound: bool
    without: str
    """A letter a request, C cold and W warm; empty where the study has no such cell."""
    with_ping: str
    mean_without: Estimate
    mean_with: Estimate
    difference: Estimate
    """Of the means; negative where the ping makes answers faster."""
    pings_an_hour: float
    """Of emulated time."""
    month_2018: float
    """Dollars for 30 days of the pings alone, by the prices of 2018."""
    month_2025: float


def keep_warm(study: StudyRun) -> list[KeepWarm]:
    """In the order of the plan; repetitions together."""
    pinged: dict[tuple[Condition, int], list[MeasuredCell]] = {}
    for cell, _ in study.measured():
        if cell.condition.scenario == "keep-warm":
            pinged.setdefault((cell.condition, cell.memory_mb), []).append(cell)
    return [_compare(study, *key, cells) for key, cells in pinged.items()]


def _compare(
    study: StudyRun, condition: Condition, memory_mb: int, cells: Sequence[MeasuredCell]
) -> KeepWarm:
    plain = replace(condition, scenario="idle")
    others = [
        cell
        for cell, _ in study.measured()
        if cell.condition == plain and cell.memory_mb == memory_mb
    ]
    before, after = _latencies(study, others), _latencies(study, cells)
    hours = sum(_hours(cell, study.rows[cell.id]) for cell in cells)
    pings = [row for cell in cells for row in study.rows[cell.id] if row.user_count == PING]
    months = _MONTH_HOURS / hours if hours else 0.0
    return KeepWarm(
        condition=condition,
        memory_mb=memory_mb,
        host_bound=any(cell.host_bound for cell in (*cells, *others)),
        without=", ".join(start_string(study.rows[cell.id]) for cell in others),
        with_ping=", ".join(start_string(study.rows[cell.id]) for cell in cells),
        mean_without=mean_estimate(before),
        mean_with=mean_estimate(after),
        difference=difference_of_means(before, after),
        pings_an_hour=len(pings) / hours if hours else 0.0,
        month_2018=sum(costs(pings, "2018")) * months,
        month_2025=sum(costs(pings, "2025")) * months,
    )


def _latencies(study: StudyRun, cells: Sequence[MeasuredCell]) -> list[float]:
    return [value for cell in cells for value in latencies(study.rows[cell.id])]


def _hours(cell: MeasuredCell, rows: Sequence[RequestRow]) -> float:
    """Of emulated time, from the first request to the users' last; pings may go on after it."""
    timed = zip(emulated_minutes(cell, rows), rows, strict=True)
    return max((minute for minute, row in timed if row.user_count != PING), default=0.0) / 60
