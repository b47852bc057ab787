from __future__ import annotations

import itertools
import math
import random

from emulator.core.journal import Entry, replay
from emulator.core.messages.commands import FreezeSandbox, Throttle
from emulator.core.messages.events import InvocationFinished, InvokeRequested
from emulator.core.model import ThrottleReason
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.distributions import Exponential, Uniform
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.workload import at_times, constant, poisson, stimuli
from tests.sim.echo_run import ECHO, KEY, SECOND, run


def test_throttled_request_brings_nothing_about() -> None:
    assert run(Behaviour(warm=SECOND), [1], account_concurrency=0) == [
        Entry(
            1.0, InvokeRequested("i1", KEY), (Throttle("i1", ThrottleReason.ACCOUNT_CONCURRENCY),)
        )
    ]


MISHAPS = Behaviour(
    warm=Exponential(2.0),
    init=Uniform(0.1, 1.0),
    stop=Uniform(0.0, 0.5),
    init_mishaps=((Outcome.ERROR, 0.1), (Outcome.START_FAILED, 0.1)),
    mishaps=((Outcome.EXIT, 0.1), (Outcome.NEVER, 0.1)),
)


def eventful(seed: int, count: int = 300) -> list[Entry]:
    settings = SchedulerSettings(FixedKeepAlive(2.0), host_memory_mb=512)
    simulation = Simulation(Scheduler(settings, random.Random(seed)), ServiceModel(seed, MISHAPS))
    arrivals = itertools.islice(poisson(KEY, 1.0, random.Random(seed)), count)
    return list(simulation.run(stimuli([ECHO], arrivals)))


def test_same_seed_gives_the_same_journal_and_another_seed_another() -> None:
    assert eventful(1) == eventful(1)
    assert eventful(1) != eventful(2)


def test_replay_of_a_simulated_journal_gives_the_same_commands() -> None:
    settings = SchedulerSettings(FixedKeepAlive(2.0), host_memory_mb=512)
    replay(eventful(1), Scheduler(settings, random.Random(1)))


def test_time_never_goes_back() -> None:
    times = [entry.at for entry in eventful(3)]
    assert times == sorted(times)


def test_run_ends_at_the_time_that_was_set() -> None:
    service = ServiceModel(0, Behaviour(warm=SECOND))
    simulation = Simulation(Scheduler(SchedulerSettings(), random.Random(0)), service)
    entries = list(simulation.run(stimuli([ECHO], constant(KEY, 2.0)), until=9.0))
    assert entries[-1] == Entry(9.0, InvocationFinished(1, "i5"), (FreezeSandbox(1),))


def test_run_ends_though_idle_sandboxes_are_kept_for_ever() -> None:
    service = ServiceModel(0, Behaviour(warm=SECOND))
    settings = SchedulerSettings(FixedKeepAlive(math.inf))
    simulation = Simulation(Scheduler(settings, random.Random(0)), service)
    entries = list(simulation.run(stimuli([ECHO], at_times(KEY, [1.0]))))
    assert entries[-1] == Entry(2.0, InvocationFinished(1, "i1"), (FreezeSandbox(1),))
