"""Runs the simulator with one function."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from emulator.core.journal import Entry
from emulator.core.messages.events import VersionDeployed
from emulator.core.model import FunctionVersion
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.distributions import Constant
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.workload import at_times, stimuli

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.sim.behaviour import Behaviour


ECHO = FunctionVersion("echo", 128, 3.0)
KEY = ECHO.key
SECOND, HALF = Constant(1.0), Constant(0.5)
TEN = FixedKeepAlive(10.0)


def run(behaviour: Behaviour, times: Iterable[float], **settings: Any) -> list[Entry]:
    """Returns all entries but the first, which deploys echo."""
    scheduler = Scheduler(SchedulerSettings(**settings), random.Random(0))
    simulation = Simulation(scheduler, ServiceModel(0, behaviour))
    entries = list(simulation.run(stimuli([ECHO], at_times(KEY, times))))
    assert entries[0] == Entry(0.0, VersionDeployed(ECHO), ())
    # a run may be longer than memory: nothing is kept of a sandbox that is gone
    assert not simulation.agenda._heap
    assert not simulation.sandboxes._sandboxes
    assert not simulation.agenda._added
    assert not scheduler.sandboxes
    return entries[1:]
