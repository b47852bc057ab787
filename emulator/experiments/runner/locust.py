"""Puts a cell's load on its emulator: runs Locust with the locustfile of the cell's scenario.

Owns which settings a locustfile gets and how long Locust may take. The locustfiles do not know
this module; their settings are environment variables.
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.plan.scenarios import Constant, Poisson, Ramp, SingleRequests, Trace
from emulator.experiments.records.client_rows import CLIENTS
from emulator.experiments.runner.emulator_process import end
from emulator.project import LOCUSTFILES, project_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.plan.model import PlannedFunction
    from emulator.experiments.plan.scenarios import Scenario
    from emulator.experiments.runner.emulator_process import EmulatorProcess

LOG = "locust.log"
ENDS_WITHIN = 130.0
"""Seconds, before dilation, in which Locust starts and awaits the last answers."""
ANSWER_WITHIN = 100.0
"""Seconds, before dilation, in which an answer must come, as in the locustfiles."""
_RAMP_STEP = 60.0
"""Seconds of a step of ramp.py at its own speed."""
_SECOND = 1.0
_TAIL = 10
"""Lines of Locust's log that an error tells."""

_FILES = {
    "ramp": "ramp.py",
    "idle": "idle.py",
    "keep-warm": "idle.py",
    "constant": "constant.py",
    "poisson": "poisson.py",
    "trace": "trace.py",
}


def settings(cell: PlannedCell, function: PlannedFunction, path: str, rows: Path) -> dict[str, str]:
    """Returns the environment variables of the cell's locustfile; client rows go to `rows`."""
    return {
        "PREDICT_PATH": path,
        "TESTBED_CLIENT_ROWS": str(rows),
        "TESTBED_PAYLOAD": str(function.payload or ""),
        "DILATION": f"{cell.dilation:g}",
        "PAGE_CACHE": cell.condition.page_cache,
        **({"INVOCATION_TYPE": cell.condition.invocation.value} if cell.asynchronous else {}),
        **_scenario(cell.load, cell.seed),
    }


def _scenario(scenario: Scenario, seed: int) -> dict[str, str]:
    match scenario:
        case Ramp():
            speedup = len(scenario.users) * _RAMP_STEP / scenario.seconds
            return {
                "RAMP_USERS": ",".join(str(users) for users in scenario.users),
                "RAMP_SPEEDUP": repr(speedup),
                "RAMP_WAIT_S": repr(scenario.wait_s),
            }
        case SingleRequests():
            return {
                "IDLE_MINUTES": ",".join(f"{minute:g}" for minute in scenario.minutes),
                "IDLE_SPEEDUP": repr(scenario.idle_speedup),
            }
        case Constant():
            return {
                "CONSTANT_USERS": str(scenario.users[0]),
                "CONSTANT_SECONDS": repr(scenario.seconds),
                "CONSTANT_WAIT_S": repr(scenario.wait_s),
            }
        case Poisson():
            return {
                "POISSON_RATE": repr(scenario.rate),
                "POISSON_SECONDS": repr(scenario.seconds),
                "SEED": str(seed),
            }
        case Trace():
            return {"TRACE_FILE": str(scenario.file)}


def put_load(
    cell: PlannedCell,
    variables: dict[str, str],
    emulator: EmulatorProcess,
    folder: Path,
    *,
    on_second: Callable[[float], None],
    python: str,
) -> None:
    """Runs Locust to its end, and tells `on_second` every second how long that takes.

    Raises:
        TestbedError: Locust or the emulator failed, or took too long.
    """
    log = folder / LOG
    locustfile = project_path(LOCUSTFILES) / _FILES[cell.load.kind]
    command = [python, "-m", "locust", "-f", str(locustfile)]
    command += ["--headless", "--only-summary", "--host", emulator.url]
    # a request that failed is a row of the table, not a failure of Locust
    command += ["--exit-code-on-error", "0"]
    with log.open("w", encoding="utf-8") as output:
        locust = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, **variables},
        )
        try:
            code = _follow(locust, emulator, _most_s(cell), on_second)
        finally:
            end(locust, within=5)
    if code != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:])
        raise TestbedError(f"Locust ended with exit code {code}; the end of {log}:\n{tail}")
    if not (folder / CLIENTS).exists():
        raise TestbedError(f"Locust wrote no rows; {log} may tell why.")


def _most_s(cell: PlannedCell) -> float:
    """Returns the real seconds that the load may take; an idle gap begins where an answer ends."""
    load = cell.load
    answers = len(load.minutes) * ANSWER_WITHIN if isinstance(load, SingleRequests) else 0
    return cell.load_s + (ENDS_WITHIN + answers) * cell.dilation


def _follow(
    locust: subprocess.Popen[str],
    emulator: EmulatorProcess,
    most_s: float,
    on_second: Callable[[float], None],
) -> int:
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < most_s:
        try:
            return locust.wait(_SECOND)
        except subprocess.TimeoutExpired:
            emulator.check()
            on_second(passed + _SECOND)
    raise TestbedError(
        f"Locust did not end within {most_s:.0f} s, as where functions do not answer; see the logs "
        "of Locust and of the emulator in the cell's folder."
    )
