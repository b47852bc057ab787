"""The rule of 2020, by hand: the quiet of the function, and the disuse of the sandbox."""

from __future__ import annotations

import random

from emulator.core.messages.commands import Dispatch, StopSandbox
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    SandboxReady,
    TimePassed,
    VersionDeployed,
)
from emulator.core.model import FunctionVersion, StopReason
from emulator.core.policies.function_activity import FunctionActivity
from emulator.core.policies.interface import PolicyChoice
from emulator.core.policy import SchedulerSettings
from emulator.core.scheduler import Scheduler

ECHO = FunctionVersion("echo", 128, 900.0)


def scheduler(least: float = 600.0, most: float = 600.0, spare: float = 1500.0) -> Scheduler:
    choice = PolicyChoice("test", lambda: FunctionActivity(least, most, spare))
    made = Scheduler(SchedulerSettings(policy=choice), random.Random(1))
    made.handle(VersionDeployed(ECHO), 0.0)
    return made


def serve(made: Scheduler, name: str, sandbox: int, at: float, *, cold: bool = False) -> None:
    """Has a sandbox serve one request that takes no time."""
    commands = made.handle(InvokeRequested(name, ECHO.key), at)
    if cold:
        commands = made.handle(SandboxReady(sandbox), at)
    assert [c.sandbox for c in commands if isinstance(c, Dispatch)] == [sandbox]
    made.handle(InvocationFinished(sandbox, name), at)


def two_idle_at_zero(made: Scheduler) -> None:
    for number in (1, 2):
        made.handle(InvokeRequested(f"first{number}", ECHO.key), 0.0)
    for number in (1, 2):
        made.handle(SandboxReady(number), 0.0)
    for number in (1, 2):
        made.handle(InvocationFinished(number, f"first{number}"), 0.0)


def test_sandbox_that_serves_alone_ends_with_its_functions_quiet() -> None:
    made = scheduler()
    serve(made, "a", 1, 0.0, cold=True)
    assert made.handle(TimePassed(), 599.9) == []
    assert made.handle(TimePassed(), 600.0) == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]


def test_unused_sandbox_outlives_the_quiet_while_another_of_its_function_works() -> None:
    made = scheduler()
    two_idle_at_zero(made)
    for minute in range(1, 25):  # the most recently used serves every minute
        serve(made, f"m{minute}", 2, minute * 60.0)
    assert made.handle(TimePassed(), 1499.9) == []
    assert made.handle(TimePassed(), 1500.0) == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]


def test_all_sandboxes_end_together_when_nobody_asks_any_more() -> None:
    made = scheduler()
    two_idle_at_zero(made)
    serve(made, "last", 2, 300.0)
    assert made.handle(TimePassed(), 899.9) == []
    stopped = made.handle(TimePassed(), 900.0)
    assert {c.sandbox for c in stopped if isinstance(c, StopSandbox)} == {1, 2}


def test_request_that_runs_longer_than_the_quiet_keeps_the_others() -> None:
    made = scheduler()
    two_idle_at_zero(made)
    made.handle(InvokeRequested("long", ECHO.key), 10.0)
    assert made.handle(TimePassed(), 800.0) == []
    made.handle(InvocationFinished(2, "long"), 850.0)
    assert made.handle(TimePassed(), 1449.0) == []
    assert len(made.handle(TimePassed(), 1450.0)) == 2


def test_each_sandbox_draws_a_quiet_between_the_two_ends() -> None:
    ends = set()
    for seed in range(40):
        made = Scheduler(
            SchedulerSettings(policy=PolicyChoice("test", FunctionActivity)), random.Random(seed)
        )
        made.handle(VersionDeployed(ECHO), 0.0)
        serve(made, "a", 1, 0.0, cold=True)
        deadline = made.next_deadline()
        assert deadline is not None
        assert 600.0 <= deadline <= 660.0
        ends.add(round(deadline))
    assert len(ends) > 20
