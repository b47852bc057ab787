"""Runs a study's cells that are not done, one after the other.

Owns the order of cells and what a failure means: the failed cell is told and left behind, the
others are run. Ctrl-C gives the running cell back, and the folder's next sitting runs what is not
done yet, failed cells again. How one cell is measured is cell.py's.
"""

from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.records.event_ends import executions
from emulator.experiments.records.request_rows import cell_rows
from emulator.experiments.records.request_table import (
    REQUESTS_CSV,
    REQUESTS_PARQUET,
    write_csv,
    write_parquet,
)
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.runner.cell import CellRunner, NotStartedError
from emulator.experiments.runner.progress import StudyProgress, span

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import StudyRun
    from emulator.experiments.records.study_file import StudyFile

_MOST_START_FAILURES = 2
"""Failed starts of one function on one backend, after which its other cells are not tried."""


class StudyRunner:
    """Runs the cells that are not done, and keeps the run directory in step."""

    def __init__(
        self,
        plan_path: Path,
        folder: Path,
        study: StudyFile,
        runner: CellRunner,
        cells: list[PlannedCell],
        *,
        time_limit: float | None,
        is_enough: Callable[[StudyRun], bool] | None,
    ) -> None:
        self._is_enough = is_enough
        self._enough_before: dict[tuple[str, int], bool] = {}
        self._ends_at = time.monotonic() + time_limit if time_limit else math.inf
        self._plan_path = plan_path
        self._folder = folder
        self._study = study
        self._runner = runner
        self._cells = cells
        self._waiting = [
            cell for cell in cells if study.cell(cell.id).status is not CellStatus.DONE
        ]
        self._progress = StudyProgress(self._waiting, len(cells) - len(self._waiting))
        self._not_started: Counter[tuple[str, str]] = Counter()

    def run(self) -> int:
        """Returns the exit code: 0 where no cell failed, 1 where one did, 130 after Ctrl-C."""
        print(
            f"{len(self._waiting)} cells, {self._progress.left()}; the run is in {self._folder}",
            flush=True,
        )
        try:
            with self._progress:
                left = self._all()
        except KeyboardInterrupt:
            print(f"\nStopped. `{self._again()}` goes on.", flush=True)
            return 130
        finally:
            self._write_tables()
        if left:
            print(
                f"Stopped at the time limit, as {left[0].id} takes {span(left[0].expected_s)}. "
                f"{len(left)} cells, {span(sum(cell.expected_s for cell in left))}, are left: "
                f"`{self._again()}` goes on."
            )
        else:
            self._study.finish()
        return self._verdict()

    def _all(self) -> list[PlannedCell]:
        """Runs cells until the time limit, and returns those that are left to another sitting."""
        for place, cell in enumerate(self._waiting):
            if self._says_the_same(cell):
                self._study.leave_out(cell.id)
                self._progress.leave_out(cell.id)
                continue
            if time.monotonic() + cell.expected_s > self._ends_at:
                return self._waiting[place:]
            self._one(cell)
        return []

    def _says_the_same(self, cell: PlannedCell) -> bool:
        """Tells whether the repetitions before the cell's are enough; asked once a repetition."""
        least = cell.load.least_repetitions
        if self._is_enough is None or least is None or cell.repetition <= least:
            return False
        place = cell.load.label, cell.repetition
        if place not in self._enough_before:
            enough = self._are_done_before(cell) and self._is_enough(read_study(self._folder))
            self._enough_before[place] = enough
            if enough:
                print(f"{cell.repetition - 1} repetitions are enough: no other would say more.")
        return self._enough_before[place]

    def _are_done_before(self, cell: PlannedCell) -> bool:
        """Tells whether the same load's cells of all earlier repetitions are done."""
        earlier = [
            self._study.known(other.id)
            for other in self._cells
            if other.load.label == cell.load.label and other.repetition < cell.repetition
        ]
        return all(known is None or known.status is CellStatus.DONE for known in earlier)

    def _again(self) -> str:
        return f"testbed experiment {self._plan_path} --resume {self._folder}"

    def _one(self, cell: PlannedCell) -> None:
        place = cell.condition.function, cell.condition.backend
        self._progress.begin(cell)
        if self._not_started[place] >= _MOST_START_FAILURES:
            why = f"not tried: {cell.condition.function} did not start {_MOST_START_FAILURES} times"
            self._study.fail(cell.id, why)
            self._progress.end(why)
            return
        self._study.begin(cell.id)
        try:
            words = self._measure(cell)
            del self._not_started[place]
        except (TestbedError, OSError) as error:
            self._not_started[place] += isinstance(error, NotStartedError)
            why = _why(error)
            self._study.fail(cell.id, why)
            words = f"failed: {why}"
        except BaseException:
            self._study.give_back(cell.id)
            raise
        self._progress.end(words)

    def _measure(self, cell: PlannedCell) -> str:
        folder = self._study.cell(cell.id).folder
        if folder.exists():
            shutil.rmtree(folder)  # an earlier try left it
        guard = self._runner.run(cell, folder, self._progress.note)
        run = read_run(folder)
        worked = executions(run, cell.dilation) if cell.asynchronous else run.clients
        host = guard.verdict(worked)
        self._study.done(cell.id, host, run.info)
        failed = sum(bool(row.error) for row in run.clients)
        words = f"done: {len(run.clients)} requests, {failed} failed"
        if run.missing:
            words += f"; its records are incomplete ({' '.join(run.missing)})"
        return f"{words}; host-bound ({host.why})" if host.bound else words

    def _write_tables(self) -> None:
        rows: list[RequestRow] = []
        for planned in self._cells:
            cell = self._study.known(planned.id)
            if cell is not None and cell.status is CellStatus.DONE:
                rows += cell_rows(cell, read_run(cell.folder))
        write_csv(self._folder / REQUESTS_CSV, rows)
        write_parquet(self._folder / REQUESTS_PARQUET, rows)

    def _verdict(self) -> int:
        done = self._study.count(CellStatus.DONE)
        failed = self._study.count(CellStatus.FAILED)
        print(f"{done} cells done, {failed} failed; the run is in {self._folder}", flush=True)
        return 1 if failed else 0


def _why(error: TestbedError | OSError) -> str:
    """Returns a sentence: files are read and written in many places of a cell."""
    if isinstance(error, OSError):
        return f"{error.filename or 'A file of the cell'}: {error.strerror or error}."
    return str(error)
