"""Tells which cells' records miss something, so that a figure of theirs can carry a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.experiments.records.study import MeasuredCell, StudyRun


def is_incomplete(study: StudyRun, cell: MeasuredCell) -> bool:
    """Tells whether the run directory of a cell misses entries or rows."""
    run = study.runs.get(cell.folder)
    return run is not None and bool(run.missing)
