"""Runs `testbed simulate` to its end: the simulation, and how far off it is where one can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.simulation.study import simulate

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.simulation.study import SimulationOptions


def run_simulation(plan: Path, options: SimulationOptions, run_dir: Path | None) -> int:
    """Returns the exit code of `testbed simulate`.

    Raises:
        TestbedError: the plan, the behaviours or a folder are wrong.
    """
    return simulate(plan, options, run_dir)
