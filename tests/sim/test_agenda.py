from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from emulator.core.messages.events import (
    InitBegan,
    InvocationFinished,
    InvokeRequested,
    SandboxGone,
    SandboxReady,
    TimePassed,
    VersionDeployed,
)
from emulator.core.policy import SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.behaviour import Behaviour
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.workload import constant, stimuli
from tests.sim.echo_run import ECHO, HALF, KEY, SECOND, run

if TYPE_CHECKING:
    from emulator.sim.workload import Stimulus


QUICK = Behaviour(warm=HALF)


def test_what_happens_at_the_same_time_happens_in_the_order_in_which_it_was_decided() -> None:
    entries = run(Behaviour(warm=SECOND, init=SECOND), [1, 1, 1])
    assert [(each.at, type(each.event), getattr(each.event, "sandbox", 0)) for each in entries] == [
        (1.0, InvokeRequested, 0),
        (1.0, InvokeRequested, 0),
        (1.0, InitBegan, 1),  # decided before the third request was read
        (1.0, InvokeRequested, 0),
        *((1.0, InitBegan, sandbox) for sandbox in (2, 3)),
        *((2.0, SandboxReady, sandbox) for sandbox in (1, 2, 3)),
        *((3.0, InvocationFinished, sandbox) for sandbox in (1, 2, 3)),
        (603.0, TimePassed, 0),
        *((603.0, SandboxGone, sandbox) for sandbox in (1, 2, 3)),
    ]


def test_added_event_that_is_withdrawn_does_not_happen() -> None:
    simulation = Simulation(
        Scheduler(SchedulerSettings(), random.Random(0)), ServiceModel(0, QUICK)
    )
    entries = simulation.run(stimuli([ECHO], []))
    next(entries)
    first = simulation.agenda.add(1.0, InvokeRequested("a", ECHO.key))
    simulation.agenda.add(2.0, InvokeRequested("b", ECHO.key))
    simulation.agenda.withdraw(first)
    assert next(entries).event == InvokeRequested("b", ECHO.key)
    simulation.agenda.withdraw(first)  # of no effect any more


def test_reminder_calls_at_its_time_and_is_no_event() -> None:
    simulation = Simulation(
        Scheduler(SchedulerSettings(), random.Random(0)), ServiceModel(0, QUICK)
    )
    called: list[float] = []
    simulation.agenda.remind(1.0, called.append)
    number = simulation.agenda.remind(2.0, called.append)
    simulation.agenda.withdraw(number)
    events = [entry.event for entry in simulation.run([(3.0, VersionDeployed(ECHO))])]
    assert called == [1.0]
    assert events == [VersionDeployed(ECHO)]


def test_endless_workload_is_read_no_further_than_the_run_has_come() -> None:
    service = ServiceModel(0, Behaviour(warm=SECOND))
    simulation = Simulation(Scheduler(SchedulerSettings(), random.Random(0)), service)
    entries = simulation.run(stimuli([ECHO], constant(KEY, 2.0, first=1.0)))
    assert [next(entries).at for _ in range(7)] == [0.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0]


def test_stimuli_that_go_back_in_time_are_an_error() -> None:
    service = ServiceModel(0, Behaviour(warm=SECOND))
    simulation = Simulation(Scheduler(SchedulerSettings(), random.Random(0)), service)
    wrong: list[Stimulus] = [(2.0, VersionDeployed(ECHO)), (1.0, InvokeRequested("i1", KEY))]
    with pytest.raises(ValueError, match=r"a stimulus at 1\.0 comes after one at 2\.0"):
        list(simulation.run(wrong))
