"""`testbed fidelity`: does a task take as long here as on AWS Lambda, at every memory size?

One function that spins is deployed at the sizes of AWS's measured curve, on every backend that
works here. All of them take turns, in an order that is shuffled every round, so that what else
the machine does falls on all alike; before each invocation its sandbox rests until its quota is
full. The calibration takes its turn as well, since a shared processor changes its speed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.fidelity.chart import chart
from emulator.experiments.fidelity.report import table
from emulator.experiments.fidelity.rows import (
    AWS,
    DESCRIPTION,
    ROWS,
    SpinRow,
    read_fidelity,
    write_row,
)
from emulator.experiments.fidelity.spin import (
    FULL_SPEED_MB,
    Calibration,
    SpinClient,
    calibrate,
    write_functions,
)
from emulator.experiments.runner.emulator_process import EmulatorProcess, stoppable
from emulator.host.activity import stolen_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from io import TextIOWrapper

TABLE = "table.txt"
CHART = "fidelity.png"
_REST = 0.05
"""Seconds before each invocation: two and a half periods, in which the quota becomes full."""
_WARM_UP = 3
_TOLD_EVERY = 10.0
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


def run_fidelity(
    *,
    backends: Sequence[str] = ("docker", "process"),
    repetitions: int = 200,
    run_dir: Path | None = None,
    python: str = sys.executable,
) -> int:
    """Measures, then writes table and plot; 1 where no backend could be measured.

    Raises:
        TestbedError: it cannot go on; what was measured until then is in the run directory.
    """
    if repetitions < 1:
        raise TestbedError("At least one repetition is needed.")
    folder = run_dir or Path("runs") / f"fidelity-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    if folder.exists() and any(folder.iterdir()):
        raise TestbedError(f"{folder} is not empty; a run needs a folder of its own (--run-dir).")
    folder.mkdir(parents=True, exist_ok=True)
    template = write_functions(folder / "functions", AWS.mean_ms)
    with stoppable(), contextlib.ExitStack() as stack:
        clients: dict[str, SpinClient] = {}
        for backend in backends:
            emulator = _emulator(backend, folder, template, python)
            try:
                url = stack.enter_context(emulator).url
            except TestbedError as error:
                _say(f"{backend} is not measured: {error}")
                continue
            clients[backend] = stack.enter_context(contextlib.closing(SpinClient(url)))
        if not clients:
            return 1
        _describe(folder, clients, repetitions)
        with (folder / ROWS).open("w", encoding="utf-8", newline="") as file:
            _Measurement(clients, repetitions, file).run()
    return report_fidelity(folder)


def report_fidelity(folder: Path) -> int:
    """Writes table and plot from a run directory alone, and prints the table."""
    run = read_fidelity(folder)
    text = table(run)
    (folder / TABLE).write_text(text, encoding="utf-8")
    chart(run, folder / CHART)
    print(f"\n{text}\n{folder / TABLE}\n{folder / CHART}")
    return 0


def _emulator(backend: str, folder: Path, template: Path, python: str) -> EmulatorProcess:
    return EmulatorProcess(
        (
            *("--template", str(template), "--backend", backend, "--keep-alive", "3600"),
            *("--state-dir", str(_STATE / f"fidelity-{backend}")),
            *("--run-dir", str(folder / backend), "--host-memory", str(_HOST_MEMORY_MB)),
        ),
        folder / f"{backend}.log",
        ready_within=_READY_WITHIN,
        tell=_say,
        python=python,
    )


def _describe(folder: Path, backends: Iterable[str], repetitions: int) -> None:
    facts = {
        "started_at": time.time(),
        "backends": list(backends),
        "repetitions": repetitions,
        "task_ms": AWS.task_ms,
        "rest_s": _REST,
        "load": [round(load, 2) for load in os.getloadavg()],
        "kernel": {name: _first(paths) for name, paths in _KERNEL.items()},
    }
    (folder / DESCRIPTION).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _first(paths: Sequence[str]) -> str | None:
    """What the first of these files says that can be read."""
    for path in paths:
        with contextlib.suppress(OSError):
            return Path(path).read_text(encoding="utf-8").strip()
    return None


def _say(line: str) -> None:
    print(line, flush=True)


class _Measurement:
    """All backends at all sizes, in turns."""

    def __init__(
        self, clients: dict[str, SpinClient], repetitions: int, file: TextIOWrapper
    ) -> None:
        self._clients = clients
        self._repetitions = repetitions
        self._file = file
        self._calibrations: dict[str, Calibration] = {}

    def run(self) -> None:
        for backend in self._clients:
            self._prepare(backend)
        sizes = (*AWS.mean_ms, FULL_SPEED_MB)
        targets = [(backend, mb) for backend in self._clients for mb in sizes]
        chance = random.Random(0)  # noqa: S311  # an order is no secret
        begun = told = time.monotonic()
        for number in range(1, self._repetitions + 1):
            chance.shuffle(targets)
            for backend, mb in targets:
                if mb == FULL_SPEED_MB:
                    self._calibrations[backend].sample()
                else:
                    time.sleep(_REST)
                    write_row(self._file, self._invoke(backend, mb, number))
            now = time.monotonic()
            if now - told > _TOLD_EVERY or number in (1, self._repetitions):
                told = now
                left = (now - begun) / number * (self._repetitions - number)
                load = os.getloadavg()[0]
                _say(f"round {number} of {self._repetitions}, {left:.0f} s left, load {load:.1f}")

    def _prepare(self, backend: str) -> None:
        """Starts its sandboxes, and finds how many turns of the loop are the task."""
        client = self._clients[backend]
        _say(f"{backend}: one sandbox a memory size")
        for mb in (*AWS.mean_ms, FULL_SPEED_MB):
            for _ in range(_WARM_UP):
                client.invoke(mb, {"iterations": 1000})
            client.look_up_cgroup(mb)

        def rested_ms(turns: int) -> float:
            time.sleep(_REST)
            return client.cpu_ms(FULL_SPEED_MB, turns)

        self._calibrations[backend] = calibrate(rested_ms, AWS.task_ms)

    def _invoke(self, backend: str, mb: int, number: int) -> SpinRow:
        client, turns = self._clients[backend], self._calibrations[backend].turns
        before, stolen = client.throttling(mb), stolen_ms()
        answer = client.invoke(mb, {"iterations": turns})
        stolen = stolen_ms() - stolen
        after = client.throttling(mb)
        if answer.cold:
            raise TestbedError(f"{backend}: the sandbox of {mb} MB was gone, a cold start came.")
        during = (
            None
            if before is None or after is None
            else (after[0] - before[0], after[1] - before[1])
        )
        return SpinRow(
            backend=backend,
            round=number,
            memory_mb=mb,
            request_id=answer.request_id,
            sent_at=answer.sent_at,
            iterations=turns,
            wall_ms=answer.body["wall_ms"],
            cpu_ms=answer.body["cpu_ms"],
            throttles=during[0] if during else None,
            throttled_ms=during[1] if during else None,
            steal_ms=stolen,
            client_ms=answer.client_ms,
            load=os.getloadavg()[0],
        )
