"""Compares this emulator with another checkout's: both serve, and are measured in turns.

What the machine does besides changes within minutes, and meets both alike so. A ratio is the median
of the turns' ratios, never a ratio of medians. Owns the turns; `pages` tells what came of them.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.experiments.benchmark.cold_request import (
    cold_request_ms,
    wait_until_sandboxes_are_gone,
)
from emulator.experiments.benchmark.echo_emulator import echo_emulator, write_function
from emulator.experiments.benchmark.figures import CALLS, Figures, cpu_name
from emulator.experiments.benchmark.process_cost import cpu_seconds, system_calls
from emulator.experiments.benchmark.sending import send_load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emulator.experiments.report.progress import StepProgress
    from emulator.experiments.runner.emulator_process import EmulatorProcess


_COLD_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """Says how many turns of how many requests are measured."""

    turns: int = 7
    warm_up: int = 500
    requests: Mapping[int, int] | None = None
    """Warm requests of a turn, by the number of clients that ask at once; None for the usual."""
    cold_turns: int = 20
    settled_after: float = 6.0
    """Seconds: Docker's network slots are made behind the first requests' backs."""
    counted: int = 1000
    """Requests under strace, whose calls of the kernel are counted."""

    @property
    def expected(self) -> float:
        """Weight of all turns for a progress bar: a warm turn's is 1."""
        return self.turns + self.cold_turns * _COLD_WEIGHT

    @property
    def warm(self) -> Mapping[int, int]:
        return self.requests or {1: 2000, 10: 4000}


@dataclass(frozen=True, slots=True)
class Side:
    """Holds one of the two checkouts that are compared."""

    name: str
    python: str
    checkout: Path | None = None
    """Folder of the code; None for the code that runs here."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holds the figures of both sides, a value a turn; the n-th values belong together."""

    before: Mapping[str, Sequence[float]]
    after: Mapping[str, Sequence[float]]

    def medians(self, name: str) -> tuple[float, float]:
        """Returns the medians before and after."""
        return median(self.before[name]), median(self.after[name])

    def ratio(self, name: str) -> float:
        """Returns the median of the turns' ratios, after to before."""
        pairs = zip(self.before[name], self.after[name], strict=True)
        return median(after / before for before, after in pairs)


def other_checkout(folder: Path) -> Side:
    """Returns the side of another checkout, by its own virtual environment where it has one.

    Raises:
        SettingsError: the folder has no emulator.
    """
    folder = folder.resolve()
    if not (folder / "emulator" / "cli" / "__main__.py").exists():
        raise SettingsError(f"{folder} is no checkout of the testbed (--against).")
    own = folder / ".venv" / "bin" / "python"
    return Side(folder.name, str(own) if own.exists() else sys.executable, folder)


def compare(
    backend: str,
    sides: tuple[Side, Side],
    folder: Path,
    plan: TurnPlan,
    progress: StepProgress,
) -> Comparison:
    """Measures both sides on one backend; the first is the one before.

    Raises:
        TestbedError: the backend does not work here, or a request was not answered right.
    """
    turns = _Turns(backend, sides, folder, plan, progress)
    turns.measure_warm()
    turns.measure_cold()
    before, after = turns.values
    return Comparison(before, after)


class _Turns:
    def __init__(
        self,
        backend: str,
        sides: tuple[Side, Side],
        folder: Path,
        plan: TurnPlan,
        progress: StepProgress,
    ) -> None:
        self._backend = backend
        self._sides = sides
        self._plan = plan
        self._progress = progress
        self._folders = [folder / "before", folder / "after"]
        self.values: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
        for made in self._folders:
            write_function(made)

    def measure_warm(self) -> None:
        with ExitStack() as stack:
            emulators = self._start(stack, "warm", "--keep-alive", "3600")
            time.sleep(self._plan.settled_after)
            for emulator in emulators:
                send_load(emulator.port, max(self._plan.warm), self._plan.warm_up)
            for turn in range(self._plan.turns):
                self._progress.begin(f"{self._backend}: turn {turn + 1} of {self._plan.turns}")
                for number in _order(turn):
                    self._take(number, self._warm_turn(emulators[number]))
                self._progress.advance(1)
            for number, emulator in enumerate(emulators):
                self._take(number, self._count_calls(emulator))

    def _warm_turn(self, emulator: EmulatorProcess) -> Figures:
        figures: Figures = {}
        for clients, requests in self._plan.warm.items():
            began = cpu_seconds(emulator.pid)
            outcome = send_load(emulator.port, clients, requests)
            figures[cpu_name(clients)] = (cpu_seconds(emulator.pid) - began) / requests * 1e6
            if clients == 1:
                figures["warm p50, 1 client, ms"] = median(outcome.latencies_ms)
            else:
                figures[f"invokes/s, {clients} clients"] = requests / outcome.seconds
        return figures

    def _count_calls(self, emulator: EmulatorProcess) -> Figures:
        requests = self._plan.counted
        counted = system_calls(emulator.pid, lambda: send_load(emulator.port, 1, requests))
        return {} if counted is None else {CALLS: sum(counted.values()) / requests}

    def measure_cold(self) -> None:
        if not self._plan.cold_turns:
            return
        with ExitStack() as stack:
            emulators = self._start(stack, "cold", "--keep-alive", "0")
            time.sleep(self._plan.settled_after)
            for turn in range(self._plan.cold_turns):
                self._progress.begin(f"{self._backend}: cold {turn + 1} of {self._plan.cold_turns}")
                for number in _order(turn):
                    took_ms = cold_request_ms(emulators[number].port)
                    wait_until_sandboxes_are_gone(emulators[number].url)
                    self._take(number, {"cold p50, ms": took_ms})
                self._progress.advance(_COLD_WEIGHT)

    def _start(self, stack: ExitStack, name: str, *options: str) -> list[EmulatorProcess]:
        self._progress.begin(f"{self._backend}: starting both emulators")
        return [
            stack.enter_context(
                echo_emulator(
                    folder,
                    name,
                    self._backend,
                    *options,
                    tell=self._progress.detail,
                    python=side.python,
                    checkout=side.checkout,
                )
            )
            for folder, side in zip(self._folders, self._sides, strict=True)
        ]

    def _take(self, number: int, figures: Figures) -> None:
        for name, value in figures.items():
            self.values[number].setdefault(name, []).append(value)


def _order(turn: int) -> tuple[int, int]:
    """Returns who is first: each as often as the other, as the second finds caches warm."""
    return (0, 1) if turn % 2 == 0 else (1, 0)
