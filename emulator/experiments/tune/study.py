"""Keeps the run directory of a tuning valid from size to size, in the form of a study's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import RunDirectoryError
from emulator.experiments.analysis.memory_choice import SizeSample
from emulator.experiments.plan.cells import Cell, Condition
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.price_tables import table_of
from emulator.experiments.records.request_rows import cell_rows
from emulator.experiments.records.request_table import (
    REQUESTS_CSV,
    REQUESTS_PARQUET,
    write_csv,
    write_parquet,
)
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.study import TUNE
from emulator.experiments.records.study_file import StudyFile

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.tune.tuning import Tuning


class TunedStudy:
    """Collects the sizes that were tried."""

    def __init__(self, tuning: Tuning, folder: Path) -> None:
        """Claims the folder.

        Raises:
            SettingsError: the folder is not empty, or cannot be made.
        """
        self._tuning = tuning
        self._folder = folder
        self._rows: dict[int, tuple[RequestRow, ...]] = {}
        cells = [_cell(tuning, memory_mb) for memory_mb in tuning.memories]
        self._file = StudyFile.create(folder, name=f"tuning {tuning.function}", cells=cells)

    def folder(self, memory_mb: int) -> Path:
        """Returns the run directory of one size."""
        return self._file.cell(str(memory_mb)).folder

    def add(self, memory_mb: int) -> None:
        """Adds a size whose run directory is complete.

        Raises:
            RunDirectoryError: the directory lacks an invocation.
        """
        cell = self._file.cell(str(memory_mb))
        run = read_run(cell.folder)
        rows = cell_rows(cell, run)
        if not rows or any(row.duration_ms is None for row in rows):
            raise RunDirectoryError(
                f"{cell.folder}: the journal does not have every invocation, as where the disk was "
                "full. Make room and tune again."
            )
        self._rows[memory_mb] = rows
        table = [row for size_rows in self._rows.values() for row in size_rows]
        write_csv(self._folder / REQUESTS_CSV, table)
        write_parquet(self._folder / REQUESTS_PARQUET, table)
        self._file.done(cell.id, HostVerdict(), run.info)

    def finish(self) -> None:
        """Notes that every size was tried."""
        self._file.finish()

    def samples(self) -> list[SizeSample]:
        """Returns the times and costs of each size, under the profile's own prices."""
        table = table_of(self._tuning.profile)
        return [
            SizeSample(
                memory_mb,
                tuple((row.duration_ms or 0.0) + (row.init_duration_ms or 0.0) for row in rows),
                tuple(row.dollars[table] for row in rows),
            )
            for memory_mb, rows in self._rows.items()
        ]


def _cell(tuning: Tuning, memory_mb: int) -> Cell:
    condition = Condition(
        function=tuning.function,
        loading="",
        profile=tuning.profile,
        backend=tuning.backend,
        keep_alive=PROFILE_KEEP_ALIVE,
        pick_order="",
        scenario=TUNE,
        dilation=1,
        page_cache="",
    )
    return Cell(str(memory_mb), condition, memory_mb, repetition=1, idle_speedup=1)
