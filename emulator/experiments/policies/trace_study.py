"""Says what of a trace is simulated, and reads it: `testbed simulate --trace FILE --policy NAME`.

Owns which calls are taken, and what is assumed where the trace is silent. How they are simulated is
trace_part.py's.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from emulator import __version__
from emulator.errors import SettingsError
from emulator.experiments.plan.cells import Origin
from emulator.experiments.policies.run_files import write_files
from emulator.experiments.policies.trace_reading import read_trace
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.model import Seconds
    from emulator.experiments.policies.trace_run import Assumptions
    from emulator.sim.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class TraceStudy:
    """Holds what is simulated."""

    trace: Path
    format: str
    policies: tuple[str, ...]
    assumed: Assumptions
    sample: int | None = None
    """Number of functions; None: all."""
    window: tuple[Seconds, Seconds] | None = None
    scale: float = 1.0
    concurrency: int | None = None
    """Limit of calls at once, as of an account; None: no limit."""
    asynchronous: bool = False
    """Whether each call is an event that a queue accepts, and attempts again where that fails."""
    failing: float = 0.0
    """Share of the calls whose handler raises."""

    def read(self) -> Trace:
        """Reads the trace, and cuts, samples and scales it.

        Raises:
            SettingsError: the format is unknown, or the trace is faulty.
        """
        chance = random.Random(self.assumed.seed)  # noqa: S311  # a sample is no secret
        trace = read_trace(self.trace, self.format, self.sample, chance)
        try:
            trace.load()
        except TraceError as error:
            raise SettingsError(str(error)) from error
        if not trace.functions:
            raise SettingsError(f"{self.trace} holds no functions")
        if self.window is not None:
            trace = trace.window(*self.window)
        return trace if self.scale == 1.0 else trace.scale(self.scale)


def write_facts(study: TraceStudy, trace: Trace, folder: Path) -> None:
    """Writes what was simulated.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    facts = {
        "name": f"simulated {study.assumed.profile}",
        "origin": Origin.SIMULATED,
        "trace": study.trace.name,
        "format": study.format,
        "functions": len(trace.functions),
        "policies": study.policies,
        "assumed": asdict(study.assumed),
        "sample": study.sample,
        "window": study.window,
        "scale": study.scale,
        "concurrency": study.concurrency,
        "asynchronous": study.asynchronous,
        "failing": study.failing,
        "versions": {"serverless-testbed": __version__},
    }
    write_files(folder, {"run.json": json.dumps(facts, indent=1) + "\n"})
