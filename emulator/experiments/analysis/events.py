"""Computes what became of a cell's asynchronous events: waits, retries, ends and what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.asynchronous.attempts import Condition
from emulator.experiments.analysis.costs import MILLION, total_dollars
from emulator.experiments.analysis.intervals import Estimate, mean_estimate, percentile_estimate
from emulator.experiments.analysis.requests import is_event
from emulator.experiments.records.price_tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.asynchronous.ended_event import Receiver
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.run_directory import Run
    from emulator.experiments.records.study import MeasuredCell, StudyRun


@dataclass(frozen=True, slots=True)
class EventFigures:
    """Holds the figures of one cell's events; times are as on Lambda's clock."""

    cell: MeasuredCell
    accepted: int
    ends: Mapping[str, int]
    """Number of events by how they ended, in a destination's words."""
    runs: int
    """Attempts that ran the function."""
    retries: int
    """Runs beyond each event's first."""
    refusals: int
    """Attempts that were throttled, or had no sandbox."""
    waited_ms: Estimate
    """Mean time from an event's acceptance until its function first ran."""
    waited_p95_ms: Estimate
    waited_most_ms: float | None
    oldest_ms: float | None
    """Greatest age of an event at its end."""
    million: float | None
    """Dollars for a million accepted events with all their attempts, by the cell's own prices."""
    told: Mapping[Receiver, int]
    """Number of records for each kind of receiver."""
    lost: int
    """Records that a receiver did not take."""

    @property
    def dropped(self) -> int:
        """Returns how many events ended without a success."""
        return sum(self.ends.values()) - self.ends.get(Condition.SUCCESS.value, 0)

    @property
    def left(self) -> int:
        """Returns how many accepted events had not ended."""
        return self.accepted - sum(self.ends.values())


def all_events(study: StudyRun) -> list[EventFigures]:
    """Returns the figures of each cell that has events, in the order of the plan."""
    return [
        event_figures(cell, events, study.runs.get(cell.folder))
        for cell, rows in study.measured()
        if (events := [row for row in rows if is_event(row)])
    ]


def event_figures(cell: MeasuredCell, rows: Sequence[RequestRow], run: Run | None) -> EventFigures:
    """Computes one cell's figures from the rows of its events.

    Args:
        cell: the cell.
        rows: its events, in the order of their times.
        run: the cell's run directory, which alone tells who was told of ends; None: unknown.
    """
    waited = [row.event_waited_ms for row in rows if row.event_waited_ms is not None]
    ids = {row.request_id for row in rows}
    ended = [end for end in run.events.values() if end.invocation in ids] if run else []
    dollars = total_dollars(rows, table_of(cell.condition.profile))
    runs = [row.attempts or 0 for row in rows]
    return EventFigures(
        cell=cell,
        accepted=len(rows),
        ends=Counter(row.event_end for row in rows if row.event_end),
        runs=sum(runs),
        retries=sum(max(0, count - 1) for count in runs),
        refusals=sum(row.refusals or 0 for row in rows),
        waited_ms=mean_estimate(waited),
        waited_p95_ms=percentile_estimate(waited, 95),
        waited_most_ms=max(waited, default=None),
        oldest_ms=max(
            (row.event_age_ms for row in rows if row.event_age_ms is not None), default=None
        ),
        million=dollars / len(rows) * MILLION if any(runs) else None,
        told=Counter(receiver for end in ended for receiver in end.told),
        lost=sum(end.lost for end in ended),
    )
