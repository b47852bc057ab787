"""Measures all backends at all memory sizes, in turns, and writes a row for each invocation.

The order is shuffled every round, so that what else the machine does falls on all alike; before
each invocation its sandbox rests until its quota is full. The calibration takes its turn as well,
since a shared processor changes its speed.
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.calibration import Calibration, calibrate
from emulator.experiments.fidelity.rows import SpinRow, write_row
from emulator.experiments.fidelity.template import FULL_SPEED_MB
from emulator.host.activity import stolen_ms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import TextIOWrapper

    from emulator.experiments.fidelity.client import SpinClient
    from emulator.experiments.report.progress import StepProgress

REST = 0.05
"""Seconds before each invocation: two and a half periods, in which the quota becomes full."""
_WARM_UP = 3


class Measurement:
    """Runs the task on every backend at every size, round by round."""

    def __init__(
        self,
        clients: Mapping[str, SpinClient],
        repetitions: int,
        file: TextIOWrapper,
        progress: StepProgress,
    ) -> None:
        self._clients = clients
        self._repetitions = repetitions
        self._file = file
        self._progress = progress
        self._calibrations: dict[str, Calibration] = {}

    def run(self) -> None:
        """Measures every round.

        Raises:
            TestbedError: an invocation failed, or a sandbox was gone.
        """
        for backend in self._clients:
            self._prepare(backend)
        sizes = (*AWS.mean_ms, FULL_SPEED_MB)
        targets = [(backend, memory_mb) for backend in self._clients for memory_mb in sizes]
        chance = random.Random(0)  # noqa: S311  # an order is no secret
        for number in range(1, self._repetitions + 1):
            load = os.getloadavg()[0]
            self._progress.begin(f"round {number} of {self._repetitions}, load {load:.1f}")
            chance.shuffle(targets)
            for backend, memory_mb in targets:
                if memory_mb == FULL_SPEED_MB:
                    self._calibrations[backend].sample()
                else:
                    time.sleep(REST)
                    write_row(self._file, self._measure(backend, memory_mb, number))
            self._progress.advance()

    def _prepare(self, backend: str) -> None:
        """Starts the backend's sandboxes, and finds how many turns of the loop are the task."""
        client = self._clients[backend]
        self._progress.begin(f"{backend}: starting a sandbox of each memory size")
        for memory_mb in (*AWS.mean_ms, FULL_SPEED_MB):
            for _ in range(_WARM_UP):
                client.invoke(memory_mb, {"iterations": 1000})
            client.find_cpu_stat(memory_mb)

        def rested_ms(turns: int) -> float:
            time.sleep(REST)
            return client.cpu_ms(FULL_SPEED_MB, turns)

        self._calibrations[backend] = calibrate(rested_ms, AWS.task_ms)

    def _measure(self, backend: str, memory_mb: int, number: int) -> SpinRow:
        turns = self._calibrations[backend].turns
        stolen = stolen_ms()
        answer, throttling = self._clients[backend].spin(memory_mb, turns)
        stolen = stolen_ms() - stolen
        if answer.cold:
            raise TestbedError(
                f"{backend}: a cold start came at {memory_mb} MB: its sandbox was gone, or did not "
                "ask for more within a moment, as happens on a busy machine. Try again when this "
                "one is idle."
            )
        return SpinRow(
            backend=backend,
            round=number,
            memory_mb=memory_mb,
            request_id=answer.request_id,
            sent_at=answer.sent_at,
            iterations=turns,
            wall_ms=answer.body["wall_ms"],
            cpu_ms=answer.body["cpu_ms"],
            throttles=throttling.periods if throttling else None,
            throttled_ms=throttling.ms if throttling else None,
            steal_ms=stolen,
            client_ms=answer.client_ms,
            load=os.getloadavg()[0],
        )
