"""A study run read back: its cells, their requests, and what is missing of them.

    study.json      the plan, seed, versions, machine, and each cell with its state
    cells/<id>/     an emulator's run directory a cell
    requests.csv    a row a request over all finished cells

An ordinary run directory of the emulator is read as a study too, with a cell a function. What is
missing or damaged is told in `problems`, and the rest is there: only a folder that is neither is
an error.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.errors import RunDirectoryError
from emulator.experiments.records.request_table import REQUESTS_CSV, read_csv
from emulator.experiments.records.run_directory import RUN, join, read_run
from emulator.experiments.records.single_run import as_study, rows_of
from emulator.experiments.records.study import DONE, Cell, Condition, StudyRun
from emulator.experiments.records.study_file import STUDY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.run_directory import Run

CELLS = "cells"
_HOST_BOUND = "host-bound"


def read_study(path: Path) -> StudyRun:
    """Reads a study's or an emulator's run directory.

    Raises:
        RunDirectoryError: it is neither, or its first file is damaged.
    """
    if (path / STUDY).exists():
        return _read(path)
    if (path / RUN).exists():
        return as_study(read_run(path))
    raise RunDirectoryError(
        f"{path} holds no run: it has neither a {STUDY} (of `testbed experiment` or `tune`) nor a "
        f"{RUN} (of `testbed up` or `demo`)."
    )


def _read(path: Path) -> StudyRun:
    raw = _description(path / STUDY)
    problems: list[str] = []
    try:
        runs = _runs(path, raw["cells"], problems)
        by_id = _rows(path / REQUESTS_CSV, problems)
        cells = tuple(_cell(path, cell, by_id, runs) for cell in raw["cells"])
        if not by_id:
            by_id = _rows_of_runs(cells, runs)
            if by_id:
                problems.append("Requests are read from the cells' own records instead.")
        problems = _unfinished(cells) + problems + _without_rows(cells, by_id)
        if raw.get("finished_at") is None:
            problems.append("The study had not finished; `testbed experiment --resume` goes on.")
        return StudyRun(
            path=path,
            name=str(raw["name"]),
            started_at=float(raw["started_at"]),
            seed=raw.get("seed"),
            versions=raw.get("versions") or {},
            machine=raw.get("machine") or {},
            plan_text=str(raw.get("plan_text") or ""),
            cells=cells,
            rows={cell.id: by_id[cell.id] for cell in cells if cell.id in by_id},
            # a report must not depend on where the run lies
            problems=tuple(problem.replace(f"{path}/", "") for problem in problems),
            unenforced=tuple(dict.fromkeys(s for r in runs.values() for s in r.info.unenforced)),
            runs={run.path: run for run in runs.values()},
        )
    except KeyError as error:
        raise RunDirectoryError(f"{path / STUDY} has no {error}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RunDirectoryError(f"{path / STUDY} is damaged: {error}.") from error


def _description(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from error
    if not isinstance(raw, dict):
        raise RunDirectoryError(f"{path} is damaged: it is no JSON object.")
    return raw


def _rows(path: Path, problems: list[str]) -> dict[str, tuple[RequestRow, ...]]:
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


def _rows_of_runs(
    cells: tuple[Cell, ...], runs: Mapping[str, Run]
) -> dict[str, tuple[RequestRow, ...]]:
    """The table built again, of each cell whose run directory can be read."""
    found = {}
    for cell in cells:
        run = runs.get(cell.id)
        requests = join(run) if run else []
        of_cell = [r for r in requests if r.client or r.function == cell.condition.function]
        if run and of_cell:
            found[cell.id] = rows_of(cell, run, of_cell)
    return found


def _cell(
    path: Path,
    raw: dict[str, Any],
    rows: Mapping[str, tuple[RequestRow, ...]],
    runs: Mapping[str, Run],
) -> Cell:
    axes = raw["axes"]
    host = raw.get("host") or {}
    first = next(iter(rows.get(raw["id"], ())), None)
    bound = host.get("verdict") == _HOST_BOUND
    keep_alive = axes.get("keep_alive")
    run = runs.get(str(raw["id"]))
    # the plan may leave the backend to the machine; what it became is on record
    planned = str(run.info.backend if run else axes.get("backend") or "")
    return Cell(
        id=str(raw["id"]),
        condition=Condition(
            function=str(axes["function"]),
            loading=str(axes.get("loading") or ""),
            profile=str(axes["profile"]),
            backend=first.backend if first else planned,
            keep_alive=_keep_alive(first.keep_alive if first else keep_alive),
            pick_order=str(axes.get("pick_order") or ""),
            scenario=str(raw["scenario"]),
            dilation=float(raw.get("dilation") or 1),
            page_cache=str(raw.get("page_cache") or ""),
        ),
        memory_mb=int(axes["memory_mb"]),
        repetition=int(raw.get("repetition") or 1),
        idle_speedup=float(raw.get("idle_speedup") or 1),
        status=str(raw["status"]),
        error=str(raw.get("error") or ""),
        host_bound=str(host.get("why") or "the host was the bottleneck") if bound else "",
        folder=path / CELLS / str(raw["id"]),
        host_remark=str(host.get("remark") or ""),
    )


def _keep_alive(value: Any) -> str:
    """`profile`, or seconds written in one way, whether they came as 600, 600.0 or "600"."""
    if value in (None, "", "profile"):
        return "profile"
    try:
        return f"{float(value):g}"
    except ValueError:
        return str(value)


def _unfinished(cells: tuple[Cell, ...]) -> list[str]:
    return [
        f"Cell {cell.id} is {cell.status}{f': {cell.error}' if cell.error else ''}."
        for cell in cells
        if cell.status != DONE
    ]


def _without_rows(cells: tuple[Cell, ...], rows: Mapping[str, tuple[RequestRow, ...]]) -> list[str]:
    """Nothing where no cell has any: that is told once already."""
    if not rows:
        return []
    missing = [
        f"Cell {cell.id} is done, but {REQUESTS_CSV} has no request of it."
        for cell in cells
        if cell.status == DONE and cell.id not in rows
    ]
    known = {cell.id for cell in cells}
    strangers = sorted(set(rows) - known)
    if strangers:
        missing.append(
            f"{REQUESTS_CSV} has requests of cells that {STUDY} does not know, left out: "
            f"{', '.join(strangers)}."
        )
    return missing


def _runs(path: Path, cells: list[dict[str, Any]], problems: list[str]) -> dict[str, Run]:
    """By the cell's id; only finished cells have one that is whole."""
    runs: dict[str, Run] = {}
    for cell in cells:
        if cell["status"] != DONE:
            continue
        name = str(cell["id"])
        try:
            runs[name] = run = read_run(path / CELLS / name)
        except RunDirectoryError as error:
            problems.append(f"Cell {name} is shown without its sandboxes: {error}")
        else:
            problems += [f"Cell {name}: {note}" for note in run.notes]
    return runs
