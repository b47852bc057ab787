"""Puts a cell's scenario on the simulator: who sends which request when, as Locust's users do.

Owns what each kind of scenario means as clients (sim.clients), and the times of the loads that a
file or chance decides. All times are those of the emulated Lambda.
"""

from __future__ import annotations

import csv
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, assert_never

from emulator.experiments.plan.scenarios import (
    MINUTE,
    Constant,
    Poisson,
    Ramp,
    SingleRequests,
    Trace,
)
from emulator.sim.clients import Arrivals, Singles, Users

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.sim.clients import Clients


def clients(cell: PlannedCell) -> Clients:
    """Returns the clients of a cell's load."""
    match cell.load:
        case Ramp() as ramp:
            step_s = ramp.seconds / len(ramp.users)
            return Users(ramp.users, step_s, ramp.wait_s)
        case Constant() as constant:
            return Users(constant.users, constant.seconds, constant.wait_s)
        case SingleRequests() as singles:
            minutes = (0.0, *singles.minutes)
            faster = MINUTE / singles.idle_speedup
            return Singles(tuple((at - last) * faster for last, at in pairwise(minutes)))
        case Poisson() as poisson:
            return Arrivals(_poisson(poisson, cell.seed))
        case Trace() as trace:
            return Arrivals(_times(trace.file))
        case _:
            assert_never(cell.load)


def _poisson(poisson: Poisson, seed: int) -> Iterator[float]:
    """Yields the very times at which the locustfile sends, for the same seed."""
    chance = Random(seed)  # noqa: S311  # arrivals are no secret
    at = chance.expovariate(poisson.rate)
    while at < poisson.seconds:
        yield at
        at += chance.expovariate(poisson.rate)


def _times(file: Path) -> Iterator[float]:
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield float(row["at"])
