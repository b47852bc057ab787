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
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from emulator.core.model import StartKind
from emulator.core.profile import PROFILES
from emulator.errors import RunDirectoryError, SettingsError, TestbedError
from emulator.experiments.analysis.memory_choice import Choice, Strategy, Tried, choose
from emulator.experiments.plan.template import StudyTemplate
from emulator.experiments.records.request_table import (
    REQUESTS_CSV,
    REQUESTS_PARQUET,
    RequestRow,
    write_csv,
    write_parquet,
)
from emulator.experiments.records.run_directory import (
    CLIENTS,
    ClientRow,
    append_client_rows,
    read_run,
)
from emulator.experiments.records.single_run import as_study
from emulator.experiments.records.study import DONE, TUNE
from emulator.experiments.records.study_file import STUDY
from emulator.experiments.runner.emulator_process import EmulatorProcess, stoppable
from emulator.experiments.tune.text import tuned

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.experiments.records.run_directory import Run

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
    take: Callable[[Path, list[Tried], Choice], None] | None = None,
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
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder} is not empty; a run needs a folder of its own (--run-dir).")
    study = _Study(tuning, folder)
    with stoppable():
        for memory_mb in tuning.memories:
            print(f"{memory_mb} MB: {tuning.invocations} invocations", flush=True)
            study.add(memory_mb, _try(tuning, template, memory_mb, study.cell(memory_mb), python))
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
) -> tuple[Run, list[RequestRow]]:
    """One size: its run, and a row an invocation."""
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
    return _rows(tuning.function, memory_mb, folder)


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


def _rows(function: str, memory_mb: int, folder: Path) -> tuple[Run, list[RequestRow]]:
    run = read_run(folder)
    rows = [
        replace(row, cell=str(memory_mb), memory_mb=memory_mb, scenario=TUNE)
        for row in as_study(run).rows.get(function, ())
    ]
    if not rows or any(row.duration_ms is None for row in rows):
        raise RunDirectoryError(f"{folder}: the journal does not have every invocation.")
    return run, rows


class _Study:
    """The run directory, kept valid from size to size."""

    def __init__(self, tuning: Tuning, folder: Path) -> None:
        self._tuning = tuning
        self._folder = folder
        self._rows: dict[int, list[RequestRow]] = {}
        self._content: dict[str, Any] = {
            "name": f"tuning {tuning.function}",
            "plan": {},
            "plan_text": "",
            "seed": None,
            "versions": {},
            "machine": {},
            "started_at": time.time(),
            "finished_at": None,
            "cells": [self._described(memory_mb) for memory_mb in tuning.memories],
        }
        folder.mkdir(parents=True, exist_ok=True)
        self._save()

    def cell(self, memory_mb: int) -> Path:
        return self._folder / "cells" / str(memory_mb)

    def add(self, memory_mb: int, tried: tuple[Run, list[RequestRow]]) -> None:
        run, self._rows[memory_mb] = tried
        self._content |= {
            "versions": dict(run.info.versions),
            "machine": dict(run.info.machine),
            "seed": run.info.seed,
        }
        for cell in self._content["cells"]:
            if cell["id"] == str(memory_mb):
                cell["status"] = DONE
        rows = [row for of_size in self._rows.values() for row in of_size]
        write_csv(self._folder / REQUESTS_CSV, rows)
        write_parquet(self._folder / REQUESTS_PARQUET, rows)
        self._save()

    def finish(self) -> None:
        self._content["finished_at"] = time.time()
        self._save()

    def tried(self) -> list[Tried]:
        column = "dollars_2018" if self._tuning.profile == "aws-2018" else "dollars_2025"
        return [
            Tried(
                memory_mb,
                tuple((row.duration_ms or 0.0) + (row.init_duration_ms or 0.0) for row in rows),
                tuple(getattr(row, column) for row in rows),
            )
            for memory_mb, rows in self._rows.items()
        ]

    def _described(self, memory_mb: int) -> dict[str, Any]:
        tuning = self._tuning
        axes = {"function": tuning.function, "memory_mb": memory_mb, "loading": ""}
        axes |= {"profile": tuning.profile, "backend": tuning.backend, "keep_alive": "profile"}
        return {"id": str(memory_mb), "axes": axes, "scenario": TUNE, "status": "pending"}

    def _save(self) -> None:
        partial = self._folder / f"{STUDY}.partial"
        partial.write_text(json.dumps(self._content, indent=1) + "\n", encoding="utf-8")
        partial.replace(self._folder / STUDY)
