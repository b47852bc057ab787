"""Runs the study in small, in two and a half to four minutes: `testbed demo`.

The demo runs the plan studies/small.toml as `testbed experiment` would and makes the page as
`testbed report` would. This module owns only what is said beforehand and afterwards.
"""

from __future__ import annotations

import os
import sys
import textwrap
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.cell_stats import all_stats
from emulator.experiments.analysis.memory_curve import is_advice_sure, memory_curves
from emulator.experiments.analysis.requests import cold_latencies, warm_latencies
from emulator.experiments.plan.dilation import outlasts_a_step
from emulator.experiments.plan.loader import load
from emulator.experiments.records.request_table import REQUESTS_CSV
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_content import STUDY
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.advice import advice
from emulator.experiments.report.labels import cell_names
from emulator.experiments.report.study_page import report_run
from emulator.experiments.report.text import aligned_table
from emulator.experiments.runner.start_speed import tensorflow_init
from emulator.experiments.runner.study import run_experiment
from emulator.project import LIGHT_STUDY, SMALL_STUDY, project_path

if TYPE_CHECKING:
    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import StudyRun

TENSORFLOW = "kdd99-tf"
"""The sample function whose init is TensorFlow's."""
_INTERRUPTED = 130
"""Exit code of a run that Ctrl-C ended."""
_GATEWAY_LIMIT_MS = 30_000.0
"""API Gateway's most for an integration of an HTTP API ("Quotas for HTTP APIs")."""
_WIDTH = 100
_INTRODUCTION = """\
The study in small: a model that serves predictions, in several memory sizes. A ramp of users asks
each of them, then single requests come far apart in time. A first run also builds the function,
which takes some minutes where TensorFlow is to be installed.
"""
_TOO_SLOW = """\
Starting TensorFlow takes about {init:.0f} s of CPU time on this machine: users would come and go
before their first answer. So the demo serves the same model with NumPy instead. With TensorFlow
all the same: testbed experiment {plan}
"""
_HEAD = (
    *("cell", "requests", "errors", "cold starts", "cold p50", "cold max", "warm p50"),
    *("warm max", "$ a million"),
)


def run_demo(
    *,
    backend: str = "auto",
    dilation: int | str | None = None,
    run_dir: Path | None = None,
    plan: Path | None = None,
    python: str = sys.executable,
) -> int:
    """Runs the study in small, and prints its table, its advice and where its report is.

    Returns 0 where every cell is done and every request was answered right; 130 after Ctrl-C, when
    the run can be gone on with; otherwise 1.

    Args:
        backend: auto, docker or process.
        dilation: in place of the plan's: a whole number or `auto`.
        run_dir: the folder to write to; None for a new `runs/demo-<time>`.
        plan: the plan to run; None for the study in small of the project in the current folder
            or, where there is none, of this installation; where TensorFlow starts too slowly for
            it, the one without TensorFlow.
        python: the interpreter that emulators and Locust run in.

    Raises:
        TestbedError: the plan or the folder is wrong; nothing was started.
    """
    plan = _short(plan or _for_this_machine(python))
    folder = run_dir or Path("runs") / f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    print(_INTRODUCTION)
    run_experiment(plan, backends=(backend,), dilation=dilation, dry_run=True)
    print(flush=True)
    code = run_experiment(
        plan,
        run_dir=folder,
        backends=(backend,),
        dilation=dilation,
        python=python,
        is_enough=is_advice_sure,
    )
    return code if code == _INTERRUPTED else _conclude(folder)


def small_study(plan: Path = SMALL_STUDY) -> Path:
    """Returns the plan of the study in small: the user's own copy, or else this installation's."""
    return plan if plan.is_file() else project_path(plan)


def _for_this_machine(python: str) -> Path:
    """Returns the plan whose inits end while the ramp still lasts, and says which and why."""
    plan = small_study()
    small = load(plan)
    if TENSORFLOW not in small.axes.function:
        return plan
    init = tensorflow_init(python)
    if not outlasts_a_step(init, small.scenarios):
        return plan
    print(_TOO_SLOW.format(init=init, plan=_short(plan)))
    return small_study(LIGHT_STUDY)


def _short(path: Path) -> Path:
    """Returns the path as a user would type it, where the path lies below the current folder."""
    here = Path(os.path.relpath(path))
    return path if ".." in here.parts else here


def _conclude(folder: Path) -> int:
    page = report_run(folder)
    study = read_study(folder)
    stats = all_stats(study)
    failures = failures_of(study, stats)
    lines = ["", *summary(study, stats), ""]
    for sentence in advice(memory_curves(study)):
        lines += [*textwrap.wrap(sentence, _WIDTH), ""]
    lines += [f"Failed: {failure}" for failure in failures] + [""] * bool(failures)
    lines += [
        f"{page}   the report, with all figures and pictures",
        f"{folder / REQUESTS_CSV}   a row for each request",
        f"{folder / STUDY}   the plan and the state of each cell",
    ]
    print("\n".join(lines), flush=True)
    return 1 if failures else 0


def summary(study: StudyRun, stats: list[CellStats]) -> list[str]:
    """Returns a line for each cell that has requests; costs are those of the cell's profile."""
    if not stats:
        return ["No request was made."]
    names = cell_names(study)
    lines = aligned_table([_HEAD, *(_line(study, figures, names) for figures in stats)])
    return [*lines, *_slowed(stats, names), *_incomplete(study)]


def _slowed(stats: list[CellStats], names: dict[str, str]) -> list[str]:
    cells = [figures.cell for figures in stats]
    slowed = [
        f"  {names[cell.id]}: {cell.host_bound or cell.host_remark}"
        for cell in cells
        if cell.host_bound or cell.host_remark
    ]
    if not slowed:
        return []
    host_bound = any(cell.host_bound for cell in cells)
    mark = f" ({formatting.HOST_BOUND}: typical ones too)" if host_bound else ""
    return ["", f"This machine slowed requests{mark}:", *slowed]


def _incomplete(study: StudyRun) -> list[str]:
    if not study.missing:
        return []
    lines = [f"  {sentence}" for sentence in study.missing]
    return ["", f"{formatting.INCOMPLETE} Sums and counts are too small:", *lines]


def _line(study: StudyRun, figures: CellStats, names: dict[str, str]) -> tuple[str, ...]:
    cell = figures.cell
    rows = study.rows[cell.id]
    return (
        names[cell.id],
        formatting.count(figures.requests),
        formatting.count(figures.errors),
        formatting.count(figures.cold_starts),
        formatting.time(figures.cold_ms.value),
        formatting.time(max(cold_latencies(rows), default=None)),
        formatting.time(figures.warm_ms.value),
        formatting.time(max(warm_latencies(rows), default=None)),
        formatting.money(figures.own_million),
    )


def failures_of(study: StudyRun, stats: list[CellStats]) -> list[str]:
    """Returns a sentence for each cell that is not done, or has a wrong answer or no request."""
    found = [
        f"{cell.id} is {cell.status}{f': {cell.error}' if cell.error else '.'}"
        for cell in study.cells
        if cell.status is not CellStatus.DONE
    ]
    found += [
        f"{cell.id} is done and has no request."
        for cell in study.cells
        if cell.status is CellStatus.DONE and not study.rows.get(cell.id)
    ]
    for figures in stats:
        if figures.errors:
            wrong = [row for row in study.rows[figures.cell.id] if not row.ok]
            found.append(
                f"{figures.cell.id}: {figures.errors} of {figures.requests} requests were not "
                f"answered right, the first with: {wrong[0].error or 'no reason was told'}"
                f"{_gave_up(wrong)}"
            )
    return found


def _gave_up(wrong: list[RequestRow]) -> str:
    """Returns the clause that explains the gateway's 503: it says nothing of a timeout itself."""
    late = sum(
        row.http_status == HTTPStatus.SERVICE_UNAVAILABLE and row.latency_ms >= _GATEWAY_LIMIT_MS
        for row in wrong
    )
    if not late:
        return ""
    return (
        f" ({late} of them after the 30 s for which API Gateway waits: this machine was too slow)"
    )
