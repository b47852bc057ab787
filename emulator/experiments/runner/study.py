"""Runs `testbed experiment`: a plan's cells one after the other, which leave a study run behind.

    study.json         the plan, and each cell with its state
    cells/<id>/        the run directory of the cell's emulator, host.csv, logs
    requests.csv       a row for each request of all finished cells, and requests.parquet

Owns whether a folder is begun or gone on with, by a plan that has not changed. The order of cells
and what a failure means are study_runner.py's.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.digest import digests
from emulator.experiments.plan.loader import load
from emulator.experiments.plan.template import StudyTemplate
from emulator.experiments.records.study_content import STUDY
from emulator.experiments.records.study_file import StudyFile
from emulator.experiments.runner.cell import CellRunner
from emulator.experiments.runner.code_version import code_version
from emulator.experiments.runner.emulator_process import stoppable
from emulator.experiments.runner.progress import span
from emulator.experiments.runner.study_runner import StudyRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.plan.model import Plan
    from emulator.experiments.records.study import StudyRun

_STATE = Path(".testbed") / "study"
_DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def run_experiment(
    plan_path: Path,
    *,
    run_dir: Path | None = None,
    resume: Path | None = None,
    backends: Sequence[str] = (),
    dilation: int | str | None = None,
    time_limit: float | None = None,
    dry_run: bool = False,
    python: str = sys.executable,
    is_enough: Callable[[StudyRun], bool] | None = None,
) -> int:
    """Returns the exit code: 0 where no cell failed, 1 where one did, 130 after Ctrl-C.

    Args:
        plan_path: the plan's TOML file.
        run_dir: the run's folder: a new one, or that of an earlier run of the same plan, whose
            cells that are not done are run; None: `runs/<plan>-<time>`.
        resume: as `run_dir`, but there must be an earlier run.
        backends: in place of the plan's axis.
        dilation: in place of the plan's: a whole number or `auto`.
        time_limit: seconds; a cell that would not end within them is left to another sitting.
        dry_run: print the cells and the time that they will take, and start nothing.
        python: the interpreter that emulators and Locust run in.
        is_enough: asked after the plan's least repetitions, and after each that follows: whether
            the rest would only say the same; None: all are run.

    Raises:
        TestbedError: the plan or the folder is wrong, so nothing was started; or the run can no
            longer be written.
    """
    folder = resume or run_dir
    is_begun = resume is not None or (run_dir is not None and os.path.exists(run_dir / STUDY))  # noqa: PTH110  # a name too long is no file
    earlier = StudyFile.open(folder) if folder and is_begun else None
    given = [dilation] if dilation else (earlier.dilation if earlier else [])
    plan = load(
        plan_path,
        backends=backends or (earlier.backends if earlier else ()),
        dilation=given,
        can_drop_caches=os.access(_DROP_CACHES, os.W_OK),
    )
    cells = planned_cells(plan)
    if dry_run:
        print("\n".join(overview(plan, cells)))
        return 0
    folder = folder or _new_folder(plan.name)
    study = _begun(earlier, folder, plan, cells, given)
    runner = CellRunner(plan, _STATE, python)
    with stoppable():
        return StudyRunner(
            plan_path, folder, study, runner, cells, time_limit=time_limit, is_enough=is_enough
        ).run()


def overview(plan: Plan, cells: Sequence[PlannedCell]) -> list[str]:
    """Returns a line for each cell, then one with the time that all should take."""
    lines = [f"{cell.id}   {span(cell.expected_s)}{_slowly(cell)}" for cell in cells]
    total = span(sum(cell.expected_s for cell in cells))
    return [*lines, f"{len(cells)} cells of {plan.name}: {total}, and what building takes"]


def _slowly(cell: PlannedCell) -> str:
    return f", {cell.dilation:g} times slower than life" if cell.dilation > 1 else ""


def _new_folder(name: str) -> Path:
    return Path("runs") / f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"


def _begun(
    earlier: StudyFile | None,
    folder: Path,
    plan: Plan,
    cells: list[PlannedCell],
    dilation: Sequence[int | str],
) -> StudyFile:
    """Returns the study's file, in a sitting of its own."""
    known = digests(plan, cells)
    code = code_version(StudyTemplate(plan.template).code_folders())
    if earlier is None:
        return StudyFile.create(
            folder,
            name=plan.name,
            cells=cells,
            plan=plan.raw,
            plan_text=plan.text,
            seed=plan.seed,
            digests=known,
            code=code,
            given_dilation=dilation,
        )
    _check_same(earlier, folder, plan, earlier.others(cells, known))
    for other in sorted(map(str, earlier.codes - {code})):
        print(f"Cells in {folder} were measured by {other}, and this is {code}: the page tells.")
    earlier.continue_with(cells, known, code, plan.raw, plan.text)
    return earlier


def _check_same(study: StudyFile, folder: Path, plan: Plan, others: list[str]) -> None:
    if study.name != plan.name or others:
        finished = f" Finished cells that {plan.name} has not, or otherwise: {', '.join(others)}."
        raise SettingsError(
            f"{folder} is a run of another plan, or of this one before it was changed; its own "
            f"stands in {folder / STUDY} as plan_text. A new run needs another --run-dir."
            f"{finished if others else ''}"
        )
