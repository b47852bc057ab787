"""Simulates one workload in a process of its own, and prints what that took.

    python -m emulator.experiments.benchmark.simulated FUNCTIONS RATE INVOCATIONS [--interpreted]

The rate is in invocations a second, of all functions together. Owns the workload: independent
arrivals, a handler of .1 s with a log-normal spread, and an init of .2 s. The program prints one
line of JSON, a `SimulatedLoad`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.model import VersionKey
    from emulator.sim.arrival import Arrival

_PACKAGE = str(Path(__file__).parents[2])
_SEED = 1
_MEMORY_MB = 128
_TIMEOUT = 30.0
_UNLIMITED = 10**9


@dataclass(frozen=True, slots=True)
class SimulatedLoad:
    """Holds what a simulation took of this machine."""

    functions: int
    rate: float
    invocations: int
    compiled: bool
    cpu_s: float
    """CPU seconds of the simulation alone."""
    peak_mb: float
    """Largest resident memory of the whole process."""
    sandboxes: int
    """Number of sandboxes that were started."""


def _source_only(path: str) -> FileFinder:
    """Finds the package's modules in their sources, though compiled ones stand beside these."""
    if not path.startswith(_PACKAGE):
        raise ImportError(path)
    return FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))


def _arrivals(keys: list[VersionKey], rate: float) -> Iterator[Arrival]:
    """Yields independent arrivals, of each function as often as of any other."""
    from emulator.sim.arrival import Arrival  # noqa: PLC0415  # not before `_source_only` stands

    chance, at = Random(_SEED), 0.0  # noqa: S311  # a workload is no secret
    while True:
        at += chance.expovariate(rate)
        yield Arrival(at, keys[int(chance.random() * len(keys))])


def simulate(functions: int, rate: float, invocations: int) -> SimulatedLoad:
    """Simulates the workload, and keeps nothing of it but a count."""
    # not before `_source_only` stands, where the interpreted core is to be measured
    from emulator.core.messages.commands import StartSandbox  # noqa: PLC0415
    from emulator.core.model import FunctionVersion  # noqa: PLC0415
    from emulator.core.policy import SchedulerSettings  # noqa: PLC0415
    from emulator.core.scheduler import Scheduler  # noqa: PLC0415
    from emulator.host.compiled import is_compiled  # noqa: PLC0415
    from emulator.sim import workload  # noqa: PLC0415
    from emulator.sim.behaviour import Behaviour  # noqa: PLC0415
    from emulator.sim.distributions import Constant, LogNormal  # noqa: PLC0415
    from emulator.sim.engine import Simulation  # noqa: PLC0415
    from emulator.sim.service import ServiceModel  # noqa: PLC0415

    settings = SchedulerSettings(
        host_memory_mb=_UNLIMITED, account_concurrency=_UNLIMITED, start_width=_UNLIMITED
    )
    versions = [FunctionVersion(f"f{n}", _MEMORY_MB, _TIMEOUT) for n in range(functions)]
    arrivals = islice(_arrivals([version.key for version in versions], rate), invocations)
    model = ServiceModel(_SEED, Behaviour(LogNormal(0.1, 0.5), init=Constant(0.2)))
    scheduler = Scheduler(settings, Random(_SEED))  # noqa: S311
    began, sandboxes = time.process_time(), 0
    for entry in Simulation(scheduler, model).run(workload.stimuli(versions, arrivals)):
        for command in entry.commands:
            sandboxes += type(command) is StartSandbox
    cpu_s = time.process_time() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return SimulatedLoad(functions, rate, invocations, is_compiled(), cpu_s, peak_mb, sandboxes)


def main() -> None:
    """Simulates the load that the arguments describe, and prints what it took."""
    functions, rate, invocations, *options = sys.argv[1:]
    if "--interpreted" in options:
        sys.path_hooks.insert(0, _source_only)
        sys.path_importer_cache.clear()
    print(json.dumps(asdict(simulate(int(functions), float(rate), int(invocations)))))


if __name__ == "__main__":
    main()
