"""Runs `testbed bench --simulator`: what the simulator does in a second, and a day would take.

Each workload is simulated twice, in processes of their own: the slope between a short and a long
run is what an invocation takes, without what a start does. Owns the workloads and the page.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass

from emulator.errors import TestbedError
from emulator.experiments.benchmark.simulated import SimulatedLoad
from emulator.host.machine import cpus

_WITHIN = 900.0
_A_DAY = 1_000_000_000
_BUSIEST = _A_DAY / 86_400
_HOUR = 3600.0
_TRIES = 2
_COLUMNS = (
    *("functions", "arrivals/s", "core", "µs an invocation", "invocations/s"),
    *("bytes an invocation", "sandboxes", "10^9: core hours"),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """Names a number of functions and the rate of all their invocations together, a second."""

    functions: int
    rate: float
    short: int
    """Invocations of the short run: as many as it takes to have all sandboxes of a steady state."""
    long: int


WORKLOADS = (
    Workload(1, 100.0, 20_000, 120_000),
    Workload(1000, 100.0, 40_000, 140_000),
    Workload(1000, _BUSIEST, 100_000, 250_000),
)


@dataclass(frozen=True, slots=True)
class Slope:
    """Holds what one more simulated invocation takes."""

    workload: Workload
    compiled: bool
    cpu_us: float
    memory_bytes: float
    sandboxes: int
    """Sandboxes that the long run started."""

    @property
    def rate(self) -> float:
        """Returns the simulated invocations in a second of one core."""
        return 1e6 / self.cpu_us


def run_scale(*, as_json: bool = False) -> int:
    """Measures every workload with each core that is there; prints a page, or JSON."""
    cores = [False]
    first = _simulated(WORKLOADS[0], WORKLOADS[0].short, compiled=True)
    if first.compiled:
        cores.append(True)
    slopes = [_slope(workload, compiled=core) for workload in WORKLOADS for core in cores]
    if as_json:
        print(json.dumps([asdict(slope) | {"rate": slope.rate} for slope in slopes]))
    else:
        print(scale_page(slopes))
    return 0


def _slope(workload: Workload, *, compiled: bool) -> Slope:
    """Returns the slope between the fastest short and the fastest long run of a few.

    Whatever else the machine does can only slow a run.
    """
    print(f"simulating {command(workload, workload.long, compiled=compiled)}", file=sys.stderr)
    short, long = (
        min(
            (_simulated(workload, number, compiled=compiled) for _ in range(_TRIES)),
            key=lambda load: load.cpu_s,
        )
        for number in (workload.short, workload.long)
    )
    more = workload.long - workload.short
    cpu_us = (long.cpu_s - short.cpu_s) / more * 1e6
    memory = (long.peak_mb - short.peak_mb) * 2**20 / more
    return Slope(workload, compiled, cpu_us, memory, long.sandboxes)


def command(workload: Workload, invocations: int, *, compiled: bool) -> str:
    """Returns the command line that simulates a workload."""
    words = f"{workload.functions} {workload.rate:.0f} {invocations}"
    line = f"python -m emulator.experiments.benchmark.simulated {words}"
    return line if compiled else f"{line} --interpreted"


def _simulated(workload: Workload, invocations: int, *, compiled: bool) -> SimulatedLoad:
    words = command(workload, invocations, compiled=compiled).split()[1:]
    try:
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, timeout=_WITHIN, check=True
        )
    except subprocess.CalledProcessError as error:
        raise TestbedError(f"The simulation failed: {error.stderr.strip()}") from error
    return SimulatedLoad(**json.loads(done.stdout))


def scale_page(slopes: list[Slope]) -> str:
    """Returns the page as Markdown."""
    rows = [_row(slope) for slope in slopes]
    commands = [
        f"    {command(slope.workload, slope.workload.long, compiled=slope.compiled)}"
        for slope in slopes
    ]
    compiled = any(slope.compiled for slope in slopes)
    return "\n".join(
        [
            "# What the simulator does in a second, and what a day of 10^9 invocations takes",
            "",
            "Written by `testbed bench --simulator`, on one core of:",
            f"{platform.machine()}, {cpus()} CPUs, load {os.getloadavg()[0]:.1f}, Python "
            + platform.python_version()
            + ".",
            "A row is the slope between a short and a long run, the faster of two each: CPU and",
            "peak memory for one more invocation, the journal read and dropped. Arrivals are",
            "independent, a handler takes .1 s (log-normal), an init .2 s. A day of 10^9",
            f"invocations has {_BUSIEST:,.0f} a second: the last rows are as busy as that.",
            "",
            f"| {' | '.join(_COLUMNS)} |",
            "|--:|--:|:--|--:|--:|--:|--:|--:|",
            *rows,
            "",
            "The long run of each row:",
            "",
            *commands,
            "",
            ""
            if compiled
            else "The compiled core was not there (`make compiled`), so it has no row.\n",
            "A simulation of one host is one process on one core; those of different cells or",
            "parts of a trace share nothing, so that N cores take an Nth of the hours.",
        ]
    ).rstrip()


def _row(slope: Slope) -> str:
    work = slope.workload
    cells = (
        f"{work.functions:,}",
        f"{work.rate:,.0f}",
        "compiled" if slope.compiled else "interpreted",
        f"{slope.cpu_us:.1f}",
        f"{slope.rate:,.0f}",
        f"{slope.memory_bytes:.0f}",
        f"{slope.sandboxes:,}",
        f"{slope.cpu_us * _A_DAY / 1e6 / _HOUR:.1f}",
    )
    return f"| {' | '.join(cells)} |"
