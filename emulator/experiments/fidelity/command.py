"""Runs `testbed fidelity`: does a task take as long as on AWS Lambda, at every memory size?

One function that spins is deployed at the sizes of AWS's measured curve, on every backend that
works here. Owns the emulators and the run directory; how is measured is `measurement`'s.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import RunDirectoryError, SettingsError, TestbedError
from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.chart import chart
from emulator.experiments.fidelity.client import SpinClient
from emulator.experiments.fidelity.figures import fidelity_results
from emulator.experiments.fidelity.measurement import REST, Measurement
from emulator.experiments.fidelity.report import fidelity_table
from emulator.experiments.fidelity.rows import DESCRIPTION, ROWS, read_fidelity
from emulator.experiments.fidelity.template import write_functions
from emulator.experiments.records.study_file import claim_folder
from emulator.experiments.report.progress import StepProgress
from emulator.experiments.runner.emulator_process import EmulatorProcess, stoppable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TABLE = "table.txt"
CHART = "fidelity.png"
_READY_WITHIN = 600.0
_HOST_MEMORY_MB = 65_536
_STATE = Path(".testbed")
_KERNEL = {
    "cfs_slice_us": (
        "/proc/sys/kernel/sched_cfs_bandwidth_slice_us",
        "/sys/kernel/debug/sched/cfs_bandwidth_slice_us",
    ),
    "base_slice_ns": ("/sys/kernel/debug/sched/base_slice_ns",),
    "features": ("/sys/kernel/debug/sched/features",),
}


def measure_fidelity(
    *,
    backends: Sequence[str] = ("docker", "process"),
    repetitions: int = 200,
    run_dir: Path | None = None,
    python: str = sys.executable,
) -> Path | None:
    """Measures every backend that works here, and returns the run directory.

    Args:
        backends: docker, process or both.
        repetitions: invocations at each size.
        run_dir: the folder to write to; None for a new `runs/fidelity-<time>`.
        python: the interpreter that emulators run in.

    Returns None where no backend could be measured.

    Raises:
        TestbedError: the measurement cannot go on; its rows so far stay in the run directory.
    """
    if repetitions < 1:
        raise SettingsError("--repetitions must be 1 or more.")
    folder = run_dir or Path("runs") / f"fidelity-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    claim_folder(folder)
    template = write_functions(folder / "functions", AWS.mean_ms)
    with (
        stoppable(),
        StepProgress(repetitions) as progress,
        contextlib.ExitStack() as stack,
    ):
        clients = _clients(
            backends, folder, template, progress=progress, stack=stack, python=python
        )
        if not clients:
            return None
        _describe(folder, clients, repetitions)
        with (folder / ROWS).open("w", encoding="utf-8", newline="") as file:
            Measurement(clients, repetitions, file, progress).run()
    return folder


def report_fidelity(folder: Path) -> int:
    """Writes table and plot from a run directory alone, and prints the table.

    Raises:
        RunDirectoryError: the folder holds no run of `testbed fidelity`, or cannot be written.
    """
    run = read_fidelity(folder)
    text = fidelity_table(run)
    try:
        (folder / TABLE).write_text(text, encoding="utf-8")
        chart(run, folder / CHART)
    except OSError as error:
        raise RunDirectoryError(f"{folder} cannot be written: {error.strerror}.") from error
    print(f"\n{text}\n{folder / TABLE}\n{folder / CHART}")
    return 0


def fidelity_document(folder: Path) -> dict[str, Any]:
    """Returns the figures of a run directory as a document that JSON can hold.

    Raises:
        RunDirectoryError: the folder holds no run of `testbed fidelity`.
    """
    return {"run_dir": str(folder), **fidelity_results(read_fidelity(folder))}


def _clients(
    backends: Iterable[str],
    folder: Path,
    template: Path,
    *,
    progress: StepProgress,
    stack: contextlib.ExitStack,
    python: str,
) -> dict[str, SpinClient]:
    """Starts an emulator for each backend that works here; the stack ends emulators and clients."""
    clients = {}
    for backend in backends:
        progress.begin(f"{backend}: deploying")
        emulator = _emulator(backend, folder, template, progress, python)
        try:
            url = stack.enter_context(emulator).url
        except TestbedError as error:
            progress.note(f"{backend} is not measured: {error}")
        else:
            clients[backend] = stack.enter_context(contextlib.closing(SpinClient(url)))
    return clients


def _emulator(
    backend: str, folder: Path, template: Path, progress: StepProgress, python: str
) -> EmulatorProcess:
    return EmulatorProcess(
        (
            *("--template", str(template), "--backend", backend, "--keep-alive", "3600"),
            *("--state-dir", str(_STATE / f"fidelity-{backend}")),
            *("--run-dir", str(folder / backend), "--host-memory", str(_HOST_MEMORY_MB)),
        ),
        folder / f"{backend}.log",
        ready_within=_READY_WITHIN,
        tell=progress.detail,
        python=python,
    )


def _describe(folder: Path, backends: Iterable[str], repetitions: int) -> None:
    facts = {
        "started_at": time.time(),
        "backends": list(backends),
        "repetitions": repetitions,
        "task_ms": AWS.task_ms,
        "rest_s": REST,
        "load": [round(load, 2) for load in os.getloadavg()],
        "kernel": {name: _first_readable(paths) for name, paths in _KERNEL.items()},
    }
    (folder / DESCRIPTION).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _first_readable(paths: Sequence[str]) -> str | None:
    """Returns the content of the first file that can be read; None where none can."""
    for path in paths:
        with contextlib.suppress(OSError):
            return Path(path).read_text(encoding="utf-8").strip()
    return None
