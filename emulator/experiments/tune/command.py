"""`testbed tune`: which memory a function should have, by what it takes and costs at each size.

Each size gets an emulator of its own, whose template has the one function with its MemorySize
replaced, and the same invocations one after the other; the first one is a cold start. As in
aws-lambda-power-tuning, a failed invocation ends the tuning, as what an error takes says nothing.
The run directory is that of a study, so that `testbed report` reads it.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from emulator.core.model import StartKind
from emulator.core.profile import PROFILES
from emulator.errors import RunDirectoryError, SettingsError, TestbedError
from emulator.experiments.analysis.memory_choice import Choice, SizeSample, Strategy, choose
from emulator.experiments.plan.cells import Cell, Condition
from emulator.experiments.plan.model import PROFILE_KEEP_ALIVE
from emulator.experiments.plan.template import StudyTemplate
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.price_tables import table_of
from emulator.experiments.records.request_rows import cell_rows
from emulator.experiments.records.request_table import (
    REQUESTS_CSV,
    REQUESTS_PARQUET,
    write_csv,
    write_parquet,
)
from emulator.experiments.records.run_directory import (
    CLIENTS,
    ClientRow,
    append_client_rows,
    read_run,
)
from emulator.experiments.records.study import TUNE
from emulator.experiments.records.study_file import StudyFile
from emulator.experiments.runner.emulator_process import EmulatorProcess, stoppable
from emulator.experiments.tune.text import tuned

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.experiments.records.request_table import RequestRow

SUMMARY = "summary.txt"
_STATE = Path(".testbed") / "tune"
_READY_WITHIN = 1200.0
"""Seconds: a first deployment may install TensorFlow."""
_ANSWER_WITHIN = 960.0
"""Longer than the longest function."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is asked for."""

    function: str
    payloads: tuple[bytes, ...]
    """Used in turn."""
    memories: tuple[int, ...]
    """MB; each once, in their order."""
    invocations: int
    strategy: Strategy
    weight: float
    """Of the cost, from 0 to 1, where cost and time are balanced."""
    template: Path
    backend: str
    profile: str


def run_tune(
    tuning: Tuning,
    run_dir: Path | None = None,
    python: str = sys.executable,
    *,
    take: Callable[[Path, list[SizeSample], Choice], None] | None = None,
) -> int:
    """Prints the table, the curve and the link; 0 where every size was tried.

    Args:
        tuning: What to try, and by what to choose.
        run_dir: Folder of the run; None: a new `runs/tune-<time>`.
        python: Interpreter that the emulators run in.
        take: Gets the run's folder and its figures; for output that is not for people.

    Raises:
        TestbedError: what is asked for is wrong, or an invocation failed; sizes that were tried
            before stay in the run directory.
    """
    template = _check(tuning)
    folder = run_dir or Path("runs") / f"tune-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    study = _Study(tuning, folder)
    with stoppable():
        for memory_mb in tuning.memories:
            print(f"{memory_mb} MB: {tuning.invocations} invocations", flush=True)
            _try(tuning, template, memory_mb, study.folder(memory_mb), python)
            study.add(memory_mb)
    study.finish()
    tried = study.tried()
    choice = choose(tried, tuning.strategy, tuning.weight)
    if take is not None:
        take(folder, tried, choice)
    summary = tuned(tried, choice, tuning)
    (folder / SUMMARY).write_text(summary, encoding="utf-8")
    print(f"\n{summary}\nThe run is in {folder}; `testbed report {folder}` draws it.", flush=True)
    return 0


def _check(tuning: Tuning) -> StudyTemplate:
    """All faults at once."""
    template = StudyTemplate(tuning.template)
    faults = []
    if tuning.function not in template.functions:
        known = ", ".join(sorted(template.functions))
        faults.append(f"{tuning.template} has no function {tuning.function}; it has {known}.")
    if len(set(tuning.memories)) < 2:  # noqa: PLR2004
        faults.append("--memory needs two sizes or more, such as 128,256,512.")
    profile = PROFILES[tuning.profile]
    for memory_mb in tuning.memories:
        least, most, step = (
            profile.least_memory_mb,
            profile.most_memory_mb,
            profile.memory_step_mb,
        )
        if not least <= memory_mb <= most or (memory_mb - least) % step:
            faults.append(
                f"--memory {memory_mb}: {tuning.profile} has {least} to {most} MB in steps of "
                f"{step}."
            )
    if tuning.invocations < 5:  # noqa: PLR2004
        faults.append("--invocations must be 5 or more: a fifth is cut off at each end.")
    if not 0 <= tuning.weight <= 1:
        faults.append("--balanced-weight must be from 0 (speed alone) to 1 (cost alone).")
    for payload in tuning.payloads:
        try:
            json.loads(payload)
        except ValueError as error:
            faults.append(f"--payload is no JSON ({error}): {payload[:60]!r}")
    if faults:
        raise SettingsError("\n".join(faults))
    return template


def _try(
    tuning: Tuning, template: StudyTemplate, memory_mb: int, folder: Path, python: str
) -> None:
    """Leaves the run directory of one size, with a client row for each invocation."""
    folder.mkdir(parents=True)
    variant = folder / "template.yaml"
    template.write_variant(tuning.function, memory_mb, {}, variant)
    options = (
        *("--template", str(variant), "--backend", tuning.backend, "--profile", tuning.profile),
        *("--run-dir", str(folder), "--state-dir", str(_STATE)),
    )
    log = folder / "emulator.log"
    emulator = EmulatorProcess(
        options, log, ready_within=_READY_WITHIN, tell=lambda _: None, python=python
    )
    with emulator, httpx.Client(base_url=emulator.url, timeout=_ANSWER_WITHIN) as client:
        rows = []
        try:
            for number in range(tuning.invocations):
                payload = tuning.payloads[number % len(tuning.payloads)]
                rows.append(_invoke(client, tuning.function, payload))
                _refuse_failure(rows[-1], memory_mb, log)
        finally:
            append_client_rows(folder / CLIENTS, rows)


def _invoke(client: httpx.Client, function: str, payload: bytes) -> ClientRow:
    path = f"/2015-03-31/functions/{function}/invocations"
    start, begun = time.time(), time.perf_counter()
    try:
        response = client.post(path, content=payload)
    except httpx.HTTPError as problem:
        took = (time.perf_counter() - begun) * 1000
        return ClientRow("", start, took, 0, None, "", 1, path, f"no answer: {problem!r}")
    took = (time.perf_counter() - begun) * 1000
    failed = response.status_code != httpx.codes.OK or "x-amz-function-error" in response.headers
    kind = response.headers.get("x-testbed-start")
    return ClientRow(
        request_id=response.headers.get("x-testbed-request-id", ""),
        start=start,
        latency_ms=took,
        status=response.status_code,
        start_kind=StartKind(kind) if kind else None,
        sandbox=response.headers.get("x-testbed-sandbox", ""),
        users=1,
        path=path,
        error=" ".join(response.text[:300].split()) if failed else "",
    )


def _refuse_failure(row: ClientRow, memory_mb: int, log: Path) -> None:
    if row.error:
        raise TestbedError(
            f"At {memory_mb} MB an invocation failed ({row.error}). Leave that size out, or see "
            f"{log}."
        )


class _Study:
    """Keeps the run directory valid from size to size."""

    def __init__(self, tuning: Tuning, folder: Path) -> None:
        self._tuning = tuning
        self._folder = folder
        self._rows: dict[int, tuple[RequestRow, ...]] = {}
        cells = [_cell(tuning, memory_mb) for memory_mb in tuning.memories]
        self._file = StudyFile.create(folder, name=f"tuning {tuning.function}", cells=cells)

    def folder(self, memory_mb: int) -> Path:
        """Returns the run directory of one size."""
        return self._file.cell(str(memory_mb)).folder

    def add(self, memory_mb: int) -> None:
        """Takes up the size whose run directory is complete.

        Raises:
            RunDirectoryError: the directory has not every invocation.
        """
        cell = self._file.cell(str(memory_mb))
        run = read_run(cell.folder)
        rows = cell_rows(cell, run)
        if not rows or any(row.duration_ms is None for row in rows):
            raise RunDirectoryError(f"{cell.folder}: the journal does not have every invocation.")
        self._rows[memory_mb] = rows
        table = [row for of_size in self._rows.values() for row in of_size]
        write_csv(self._folder / REQUESTS_CSV, table)
        write_parquet(self._folder / REQUESTS_PARQUET, table)
        self._file.done(cell.id, HostVerdict(), run.info)

    def finish(self) -> None:
        self._file.finish()

    def tried(self) -> list[SizeSample]:
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
