"""Runs `testbed simulate`: a plan's cells on virtual time, which leave a study run behind.

    study.json         the plan, and each cell, marked as simulated
    cells/<id>/        a run directory, as a live cell's emulator and clients leave it
    requests.csv       a row for each request of all finished cells, and requests.parquet
    fit.json           how well the drawn times fit the run that they were calibrated with

Owns the order of cells, the processes that share them, and what Ctrl-C leaves: a run of the cells
that were done. How one cell is simulated is cell.py's.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emulator.core.journal import decode
from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.plan.cells import Origin, planned_cells
from emulator.experiments.plan.loader import load
from emulator.experiments.plan.template import StudyTemplate
from emulator.experiments.records.fit_file import write_fits
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.parquet_journal import ParquetJournal
from emulator.experiments.records.request_rows import cell_rows
from emulator.experiments.records.request_table import (
    REQUESTS_CSV,
    REQUESTS_PARQUET,
    arrow_table,
    csv_lines,
    join_csv,
    join_parquet,
)
from emulator.experiments.records.run_directory import JOURNAL, read_run
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_file import StudyFile
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.runner.processes import processes
from emulator.experiments.runner.simulation_progress import SimulationProgress
from emulator.experiments.simulation.behaviours import read_behaviours
from emulator.experiments.simulation.calibration import Calibration
from emulator.experiments.simulation.cell import SimulatedCell, simulate_cell
from emulator.experiments.simulation.measured_service import Measured
from emulator.experiments.simulation.samples import gather

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyarrow import Table

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.plan.model import Plan
    from emulator.experiments.records.fit_file import PhaseFit
    from emulator.experiments.records.run_directory import RunInfo
    from emulator.experiments.records.study import MeasuredCell
    from emulator.sim.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """Holds what a user chooses for a simulation of a plan."""

    behaviours: Path | None = None
    """File of behaviours; None: the plan's own."""
    calibrate: Path | None = None
    """Run to fit behaviours from; before any file."""
    leave_one_out: bool = False
    """Whether each cell is calibrated without the same cell of the run, and its repetitions."""
    seed: int | None = None
    """In place of the plan's."""
    jobs: int = 0
    """Number of processes; 0: one for each CPU."""
    start_width: int = 4
    stem_cells: int = 0
    """Stem cells of a cell's runtime, started and frozen before its function needs them."""
    journal: Path | None = None
    """File for the journals of all cells, beside their own; None: none."""


class _Source(Protocol):
    """Knows how the functions of a plan's cells behave."""

    def of(self, cell: PlannedCell) -> tuple[Behaviour, list[PhaseFit], str, Measured]:
        """Returns a cell's behaviour, how well it fits, where it is from, and its machine."""
        ...


def simulate(plan_path: Path, options: SimulationOptions, folder: Path) -> int:
    """Returns the exit code: 0 where every cell is done, 130 after Ctrl-C.

    Raises:
        TestbedError: the plan, the behaviours or the folder are wrong, so nothing was begun; or the
            run cannot be written.
    """
    plan = load(plan_path)
    if options.seed is not None:
        plan = plan.model_copy(update={"seed": options.seed})
    cells = planned_cells(plan, origin=Origin.SIMULATED)
    simulated, fits = _prepared(plan, plan_path, cells, options)
    study = StudyFile.create(
        folder, name=plan.name, cells=cells, plan=plan.raw, plan_text=plan.text, seed=plan.seed
    )
    write_fits(folder, fits)
    jobs = options.jobs or os.cpu_count() or 1
    with _journal(options.journal) as keep:
        return _run(study, folder, simulated, jobs, keep)


@contextmanager
def _journal(path: Path | None) -> Iterator[Callable[[str, Path], None]]:
    """Yields what copies a cell's journal, by the cell's name and folder, into one file of all."""
    if path is None:
        yield lambda _, __: None
        return
    with ParquetJournal(path) as journal:

        def keep(cell: str, folder: Path) -> None:
            with (folder / JOURNAL).open(encoding="utf-8") as lines:
                for line in lines:
                    journal.add(cell, decode(line))

        yield keep


def new_folder(plan_path: Path) -> Path:
    """Returns a folder for a run that is called by the file of its plan and the time."""
    return Path("runs") / f"{plan_path.stem}-simulated-{datetime.now().astimezone():%Y%m%d-%H%M%S}"


def _prepared(
    plan: Plan,
    plan_path: Path,
    cells: Sequence[PlannedCell],
    options: SimulationOptions,
) -> tuple[list[SimulatedCell], list[PhaseFit]]:
    source = _source(plan, plan_path, options)
    functions = StudyTemplate(plan.template).functions
    simulated, fits = [], []
    for cell in cells:
        behaviour, cell_fits, where, measured = source.of(cell)
        fits += cell_fits
        function = functions[cell.condition.function]
        simulated.append(
            SimulatedCell(
                cell,
                plan,
                function,
                behaviour,
                where,
                start_width=options.start_width,
                measured=measured,
                stem_cells=options.stem_cells,
            )
        )
    return simulated, fits


def _source(plan: Plan, plan_path: Path, options: SimulationOptions) -> _Source:
    if options.calibrate is not None:
        return _FromRun(options.calibrate, plan if options.leave_one_out else None)
    if options.leave_one_out:
        raise SettingsError("--leave-one-out is about a run to calibrate with (--calibrate RUN).")
    path = options.behaviours or plan.behaviours
    if path is None:
        raise SettingsError(
            f"How long the functions of {plan_path} take is not known: name a file of behaviours "
            "(--behaviours FILE, or `behaviours` in the plan), or a run to fit them from "
            "(--calibrate RUN)."
        )
    return _FromFile(path)


class _FromFile:
    def __init__(self, path: Path) -> None:
        self._behaviours = read_behaviours(path)

    def of(self, cell: PlannedCell) -> tuple[Behaviour, list[PhaseFit], str, Measured]:
        return self._behaviours.behaviour(cell), [], str(self._behaviours.path.name), Measured()


class _FromRun:
    def __init__(self, run: Path, left_out_of: Plan | None) -> None:
        """Takes a run, and the plan of which each cell is to be predicted without itself."""
        study = read_study(run)
        if study.origin is Origin.SIMULATED:
            raise SettingsError(f"{run} is simulated; calibrate with a run that was measured.")
        self._name = run.resolve().name
        if left_out_of is not None and study.plan_text != left_out_of.text:
            raise SettingsError(
                f"--leave-one-out predicts the cells of {run}, which is a run of another plan, or "
                "of this one before it was changed."
            )
        self._leave_one_out = left_out_of is not None
        self._samples = gather(study)

    def of(self, cell: PlannedCell) -> tuple[Behaviour, list[PhaseFit], str, Measured]:
        left_out = _unrepeated(cell.id) if self._leave_one_out else None
        kept = [samples for samples in self._samples if _unrepeated(samples.cell) != left_out]
        calibration = Calibration(kept, self._name)
        behaviour, fits = calibration.behaviour(cell)
        without = f" without {cell.id}" if self._leave_one_out else ""
        where = f"calibrated with {self._name}{without}"
        return behaviour, fits, where, calibration.measured(cell)


def _unrepeated(cell: str) -> str:
    """Returns a cell's name without its repetition: none of them may tell of another."""
    return cell.rpartition("-r")[0]


def _run(
    study: StudyFile,
    folder: Path,
    cells: list[SimulatedCell],
    jobs: int,
    keep: Callable[[str, Path], None],
) -> int:
    print(f"{len(cells)} cells to simulate; the run is in {folder}", flush=True)
    tasks = {one.cell.id: (one, study.cell(one.cell.id)) for one in cells}
    found: dict[str, _Found] = {}
    try:
        with SimulationProgress(len(cells)) as progress:
            for cell, one in _simulated(list(tasks.values()), jobs):
                study.done(cell, HostVerdict(), one.info)
                found[cell] = one
                keep(cell, tasks[cell][1].folder)
                progress.done(cell, one.requests)
    except KeyboardInterrupt:
        done = study.count(CellStatus.DONE)
        print(f"\nStopped; {done} of {len(cells)} cells are in {folder}.", flush=True)
        return 130
    else:
        study.finish()
    finally:
        for cell, (_, own) in tasks.items():
            # Ctrl-C may come just when a cell is noted as done
            if cell not in found and study.cell(cell).status is CellStatus.DONE:
                found[cell] = _found(own)
        whole = [found[cell] for cell in tasks if cell in found]
        join_csv(folder / REQUESTS_CSV, [one.lines for one in whole])
        join_parquet(folder / REQUESTS_PARQUET, [arrow_table([]), *(one.table for one in whole)])
    print(f"{len(cells)} cells simulated; the run is in {folder}", flush=True)
    return 0


@dataclass(frozen=True, slots=True)
class _Found:
    """Holds what a cell's run directory comes to, in few objects, as processes hand it on."""

    info: RunInfo
    requests: int
    lines: str
    """The cell's rows of requests.csv; `table` has those of requests.parquet."""
    table: Table


_Task = tuple[SimulatedCell, "MeasuredCell"]


def _simulated(tasks: list[_Task], jobs: int) -> Iterator[tuple[str, _Found]]:
    """Yields each cell that is done."""
    jobs = min(jobs, len(tasks))
    if jobs == 1:
        yield from map(_one, tasks)
        return
    arrow_table([])  # imports what all processes need, once
    with processes(jobs) as pool:
        yield from pool.imap_unordered(_one, tasks)


def _one(task: _Task) -> tuple[str, _Found]:
    simulated, cell = task
    try:
        simulate_cell(simulated, cell.folder)
    except OSError as error:
        told = f"{error.filename or cell.folder} cannot be written: {error.strerror or error}."
        raise RunDirectoryError(told) from error
    return cell.id, _found(cell)


def _found(cell: MeasuredCell) -> _Found:
    run = read_run(cell.folder)
    rows = cell_rows(cell, run)
    return _Found(run.info, len(rows), csv_lines(rows), arrow_table(rows))
