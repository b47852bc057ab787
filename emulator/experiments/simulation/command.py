"""Runs `testbed simulate` to its end: the simulation, and how far off it is where one can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.simulation.accuracy import ACCURACY, verdicts, write_accuracy
from emulator.experiments.simulation.study import new_folder, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.simulation.study import SimulationOptions


def run_simulation(
    plan: Path, options: SimulationOptions, run_dir: Path | None, page: Path | None = None
) -> int:
    """Returns the exit code of `testbed simulate`; a prediction that is off is no failure.

    Raises:
        TestbedError: the plan, the behaviours or a folder are wrong.
    """
    folder = run_dir or new_folder(plan)
    code = simulate(plan, options, folder)
    if code == 0 and options.leave_one_out and options.calibrate is not None:
        found = write_accuracy(folder, options.calibrate, page)
        print("\n".join(verdicts(found)))
        print(page or folder / f"{ACCURACY}.md")
    return code
