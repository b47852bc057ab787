"""Reads a study run back: its cells, their requests, and what is missing of them.

    study.json      the plan, seed, versions, machine, and each cell with its state
    cells/<id>/     an emulator's run directory for each cell
    requests.csv    a row for each request of all finished cells

An ordinary run directory of the emulator is read as a study too, with a cell for each function.
What is missing or damaged is told in `problems`, and the rest is there: only a folder that is
neither is an error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.errors import RunDirectoryError
from emulator.experiments.plan.cells import Origin
from emulator.experiments.records.fit_file import read_fits
from emulator.experiments.records.request_rows import cell_rows
from emulator.experiments.records.request_table import REQUESTS_CSV, read_csv
from emulator.experiments.records.run_directory import RUN, read_run
from emulator.experiments.records.single_run import as_study
from emulator.experiments.records.study import CellStatus, MeasuredCell, StudyRun
from emulator.experiments.records.study_content import STUDY, read_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.run_directory import Run

Rows = dict[str, tuple["RequestRow", ...]]
"""The requests of each cell, by its id."""


def read_study(path: Path) -> StudyRun:
    """Reads a study's or an emulator's run directory.

    Raises:
        RunDirectoryError: the folder is neither, or its first file is damaged.
    """
    try:
        is_study, is_run = (path / STUDY).exists(), (path / RUN).exists()
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}.") from error
    if is_study:
        return _read(path)
    if is_run:
        return as_study(read_run(path))
    raise RunDirectoryError(
        f"{path} holds no run: it has neither a {STUDY} (of `testbed experiment` or `tune`) nor a "
        f"{RUN} (of `testbed up` or `demo`)."
    )


def _read(path: Path) -> StudyRun:
    content = read_content(path)
    planned = content.measured(path)
    problems: list[str] = []
    runs = _runs(planned, problems)
    rows = _rows(path / REQUESTS_CSV, problems)
    cells = tuple(_as_run(cell, runs.get(cell.id), rows.get(cell.id, ())) for cell in planned)
    # a study that was killed leaves a table without the cells of its last sitting
    own = {
        cell.id: found
        for cell in cells
        if cell.id in runs and cell.id not in rows and (found := cell_rows(cell, runs[cell.id]))
    }
    if own:
        whose = "Requests" if not rows else f"Requests of {', '.join(own)}"
        problems.append(f"{whose} are read from the cells' own records instead.")
    rows |= own
    problems = _unfinished(cells) + problems + _without_rows(cells, rows)
    if content.finished_at is None:
        problems.append(_unfinished_study(cells))
    return StudyRun(
        path=path,
        name=content.name,
        started_at=content.started_at,
        seed=content.seed,
        versions=content.versions,
        machine=content.machine,
        plan_text=content.plan_text,
        cells=cells,
        rows={cell.id: rows[cell.id] for cell in cells if cell.id in rows},
        missing=tuple(f"Cell {id_}: {told}" for id_, run in runs.items() for told in run.missing),
        # a report must not depend on where the run lies
        problems=tuple(problem.replace(f"{path}/", "") for problem in problems),
        unenforced=tuple(dict.fromkeys(s for r in runs.values() for s in r.info.unenforced)),
        fits=read_fits(path),
        runs={run.path: run for run in runs.values()},
        left_out=tuple(content.left_out),
        sittings=tuple(content.sittings),
    )


def _rows(path: Path, problems: list[str]) -> Rows:
    try:
        rows = read_csv(path)
    except RunDirectoryError as error:
        problems.append(str(error))
        return {}
    grouped: dict[str, list[RequestRow]] = {}
    for row in rows:
        grouped.setdefault(row.cell, []).append(row)
    return {
        cell: tuple(sorted(of_cell, key=lambda row: row.sent_at_s))
        for cell, of_cell in grouped.items()
    }


def _as_run(cell: MeasuredCell, run: Run | None, rows: tuple[RequestRow, ...]) -> MeasuredCell:
    """Returns the cell on the backend that served it: a plan may leave that to the machine."""
    backend = rows[0].backend if rows else run.info.backend if run else cell.condition.backend
    return replace(cell, condition=replace(cell.condition, backend=backend))


def _unfinished_study(cells: Iterable[MeasuredCell]) -> str:
    if any(cell.condition.origin is Origin.SIMULATED for cell in cells):
        return "The simulation was stopped before its end; `testbed simulate` runs all of it."
    return "The study had not finished; `testbed experiment --resume` goes on."


def _unfinished(cells: Iterable[MeasuredCell]) -> list[str]:
    return [
        f"Cell {cell.id} is {cell.status}{f': {cell.error}' if cell.error else ''}."
        for cell in cells
        if cell.status is not CellStatus.DONE
    ]


def _without_rows(cells: Iterable[MeasuredCell], rows: Mapping[str, object]) -> list[str]:
    """Returns nothing where no cell has any row: that is told once already."""
    if not rows:
        return []
    missing = [
        f"Cell {cell.id} is done, but {REQUESTS_CSV} has no request of it."
        for cell in cells
        if cell.status is CellStatus.DONE and cell.id not in rows
    ]
    strangers = sorted(set(rows) - {cell.id for cell in cells})
    if strangers:
        missing.append(
            f"{REQUESTS_CSV} has requests of cells that {STUDY} does not know, left out: "
            f"{', '.join(strangers)}."
        )
    return missing


def _runs(cells: Iterable[MeasuredCell], problems: list[str]) -> dict[str, Run]:
    """Returns the runs of the finished cells by the cell's id; only these are whole."""
    runs: dict[str, Run] = {}
    for cell in cells:
        if cell.status is not CellStatus.DONE:
            continue
        try:
            runs[cell.id] = run = read_run(cell.folder)
        except RunDirectoryError as error:
            problems.append(f"Cell {cell.id} is shown without its sandboxes: {error}")
        else:
            problems += [f"Cell {cell.id}: {note}" for note in (*run.missing, *run.notes)]
    return runs
