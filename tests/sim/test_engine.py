from __future__ import annotations

import itertools
import math
import random
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.journal import Entry, replay
from emulator.core.messages import (
    Anatomy,
    Dispatch,
    Fail,
    FreezeSandbox,
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    SandboxGone,
    SandboxReady,
    StartSandbox,
    StopSandbox,
    Throttle,
    TimePassed,
    VersionDeployed,
)
from emulator.core.model import Failure, FunctionVersion, StartKind, StopReason, ThrottleReason
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.engine import Simulation
from emulator.sim.service import Behaviour, Constant, Exponential, Outcome, ServiceModel, Uniform
from emulator.sim.workload import at_times, constant, poisson, stimuli

if TYPE_CHECKING:
    from collections.abc import Iterable

ECHO = FunctionVersion("echo", 128, 3.0)
KEY = ECHO.key
COLD, WARM = StartKind.COLD, StartKind.WARM
PHASES = {
    "create": Constant(0.125),
    "start": Constant(0.25),
    "connect": Constant(0.5),
    "init": Constant(1.0),
    "stop": Constant(0.5),
}
SECOND = Constant(1.0)


def run(behaviour: Behaviour, times: Iterable[float], **settings: Any) -> list[Entry]:
    """All entries but the first, which deploys echo."""
    scheduler = Scheduler(SchedulerSettings(**settings), random.Random(0))
    simulation = Simulation(scheduler, ServiceModel(0, behaviour))
    entries = list(simulation.run(stimuli([ECHO], at_times(KEY, times))))
    assert entries[0] == Entry(0.0, VersionDeployed(ECHO), ())
    # a run may be longer than memory: nothing is kept of a sandbox that is gone
    assert not simulation._heap
    assert not simulation._functions
    assert not simulation._fresh
    assert not set(simulation._awaited) - set(scheduler.sandboxes)
    return entries[1:]


def test_each_command_is_followed_by_what_it_brings_about() -> None:
    behaviour = Behaviour(warm=SECOND, max_memory_mb=36, **PHASES)
    anatomy = Anatomy(0.125, 0.25, 0.5, 1.0)
    assert run(behaviour, [1, 5], keep_alive=FixedKeepAlive(10.0)) == [
        Entry(1.0, InvokeRequested("i1", KEY), (StartSandbox(1, KEY, "i1"),)),
        Entry(2.875, SandboxReady(1, anatomy), (Dispatch(1, "i1", COLD),)),
        Entry(3.875, InvocationFinished(1, "i1", "", 36), (FreezeSandbox(1),)),
        Entry(5.0, InvokeRequested("i2", KEY), (Dispatch(1, "i2", WARM),)),
        Entry(6.0, InvocationFinished(1, "i2", "", 36), (FreezeSandbox(1),)),
        Entry(16.0, TimePassed(), (StopSandbox(1, StopReason.KEEP_ALIVE_ENDED),)),
        Entry(16.5, SandboxGone(1), ()),
    ]


def test_first_call_of_a_sandbox_may_take_longer() -> None:
    behaviour = Behaviour(warm=SECOND, cold=Constant(2.0))
    entries = run(behaviour, [1, 5], keep_alive=FixedKeepAlive(10.0))
    ends = [each.at for each in entries if isinstance(each.event, InvocationFinished)]
    assert ends == [3.0, 6.0]


def test_stopped_sandbox_does_not_answer_any_more() -> None:
    behaviour = Behaviour(warm=Constant(3.25), stop=SECOND)
    assert run(behaviour, [1])[1:] == [
        Entry(1.0, SandboxReady(1), (Dispatch(1, "i1", COLD),)),
        Entry(
            4.0,
            TimePassed(),
            (Fail("i1", Failure.TIMEOUT, 1), StopSandbox(1, StopReason.TIMED_OUT)),
        ),
        Entry(5.0, SandboxGone(1), ()),
    ]


def test_deadline_at_the_time_of_an_event_is_handled_with_it() -> None:
    assert run(Behaviour(warm=Constant(3.0), stop=SECOND), [1])[2:] == [
        Entry(
            4.0,
            InvocationFinished(1, "i1"),
            (Fail("i1", Failure.TIMEOUT, 1), StopSandbox(1, StopReason.TIMED_OUT)),
        ),
        Entry(5.0, SandboxGone(1), ()),
    ]


def test_sandbox_that_exits_at_its_timeout_goes_once() -> None:
    behaviour = Behaviour(warm=Constant(3.0), stop=SECOND, mishaps=((Outcome.EXIT, 1.0),))
    assert run(behaviour, [1])[2:] == [
        Entry(
            4.0,
            SandboxGone(1, 1),
            (Fail("i1", Failure.TIMEOUT, 1), StopSandbox(1, StopReason.TIMED_OUT)),
        ),
    ]


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (Outcome.ERROR, Entry(2.0, InvocationFinished(1, "i1", "Simulated"), (FreezeSandbox(1),))),
        (Outcome.EXIT, Entry(2.0, SandboxGone(1, 1), (Fail("i1", Failure.EXITED, 1, 1),))),
        (
            Outcome.OUT_OF_MEMORY,
            Entry(
                2.0,
                SandboxGone(1, 137, out_of_memory=True),
                (Fail("i1", Failure.OUT_OF_MEMORY, 1, 137),),
            ),
        ),
        (
            Outcome.NEVER,
            Entry(
                4.0,
                TimePassed(),
                (Fail("i1", Failure.TIMEOUT, 1), StopSandbox(1, StopReason.TIMED_OUT)),
            ),
        ),
    ],
)
def test_invocation_may_end_in_other_ways(outcome: Outcome, end: Entry) -> None:
    assert run(Behaviour(warm=SECOND, mishaps=((outcome, 1.0),)), [1])[2] == end


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (
            Outcome.ERROR,
            Entry(
                2.875,
                InitFailed(1, "Simulated"),
                (Fail("i1", Failure.INIT_ERROR, 1), StopSandbox(1, StopReason.INIT_FAILED)),
            ),
        ),
        (Outcome.EXIT, Entry(2.875, SandboxGone(1, 1), (Fail("i1", Failure.EXITED, 1, 1),))),
        (
            Outcome.OUT_OF_MEMORY,
            Entry(
                2.875,
                SandboxGone(1, 137, out_of_memory=True),
                (Fail("i1", Failure.OUT_OF_MEMORY, 1, 137),),
            ),
        ),
        (
            Outcome.START_FAILED,
            Entry(1.125, SandboxGone(1), (Fail("i1", Failure.START_FAILED, 1),)),
        ),
        (
            Outcome.NEVER,
            Entry(
                11.0,
                TimePassed(),
                (Fail("i1", Failure.INIT_TIMEOUT, 1), StopSandbox(1, StopReason.INIT_TIMED_OUT)),
            ),
        ),
    ],
)
def test_start_may_end_in_other_ways(outcome: Outcome, end: Entry) -> None:
    behaviour = Behaviour(warm=SECOND, init_mishaps=((outcome, 1.0),), **PHASES)
    assert run(behaviour, [1])[1] == end


def test_what_happens_at_the_same_time_happens_in_the_order_in_which_it_was_decided() -> None:
    entries = run(Behaviour(warm=SECOND, init=SECOND), [1, 1, 1])
    assert [(each.at, type(each.event), getattr(each.event, "sandbox", 0)) for each in entries] == [
        (1.0, InvokeRequested, 0),
        (1.0, InvokeRequested, 0),
        (1.0, InvokeRequested, 0),
        *((2.0, SandboxReady, sandbox) for sandbox in (1, 2, 3)),
        *((3.0, InvocationFinished, sandbox) for sandbox in (1, 2, 3)),
        (603.0, TimePassed, 0),
        *((603.0, SandboxGone, sandbox) for sandbox in (1, 2, 3)),
    ]


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


def test_endless_workload_is_read_no_further_than_the_run_has_come() -> None:
    service = ServiceModel(0, Behaviour(warm=SECOND))
    simulation = Simulation(Scheduler(SchedulerSettings(), random.Random(0)), service)
    entries = simulation.run(stimuli([ECHO], constant(KEY, 2.0, first=1.0)))
    assert [next(entries).at for _ in range(6)] == [0.0, 1.0, 1.0, 2.0, 3.0, 4.0]


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


def test_stimuli_that_go_back_in_time_are_an_error() -> None:
    service = ServiceModel(0, Behaviour(warm=SECOND))
    simulation = Simulation(Scheduler(SchedulerSettings(), random.Random(0)), service)
    wrong = [(2.0, VersionDeployed(ECHO)), (1.0, InvokeRequested("i1", KEY))]
    with pytest.raises(ValueError, match=r"a stimulus at 1\.0 comes after one at 2\.0"):
        list(simulation.run(wrong))
