"""Finds how many turns of the loop take the task's CPU time, and follows a core's speed.

The turns are found inside a sandbox at full speed; every memory size then does the same work.
"""

from __future__ import annotations

import statistics
from collections import deque
from typing import TYPE_CHECKING

from emulator.errors import TestbedError

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLES = 25
_FIRST_TURNS = 20_000
_LONG_ENOUGH = 0.5
"""Share of the task; a first try that is shorter is repeated with more turns."""
_TRIES = 12


def calibrate(cpu_ms_of: Callable[[int], float], task_ms: float) -> Calibration:
    """Begins a calibration with samples that take about as long as the task.

    Args:
        cpu_ms_of: runs so many turns and returns the CPU time that they took, in ms.
        task_ms: the CPU time that the task is to take.

    Raises:
        TestbedError: no number of turns takes long enough to be measured.
    """
    turns = _FIRST_TURNS
    for _ in range(_TRIES):
        took_ms = cpu_ms_of(turns)
        if took_ms >= _LONG_ENOUGH * task_ms:
            break
        turns = round(turns * min(10.0, task_ms / max(took_ms, 0.001)))
    else:
        raise TestbedError(
            f"{turns} turns of the loop take {took_ms:g} ms of CPU only, too little to measure."
        )
    samples = [cpu_ms_of(turns) / turns for _ in range(_SAMPLES)]
    return Calibration(cpu_ms_of, task_ms, samples)


class Calibration:
    """Tells how many turns take the task's CPU time, by the median of the newest samples.

    A core that is shared changes its speed within seconds. A sample now and then, in turn with
    the invocations, meets the same conditions as they do; many at once meet one moment's.
    """

    def __init__(
        self, cpu_ms_of: Callable[[int], float], task_ms: float, samples_ms: list[float]
    ) -> None:
        self._cpu_ms_of = cpu_ms_of
        self._task_ms = task_ms
        self._samples_ms = deque(samples_ms, maxlen=_SAMPLES)
        """CPU time of one turn in each sample."""

    @property
    def turns(self) -> int:
        return max(1, round(self._task_ms / statistics.median(self._samples_ms)))

    def sample(self) -> None:
        """Measures the task once more, in place of the oldest sample."""
        turns = self.turns
        self._samples_ms.append(self._cpu_ms_of(turns) / turns)
