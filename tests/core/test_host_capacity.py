"""How much of the host's memory sandboxes count with, as the scheduler decides by it."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.core.messages.commands import (
    Dispatch,
    FreezeSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import (
    HostMemoryMeasured,
    InvocationFinished,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import FunctionVersion, StartKind, StopReason, ThrottleReason, VersionKey
from emulator.core.policy import Admission
from tests.core.scheduler_host import BIG, ECHO, Host

FULL = ThrottleReason.HOST_MEMORY


def host(memory_mb: int, **settings: Any) -> Host:
    """Echo has 128 MB, big 512 MB."""
    return Host(host_memory_mb=memory_mb, admission=Admission.ACTUAL, start_width=100, **settings)


def finish(here: Host, now: float, sandbox: int, invocation: str, peak_mb: int) -> list[Any]:
    return here.tell(now, InvocationFinished(sandbox, invocation, max_memory_mb=peak_mb))


def starts(here: Host, *invocations: str, key: Any = BIG) -> list[bool]:
    """Whether a sandbox is started for each of these requests at 1.0, or it is throttled."""
    commands = [here.invoke(1.0, invocation, key) for invocation in invocations]
    assert all(len(each) == 1 for each in commands)
    return [isinstance(each[0], StartSandbox) for each in commands]


def test_function_that_was_never_seen_counts_with_a_guess() -> None:
    assert starts(host(600), "a", "b", "c") == [True, True, False]


def test_guess_is_no_more_than_the_functions_size() -> None:
    assert starts(host(256), "a", "b", "c", key=ECHO) == [True, True, False]


def test_nominal_admission_counts_the_functions_size() -> None:
    here = Host(host_memory_mb=1200, start_width=100)
    assert starts(here, "a", "b", "c") == [True, True, False]


@pytest.mark.parametrize("end", [InvocationFinished, RuntimeExited])
def test_sandboxes_count_with_a_quarter_more_than_the_peak_that_was_seen(end: type) -> None:
    here = host(600)
    here.busy(0.0, 1, key=BIG)
    if end is InvocationFinished:
        assert finish(here, 0.5, 1, "r1", 80) == [FreezeSandbox(1)]
        assert here.invoke(0.6, "again", BIG) == [Dispatch(1, "again", StartKind.WARM)]
    else:
        here.tell(0.5, RuntimeExited(1, 1, max_memory_mb=80))
    # 80 * 1.25 + 32 = 132 each: four fit into 600
    assert starts(here, "a", "b", "c", "d") == [True, True, True, False]


def test_peak_that_is_unknown_or_smaller_changes_nothing() -> None:
    here = host(600)
    here.busy(0.0, 1, key=BIG)
    for number, peak_mb in enumerate((0, 80, 20, 0)):
        finish(here, number, 1, "r1" if number == 0 else f"n{number}", peak_mb)
        here.invoke(number + 0.5, f"n{number + 1}", BIG)
    here.scheduler.check()
    assert starts(here, *"abcd")[:4] == [True, True, True, False]


def test_sandboxes_that_turn_out_larger_are_evicted_when_idle() -> None:
    here = host(800)
    here.busy(0.0, 1, 2, 3, key=BIG)
    finish(here, 1.0, 1, "r1", 100)  # 157 each
    assert finish(here, 2.0, 2, "r2", 300) == [
        FreezeSandbox(2),
        StopSandbox(1, StopReason.EVICTED),  # 3 * 407
        StopSandbox(2, StopReason.EVICTED),
    ]
    here.scheduler.check()


def test_queued_sandbox_waits_for_memory_that_is_given_up_and_for_no_other() -> None:
    here = host(600)
    here.idle(0.0, 1, 2, key=BIG)
    assert here.invoke(1.0, "a", ECHO) == [StopSandbox(1, StopReason.EVICTED)]
    assert here.tell(1.1, SandboxGone(1)) == [StartSandbox(3, ECHO, "a")]


def test_new_deployment_counts_with_a_guess_again() -> None:
    here = host(600)
    here.busy(0.0, 1, key=BIG)
    finish(here, 0.5, 1, "r1", 20)
    here.tell(0.6, VersionDeployed(FunctionVersion("big", 512, 3.0, revision=1)))
    here.tell(0.7, SandboxGone(1))
    assert starts(here, "a", "b", "c") == [True, True, False]


def test_no_sandbox_is_started_into_the_reserve_of_what_the_host_has_available() -> None:
    here = host(10_000, host_reserve_mb=100)
    here.tell(0.0, HostMemoryMeasured(700))
    # what starts is not missing from the 700 yet, and what has started is
    assert starts(here, "a", "b", "c") == [True, True, False]
    here.tell(1.1, SandboxReady(1))
    here.tell(1.1, HostMemoryMeasured(690))
    assert starts(here, "d", "e") == [True, False]


def test_idle_sandboxes_are_evicted_where_the_host_has_too_little_left() -> None:
    here = host(10_000, host_reserve_mb=500)
    here.idle(0.0, 1, 2, 3, key=BIG)
    assert here.tell(1.0, HostMemoryMeasured(600)) == []
    commands = here.tell(2.0, HostMemoryMeasured(100))
    assert commands[:1] == [StopSandbox(1, StopReason.EVICTED)]
    assert here.invoke(3.0, "a", ECHO) == [Throttle("a", FULL)]


def test_idle_sandbox_is_evicted_for_the_first_megabyte_of_the_reserve() -> None:
    here = host(1000, host_reserve_mb=100)
    here.idle(1, 1)
    assert here.tell(2, HostMemoryMeasured(100)) == []
    assert here.tell(3, HostMemoryMeasured(99)) == [StopSandbox(1, StopReason.EVICTED)]


def test_nominal_admission_counts_what_is_kept_for_a_snapshot() -> None:
    here = Host(host_memory_mb=1200, start_width=100)
    here.tell(0.0, VersionDeployed(FunctionVersion("kept", 600, 3.0, "1", snapshot=True)))
    assert starts(here, "a", "b") == [True, False]
    here.tell(2.0, VersionRetired(VersionKey.of("kept", "1")))
    assert isinstance(here.invoke(3.0, "c", BIG)[0], StartSandbox)


def test_actual_admission_counts_what_a_snapshot_was_seen_to_have() -> None:
    for seen, fit in ((70, [True, True, False]), (0, [True, False, False])):
        here = host(600)  # two sandboxes that nobody has seen are guessed to have 256 MB each
        kept = FunctionVersion("kept", 600, 3.0, "1", snapshot=True, snapshot_mb=seen)
        here.tell(0.0, VersionDeployed(kept))
        assert starts(here, "a", "b", "c") == fit
