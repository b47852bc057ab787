"""Holds a study that was run, as a report sees it: cells, requests, and what is missing.

Owns facts alone: study_reader.py makes them from a study's folder, single_run.py from an
emulator's own run directory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from emulator.experiments.plan.cells import Cell, Origin
from emulator.experiments.records.host_verdict import HostVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from emulator.experiments.records.fit_file import PhaseFit
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.run_directory import Run
    from emulator.experiments.records.sitting import Sitting

IDLE_SCENARIOS = frozenset({"idle", "keep-warm"})
"""Scenarios of single requests far apart; all others put load on the function."""
REQUESTS = "requests"
"""The scenario of an emulator's own run: whatever was asked, by anybody."""
TUNE = "tune"
"""The scenario of `testbed tune`: one request after the other."""
NO_STUDY = frozenset({REQUESTS, TUNE})
"""Scenarios that were not made to test the study's claims."""


class CellStatus(StrEnum):
    """Names how far a cell of a study is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCell(Cell):
    """Holds a cell of a study's run directory, with its state and where its records are."""

    status: CellStatus
    error: str = ""
    """Why the cell failed."""
    host: HostVerdict = field(default_factory=HostVerdict)
    folder: Path
    """The run directory of the cell's emulator; it may be missing."""
    sitting: int = 1
    """Number of the study's sitting that measured the cell, counted from 1."""

    @property
    def host_bound(self) -> str:
        """Why the host was the bottleneck; empty where the host was not."""
        return (self.host.why or "the host was the bottleneck") if self.host.bound else ""

    @property
    def host_remark(self) -> str:
        """How the host slowed some of the requests, though not the typical one."""
        return self.host.remark

    @property
    def idles(self) -> bool:
        """Returns whether the cell's requests come one at a time, far apart."""
        return self.condition.scenario in IDLE_SCENARIOS


@dataclass(frozen=True, slots=True)
class StudyRun:
    """Holds all that a report is made from."""

    path: Path
    name: str
    started_at: float
    """Seconds since the epoch."""
    seed: int | None
    versions: Mapping[str, Any]
    machine: Mapping[str, Any]
    plan_text: str
    cells: tuple[MeasuredCell, ...]
    rows: Mapping[str, tuple[RequestRow, ...]]
    """Requests by the cell's id, in the order of their times; a cell without rows is left out."""
    problems: tuple[str, ...]
    """A sentence for each thing that is missing or damaged, those of `missing` among them."""
    missing: tuple[str, ...] = ()
    """Sentences on what the records of cells miss: sums and counts are too small by that."""
    unenforced: tuple[str, ...] = ()
    """A sentence for each limit of Lambda's that the run's machine could not enforce."""
    fits: tuple[PhaseFit, ...] = ()
    """How well a simulated study's drawn times fit the run that they were calibrated with."""
    runs: Mapping[Path, Run] = field(default_factory=dict)
    """The emulator's runs that could be read, by their folders."""
    left_out: tuple[str, ...] = ()
    """Ids of cells that were left out, as they would only have said the same."""
    sittings: tuple[Sitting, ...] = ()
    """The sittings that the cells were measured in, in their order."""

    @property
    def origin(self) -> Origin:
        """Where all figures come from: a study is simulated as a whole, or not at all."""
        simulated = any(cell.condition.origin is Origin.SIMULATED for cell in self.cells)
        return Origin.SIMULATED if simulated else Origin.MEASURED

    def measured(self) -> Iterator[tuple[MeasuredCell, tuple[RequestRow, ...]]]:
        """Yields the cells that have rows, with their rows."""
        for cell in self.cells:
            if cell.id in self.rows:
                yield cell, self.rows[cell.id]
