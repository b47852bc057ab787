from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.journal import Entry
from emulator.core.messages.commands import (
    Dispatch,
    Fail,
    FreezeSandbox,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
)
from emulator.core.messages.events import (
    InitBegan,
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    TimePassed,
    VersionDeployed,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import Failure, StartKind, StopReason
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.behaviour import Answer, Behaviour, Outcome, Start
from emulator.sim.distributions import Constant
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.workload import at_times, stimuli
from tests.sim.echo_run import ECHO, HALF, KEY, SECOND, TEN, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.messages.events import Event
    from emulator.sim.workload import Stimulus


COLD, WARM = StartKind.COLD, StartKind.WARM
PHASES: dict[str, Any] = {
    "create": Constant(0.125),
    "start": Constant(0.25),
    "connect": Constant(0.5),
    "init": Constant(1.0),
    "stop": Constant(0.5),
}


class Scripted:
    """Makes every sandbox at once, and answers as a test says."""

    def __init__(self, answer: Callable[[bool], Answer]) -> None:
        self._answer = answer

    def start(
        self,
        function: str,  # noqa: ARG002
        sandbox: int,  # noqa: ARG002
        *,
        specialised: bool = False,  # noqa: ARG002
    ) -> Start:
        return Start(Outcome.OK, Anatomy())

    def stem_cell(self, cell: int) -> float:  # noqa: ARG002
        return 0.0

    def restart(self, function: str, sandbox: int, number: int) -> Start:  # noqa: ARG002
        return Start(Outcome.OK, Anatomy())

    def reset(self, function: str, sandbox: int, number: int) -> float:  # noqa: ARG002
        return 0.0

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:  # noqa: ARG002
        return self._answer(first)

    def stop(self, function: str, sandbox: int) -> float:  # noqa: ARG002
        return 0.0


def asked(name: str) -> InvokeRequested:
    return InvokeRequested(name, KEY)


def after_dispatch(entries: list[Entry]) -> list[Entry]:
    """What follows on the first one."""
    dispatched = [any(isinstance(c, Dispatch) for c in entry.commands) for entry in entries]
    return entries[dispatched.index(True) + 1 :]


def test_each_command_is_followed_by_what_it_brings_about() -> None:
    behaviour = Behaviour(warm=SECOND, max_memory_mb=36, **PHASES)
    anatomy = Anatomy(0.125, 0.25, 0.5, 1.0)
    assert run(behaviour, [1, 5], keep_alive=FixedKeepAlive(10.0)) == [
        Entry(1.0, InvokeRequested("i1", KEY), (StartSandbox(1, KEY, "i1"),)),
        Entry(1.375, InitBegan(1), ()),
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


LAST = [
    Entry(14.5, TimePassed(), (StopSandbox(1, StopReason.KEEP_ALIVE_ENDED),)),
    Entry(15.5, SandboxGone(1), ()),
]
"""Of a sandbox that was frozen at 4.5 and lives 10 s."""
TIMED_OUT = (Fail("i1", Failure.TIMEOUT, 1), ResetSandbox(1, Failure.TIMEOUT))


def test_sandbox_that_is_reset_does_not_answer_any_more() -> None:
    behaviour = Behaviour(warm=Constant(3.25), stop=SECOND, reset=HALF)
    assert after_dispatch(run(behaviour, [1], keep_alive=TEN)) == [
        Entry(4.0, TimePassed(), TIMED_OUT),
        Entry(4.5, SandboxReset(1), (FreezeSandbox(1),)),
        *LAST,
    ]


def test_sandbox_that_is_stopped_while_busy_does_not_answer_any_more() -> None:
    behaviour = Behaviour(warm=Constant(3.25), stop=SECOND)
    stop = StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)
    assert after_dispatch(run(behaviour, [1], keep_alive=FixedKeepAlive(0.0))) == [
        Entry(4.0, TimePassed(), (Fail("i1", Failure.TIMEOUT, 1), stop)),
        Entry(5.0, SandboxGone(1), ()),
    ]


@pytest.mark.parametrize(
    ("mishaps", "event"),
    [((), InvocationFinished(1, "i1")), (((Outcome.EXIT, 1.0),), RuntimeExited(1, 1))],
)
def test_what_ends_at_its_timeout_has_timed_out(
    mishaps: tuple[tuple[Outcome, float], ...], event: Event
) -> None:
    behaviour = Behaviour(warm=Constant(3.0), stop=SECOND, reset=HALF, mishaps=mishaps)
    assert after_dispatch(run(behaviour, [1], keep_alive=TEN)) == [
        Entry(4.0, event, TIMED_OUT),
        Entry(4.5, SandboxReset(1), (FreezeSandbox(1),)),
        *LAST,
    ]


def test_handler_that_fails_has_answered() -> None:
    behaviour = Behaviour(warm=SECOND, mishaps=((Outcome.ERROR, 1.0),))
    entries = after_dispatch(run(behaviour, [1]))
    assert entries[0] == Entry(2.0, InvocationFinished(1, "i1", "Simulated"), (FreezeSandbox(1),))


@pytest.mark.parametrize(
    ("outcome", "at", "event", "failed"),
    [
        (Outcome.EXIT, 3.875, RuntimeExited(1, 1), Fail("i1", Failure.EXITED, 1, 1)),
        (
            Outcome.OUT_OF_MEMORY,
            3.875,
            RuntimeExited(1, 137, out_of_memory=True, max_memory_mb=128),
            Fail("i1", Failure.OUT_OF_MEMORY, 1, 137),
        ),
        (Outcome.NEVER, 5.875, TimePassed(), Fail("i1", Failure.TIMEOUT, 1)),
    ],
)
def test_invocation_that_fails_resets_its_sandbox_and_the_next_one_starts_with_an_init(
    outcome: Outcome, at: float, event: Event, failed: Fail
) -> None:
    behaviour = Behaviour(warm=SECOND, mishaps=((outcome, 1.0),), reset=HALF, **PHASES)
    assert after_dispatch(run(behaviour, [1, 10], keep_alive=TEN))[:4] == [
        Entry(at, event, (failed, ResetSandbox(1, failed.failure))),
        Entry(at + 0.5, SandboxReset(1), (FreezeSandbox(1),)),
        Entry(10.0, InvokeRequested("i2", KEY), (Dispatch(1, "i2", StartKind.SUPPRESSED),)),
        Entry(11.5, SandboxReady(1, Anatomy(connect=0.5, init=1.0)), ()),
    ]


def test_runtime_that_ends_after_an_answer_has_the_memory_of_that() -> None:
    answers = iter((Answer(Outcome.OK, 1.0, max_memory_mb=36), Answer(Outcome.EXIT, 1.0)))

    simulation = Simulation(
        Scheduler(SchedulerSettings(), random.Random(0)), Scripted(lambda _: next(answers))
    )
    entries = list(simulation.run(stimuli([ECHO], at_times(KEY, [1.0, 3.0])), until=4.0))
    assert entries[-2].event == RuntimeExited(1, 0, max_memory_mb=36)


def test_first_call_after_a_reset_takes_as_long_as_a_first_one() -> None:
    seen: list[bool] = []

    def answer(first: bool) -> Answer:
        seen.append(first)
        outcome = Outcome.EXIT if len(seen) == 2 else Outcome.OK
        return Answer(outcome, 1.0)

    simulation = Simulation(Scheduler(SchedulerSettings(), random.Random(0)), Scripted(answer))
    for _ in simulation.run(stimuli([ECHO], at_times(KEY, [1.0, 3.0, 5.0, 7.0])), until=9.0):
        pass
    assert seen == [True, False, True, False]


@pytest.mark.parametrize(
    ("outcome", "event", "failed"),
    [
        (Outcome.ERROR, InitFailed(1, "Simulated"), Fail("i1", Failure.INIT_ERROR, 1)),
        (Outcome.EXIT, RuntimeExited(1, 1), Fail("i1", Failure.EXITED, 1, 1)),
        (
            Outcome.OUT_OF_MEMORY,
            RuntimeExited(1, 137, out_of_memory=True, max_memory_mb=128),
            Fail("i1", Failure.OUT_OF_MEMORY, 1, 137),
        ),
    ],
)
def test_init_that_fails_is_tried_again_within_the_invocation(
    outcome: Outcome, event: Event, failed: Fail
) -> None:
    behaviour = Behaviour(warm=SECOND, init_mishaps=((outcome, 1.0),), reset=HALF, **PHASES)
    assert run(behaviour, [1])[1:6] == [
        Entry(1.375, InitBegan(1), ()),
        Entry(2.875, event, (ResetSandbox(1, failed.failure),)),
        Entry(3.375, SandboxReset(1), (Dispatch(1, "i1", COLD),)),
        Entry(4.875, event, (failed, ResetSandbox(1, failed.failure))),
        Entry(5.375, SandboxReset(1), (FreezeSandbox(1),)),
    ]


def test_init_that_never_ends_is_tried_again_until_the_functions_timeout() -> None:
    never = ((Outcome.NEVER, 1.0),)
    behaviour = Behaviour(warm=SECOND, init_mishaps=never, reset=HALF, **PHASES)
    assert run(behaviour, [1])[1:6] == [
        Entry(1.375, InitBegan(1), ()),
        Entry(11.375, TimePassed(), (ResetSandbox(1, Failure.INIT_TIMEOUT),)),
        Entry(11.875, SandboxReset(1), (Dispatch(1, "i1", COLD),)),
        Entry(14.875, TimePassed(), TIMED_OUT),
        Entry(15.375, SandboxReset(1), (FreezeSandbox(1),)),
    ]


def test_sandbox_that_cannot_be_made_is_gone() -> None:
    behaviour = Behaviour(warm=SECOND, init_mishaps=((Outcome.START_FAILED, 1.0),), **PHASES)
    assert run(behaviour, [1])[1:] == [
        Entry(1.125, SandboxGone(1), (Fail("i1", Failure.START_FAILED, 1),))
    ]


def test_provisioned_sandboxes_start_with_no_request() -> None:
    simulation = Simulation(
        Scheduler(SchedulerSettings(), random.Random(0)),
        ServiceModel(0, Behaviour(warm=SECOND, **PHASES)),
    )
    told: list[Stimulus] = [
        (0.0, VersionDeployed(ECHO)),
        (1.0, ProvisionedSet(KEY, 1)),
        (9.0, asked("i1")),
    ]
    assert list(simulation.run(told))[1:] == [
        Entry(1.0, ProvisionedSet(KEY, 1), (StartSandbox(1, KEY, None),)),
        Entry(1.375, InitBegan(1), ()),
        Entry(2.875, SandboxReady(1, Anatomy(0.125, 0.25, 0.5, 1.0)), (FreezeSandbox(1),)),
        Entry(9.0, asked("i1"), (Dispatch(1, "i1", StartKind.PROVISIONED),)),
        Entry(10.0, InvocationFinished(1, "i1"), (FreezeSandbox(1),)),
    ]
