"""A study run as its report sees it: its cells, their requests, and what is missing of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.run_directory import Run

DONE = "done"
IDLE_SCENARIOS = frozenset({"idle", "keep-warm"})
"""Single requests far apart; all others put load on the function."""
REQUESTS = "requests"
"""Whatever an emulator was asked, by whom it was."""
TUNE = "tune"
"""One request after the other, of `testbed tune`."""
NO_STUDY = frozenset({REQUESTS, TUNE})
"""Not made to test the study's claims."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What two cells have in common whose figures may stand in one series."""

    function: str
    loading: str
    profile: str
    backend: str
    keep_alive: str
    pick_order: str
    scenario: str
    dilation: float
    page_cache: str


@dataclass(frozen=True, slots=True)
class Cell:
    id: str
    condition: Condition
    memory_mb: int
    repetition: int
    idle_speedup: float
    status: str
    """pending, running, done or failed."""
    error: str
    host_bound: str
    """Why the host was the bottleneck; empty where it was not."""
    folder: Path
    """An emulator's run directory; it may be missing."""
    host_remark: str = ""
    """How the host slowed some of its requests, though not the typical one."""

    @property
    def idles(self) -> bool:
        return self.condition.scenario in IDLE_SCENARIOS


@dataclass(frozen=True, slots=True)
class StudyRun:
    path: Path
    name: str
    started_at: float
    """Seconds since the epoch."""
    seed: int | None
    versions: Mapping[str, Any]
    machine: Mapping[str, Any]
    plan_text: str
    cells: tuple[Cell, ...]
    rows: Mapping[str, tuple[RequestRow, ...]]
    """By the cell's id, in the order of their times; a cell without rows is not in it."""
    problems: tuple[str, ...]
    """A sentence for each thing that is missing or damaged."""
    unenforced: tuple[str, ...] = ()
    """A sentence for each limit of Lambda's that its machine could not enforce."""
    runs: Mapping[Path, Run] = field(default_factory=dict)
    """The emulator's runs that could be read, by their folders."""

    def measured(self) -> Iterator[tuple[Cell, tuple[RequestRow, ...]]]:
        """The cells that have rows."""
        for cell in self.cells:
            if cell.id in self.rows:
                yield cell, self.rows[cell.id]
