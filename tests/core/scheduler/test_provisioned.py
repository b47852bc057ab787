"""Provisioned concurrency. Each test asserts the whole list of commands."""

from __future__ import annotations

import pytest

from emulator.core.messages.commands import (
    Command,
    Dispatch,
    Fail,
    FreezeSandbox,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import (
    Event,
    InitBegan,
    InitFailed,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import Failure, FunctionVersion, StartKind, StopReason, ThrottleReason
from emulator.core.policy import Binding, FixedKeepAlive, RecycleAge
from emulator.core.provisioning import Provisioned
from tests.core.scheduler_host import BIG, ECHO, Host

COLD, WARM, SUPPRESSED = StartKind.COLD, StartKind.WARM, StartKind.SUPPRESSED
PROVISIONED = StartKind.PROVISIONED


class ProvisionedHost(Host):
    def provision(self, now: float, count: int, key: str = ECHO) -> list[Command]:
        return self.tell(now, ProvisionedSet(key, count))

    def stand_ready(self, now: float, count: int) -> None:
        """Sandboxes 1 to `count` of echo are provisioned and idle."""
        self.provision(now, count)
        for sandbox in range(1, count + 1):
            assert FreezeSandbox(sandbox) in self.tell(now, SandboxReady(sandbox))


# they start and serve


def test_provisioned_sandboxes_start_with_no_request() -> None:
    host = ProvisionedHost()
    assert host.provision(1, 2) == [StartSandbox(1, ECHO, None), StartSandbox(2, ECHO, None)]
    assert host.tell(2, SandboxReady(1)) == [FreezeSandbox(1)]
    assert host.tell(2, SandboxReady(2)) == [FreezeSandbox(2)]


def test_provisioned_sandboxes_go_through_the_start_queue() -> None:
    host = ProvisionedHost(start_width=1)
    assert host.provision(1, 2) == [StartSandbox(1, ECHO, None)]
    assert host.invoke(1, "a") == []
    assert host.tell(2, SandboxReady(1)) == [FreezeSandbox(1), StartSandbox(2, ECHO, None)]
    assert host.tell(3, SandboxReady(2)) == [FreezeSandbox(2), StartSandbox(3, ECHO, "a")]


def test_provisioned_sandbox_is_kept_for_ever() -> None:
    host = ProvisionedHost(keep_alive=FixedKeepAlive(0))
    host.stand_ready(1, 1)
    assert host.scheduler.next_deadline() is None
    assert host.invoke(1e6, "a") == [Dispatch(1, "a", PROVISIONED)]
    assert host.finish(1e6 + 1, 1, "a") == [FreezeSandbox(1)]


def test_request_prefers_a_provisioned_sandbox_and_spills_over_to_those_on_demand() -> None:
    host = ProvisionedHost()
    host.idle(1, 1)
    assert host.provision(1, 1) == [StartSandbox(2, ECHO, None)]
    host.tell(1, SandboxReady(2))
    assert host.invoke(2, "a") == [Dispatch(2, "a", PROVISIONED)]
    assert host.invoke(2, "b") == [Dispatch(1, "b", WARM)]
    assert host.invoke(2, "c") == [StartSandbox(3, ECHO, "c")]
    assert host.tell(3, SandboxReady(3)) == [Dispatch(3, "c", COLD)]


@pytest.mark.parametrize("binding", Binding)
def test_sandbox_that_is_being_provisioned_takes_no_request_that_waits(binding: Binding) -> None:
    host = ProvisionedHost(binding=binding)
    host.provision(1, 1)
    assert host.invoke(1, "a") == [StartSandbox(2, ECHO, "a")]
    assert host.tell(2, SandboxReady(1)) == [FreezeSandbox(1)]
    assert host.tell(3, SandboxReady(2)) == [Dispatch(2, "a", COLD)]


def test_provisioning_of_an_unknown_version_does_nothing() -> None:
    host = ProvisionedHost()
    assert host.provision(1, 3, "nobody:$LATEST") == []
    assert host.tell(1, TimePassed()) == []


# the number changes


def test_more_provisioned_concurrency_starts_what_is_missing() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 1)
    assert host.provision(2, 3) == [StartSandbox(2, ECHO, None), StartSandbox(3, ECHO, None)]
    assert host.provision(2, 3) == []


def test_less_provisioned_concurrency_stops_idle_sandboxes_the_oldest_first() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 3)
    assert host.provision(2, 1) == [
        StopSandbox(1, StopReason.DEPROVISIONED),
        StopSandbox(2, StopReason.DEPROVISIONED),
    ]
    assert host.invoke(3, "a") == [Dispatch(3, "a", PROVISIONED)]


def test_busy_sandbox_that_is_no_longer_provisioned_finishes_and_stops() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 1)
    host.invoke(2, "a")
    assert host.provision(2, 0) == []
    assert host.finish(3, 1, "a") == [StopSandbox(1, StopReason.DEPROVISIONED)]
    assert host.invoke(4, "b") == [StartSandbox(2, ECHO, "b")]


def test_starting_sandbox_that_is_no_longer_wanted_stops_and_a_queued_one_never_starts() -> None:
    host = ProvisionedHost(start_width=1)
    assert host.provision(1, 2) == [StartSandbox(1, ECHO, None)]
    assert host.provision(2, 0) == []
    assert sorted(host.scheduler.sandboxes) == [1]
    assert host.tell(3, SandboxReady(1)) == [StopSandbox(1, StopReason.DEPROVISIONED)]


def test_dropping_a_queued_sandbox_leaves_no_place_empty() -> None:
    host = ProvisionedHost(start_width=1)
    host.provision(1, 2)
    assert host.provision(2, 1) == []
    assert host.tell(3, SandboxReady(1)) == [FreezeSandbox(1)]
    assert host.tell(4, SandboxGone(1, 1)) == [StartSandbox(3, ECHO, None)]


def test_number_that_goes_down_and_up_again_keeps_what_is_busy() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 1)
    host.invoke(2, "a")
    host.provision(2, 0)
    assert host.provision(3, 1) == []
    assert host.finish(4, 1, "a") == [FreezeSandbox(1)]


# deployments


def test_new_deployment_ends_provisioned_concurrency_until_it_is_set_again() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 2)
    host.invoke(2, "a")
    assert host.deploy(2, 1) == [StopSandbox(1, StopReason.RETIRED)]
    assert host.finish(3, 2, "a") == [StopSandbox(2, StopReason.RETIRED)]
    assert host.provision(4, 1) == [StartSandbox(3, ECHO, None)]
    assert host.scheduler.sandboxes[3].function.revision == 1


def test_new_deployment_drops_provisioned_sandboxes_that_are_still_queued() -> None:
    host = ProvisionedHost(start_width=1)
    host.provision(1, 3)
    assert host.deploy(2, 1) == []
    assert sorted(host.scheduler.sandboxes) == [1]
    assert host.tell(3, SandboxReady(1)) == [StopSandbox(1, StopReason.RETIRED)]


def test_provisioned_sandboxes_of_a_retired_version_stop() -> None:
    host = ProvisionedHost(account_concurrency=2)
    host.stand_ready(1, 2)
    assert host.tell(2, VersionRetired(ECHO)) == [
        StopSandbox(1, StopReason.RETIRED),
        StopSandbox(2, StopReason.RETIRED),
    ]
    assert host.invoke(2, "b", BIG) == [StartSandbox(3, BIG, "b")]


# failures


@pytest.mark.parametrize("end", [InitFailed(1), RuntimeExited(1, 1)])
def test_provisioned_init_that_fails_is_not_repeated_until_the_number_is_set_again(
    end: Event,
) -> None:
    host = ProvisionedHost()
    host.provision(1, 1)
    assert host.tell(2, end) == [StopSandbox(1, StopReason.INIT_FAILED)]
    assert host.tell(3, SandboxGone(1)) == []
    assert host.tell(99, TimePassed()) == []
    assert host.provision(100, 1) == [StartSandbox(2, ECHO, None)]


def test_provisioned_sandbox_that_cannot_be_made_is_not_made_again() -> None:
    host = ProvisionedHost(start_timeout=20.0)
    host.provision(1, 2)
    assert host.tell(2, SandboxGone(1)) == []
    assert host.tell(21, TimePassed()) == [StopSandbox(2, StopReason.START_TIMED_OUT)]
    assert host.tell(22, SandboxGone(2)) == []


@pytest.mark.parametrize(("timeout", "limit"), [(3.0, 130.0), (900.0, 900.0)])
def test_provisioned_init_may_take_130_seconds_or_as_long_as_the_function(
    timeout: float, limit: float
) -> None:
    host = ProvisionedHost()
    host.tell(0, VersionDeployed(FunctionVersion("echo", 128, timeout)))
    host.provision(1, 1)
    assert host.tell(5, InitBegan(1)) == []
    assert host.scheduler.next_deadline() == 5 + limit
    assert host.tell(5 + limit, TimePassed()) == [StopSandbox(1, StopReason.INIT_TIMED_OUT)]


def test_provisioned_sandbox_that_ends_on_its_own_is_replaced() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 1)
    assert host.tell(2, SandboxGone(1, 1)) == [StartSandbox(2, ECHO, None)]


def test_provisioned_sandbox_that_ends_while_busy_fails_its_request_and_is_replaced() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 1)
    host.invoke(2, "a")
    assert host.tell(3, SandboxGone(1, 1)) == [
        Fail("a", Failure.EXITED, 1, 1),
        StartSandbox(2, ECHO, None),
    ]


def test_provisioned_sandbox_is_reset_as_any_other_and_stays_provisioned() -> None:
    host = ProvisionedHost(keep_alive=FixedKeepAlive(0))
    host.stand_ready(1, 1)
    host.invoke(2, "a")
    assert host.tell(3, RuntimeExited(1, 1)) == [
        Fail("a", Failure.EXITED, 1, 1),
        ResetSandbox(1, Failure.EXITED),
    ]
    assert host.tell(4, SandboxReset(1)) == [FreezeSandbox(1)]
    assert host.invoke(5, "b") == [Dispatch(1, "b", SUPPRESSED)]
    assert host.tell(6, SandboxReady(1)) == []
    assert host.finish(7, 1, "b") == [FreezeSandbox(1)]
    assert host.invoke(8, "c") == [Dispatch(1, "c", PROVISIONED)]


def test_idle_provisioned_sandbox_whose_runtime_ends_is_reset() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 1)
    assert host.tell(2, RuntimeExited(1, 1)) == [ResetSandbox(1, Failure.EXITED)]
    assert host.invoke(2, "a") == [StartSandbox(2, ECHO, "a")]
    assert host.tell(3, SandboxReset(1)) == [FreezeSandbox(1)]


def test_provisioned_sandbox_that_fails_when_it_is_no_longer_wanted_is_stopped() -> None:
    host = ProvisionedHost()
    host.stand_ready(1, 1)
    host.invoke(2, "a")
    host.provision(2, 0)
    assert host.tell(5, TimePassed()) == [
        Fail("a", Failure.TIMEOUT, 1),
        StopSandbox(1, StopReason.DEPROVISIONED),
    ]


def test_provisioned_sandbox_is_replaced_when_it_is_recycled() -> None:
    host = ProvisionedHost(recycle_age=RecycleAge(100, 100))
    host.stand_ready(1, 1)
    assert host.scheduler.next_deadline() == 101
    assert host.tell(101, TimePassed()) == [
        StopSandbox(1, StopReason.RECYCLED),
        StartSandbox(2, ECHO, None),
    ]


# room on the host


def test_provisioned_sandboxes_start_as_far_as_there_is_room_and_evict_nobody() -> None:
    host = ProvisionedHost(host_memory_mb=384)
    host.idle(1, 1, 2)
    assert host.provision(2, 2) == [StartSandbox(3, ECHO, None)]
    assert host.tell(3, SandboxReady(3)) == [FreezeSandbox(3)]
    assert host.tell(4, SandboxGone(1, 0)) == [StartSandbox(4, ECHO, None)]


def test_provisioned_sandbox_that_lacks_a_megabyte_is_not_started() -> None:
    host = ProvisionedHost(host_memory_mb=255)
    assert host.provision(1, 2) == [StartSandbox(1, ECHO, None)]


def test_provisioned_sandbox_is_not_evicted() -> None:
    host = ProvisionedHost(host_memory_mb=512)
    host.stand_ready(1, 1)
    assert host.invoke(2, "big", BIG) == [Throttle("big", ThrottleReason.HOST_MEMORY)]
    assert host.invoke(2, "a") == [Dispatch(1, "a", PROVISIONED)]


def test_provisioned_sandbox_waits_in_the_queue_for_one_that_is_stopping() -> None:
    host = ProvisionedHost(host_memory_mb=128, keep_alive=FixedKeepAlive(1))
    host.idle(1, 1)
    assert host.tell(1, ProvisionedSet(ECHO, 1)) == []
    assert host.tell(2, TimePassed()) == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]
    assert host.tell(3, SandboxGone(1)) == [StartSandbox(2, ECHO, None)]


# concurrency


def test_provisioned_concurrency_is_taken_from_the_accounts() -> None:
    host = ProvisionedHost(account_concurrency=3)
    host.stand_ready(1, 2)
    host.busy(1, 3, key=BIG)
    assert host.invoke(2, "b", BIG) == [Throttle("b", ThrottleReason.ACCOUNT_CONCURRENCY)]
    assert host.invoke(2, "c") == [Dispatch(2, "c", PROVISIONED)]
    assert host.invoke(2, "d") == [Dispatch(1, "d", PROVISIONED)]
    assert host.invoke(2, "e") == [Throttle("e", ThrottleReason.ACCOUNT_CONCURRENCY)]
    host.finish(3, 3, "r3")
    assert host.invoke(3, "f") == [StartSandbox(4, ECHO, "f")]


def test_provisioned_concurrency_is_a_part_of_a_reservation() -> None:
    host = ProvisionedHost(account_concurrency=3)
    host.tell(0, ReservedConcurrencySet("echo", 2))
    host.stand_ready(1, 1)
    assert host.invoke(2, "a") == [Dispatch(1, "a", PROVISIONED)]
    assert host.invoke(2, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.invoke(2, "c") == [Throttle("c", ThrottleReason.RESERVED_CONCURRENCY)]
    assert host.invoke(2, "d", BIG) == [StartSandbox(3, BIG, "d")]
    assert host.invoke(2, "e", BIG) == [Throttle("e", ThrottleReason.ACCOUNT_CONCURRENCY)]


def test_room_that_provisioned_concurrency_gives_back_is_the_accounts_again() -> None:
    host = ProvisionedHost(account_concurrency=1)
    host.stand_ready(1, 1)
    assert host.invoke(2, "a", BIG) == [Throttle("a", ThrottleReason.ACCOUNT_CONCURRENCY)]
    host.provision(3, 0)
    assert host.invoke(3, "b", BIG) == [StartSandbox(2, BIG, "b")]


def test_retired_version_leaves_what_other_versions_have_provisioned() -> None:
    host = ProvisionedHost(account_concurrency=2)
    versions = [FunctionVersion("echo", 128, 3.0, version=version) for version in ("1", "2")]
    for function in versions:
        host.tell(1, VersionDeployed(function))
        host.provision(1, 1, function.key)
    assert host.invoke(2, "a") == [Throttle("a", ThrottleReason.ACCOUNT_CONCURRENCY)]
    host.tell(3, VersionRetired(versions[0].key))
    assert host.invoke(4, "b") == [StartSandbox(3, ECHO, "b")]
    assert host.invoke(4, "c") == [Throttle("c", ThrottleReason.ACCOUNT_CONCURRENCY)]


def test_new_deployment_gives_provisioned_room_back() -> None:
    host = ProvisionedHost(account_concurrency=1)
    host.stand_ready(1, 1)
    host.deploy(2, 1)
    assert host.tell(2, InvokeRequested("a", ECHO)) == [StartSandbox(2, ECHO, "a")]


def test_end_of_an_invocation_on_a_provisioned_sandbox_makes_no_room_for_others() -> None:
    host = ProvisionedHost(account_concurrency=2)
    host.stand_ready(1, 1)
    host.busy(1, 2, key=BIG)
    assert host.invoke(2, "a") == [Dispatch(1, "a", PROVISIONED)]
    assert host.finish(3, 1, "a") == [FreezeSandbox(1)]
    assert host.invoke(3, "b", BIG) == [Throttle("b", ThrottleReason.ACCOUNT_CONCURRENCY)]


def test_what_stands_ready_is_told_and_what_is_given_up() -> None:
    host = Host()
    assert host.scheduler.provisioned(ECHO) == Provisioned(0, 0)
    host.tell(1, ProvisionedSet(ECHO, 2))
    assert host.scheduler.provisioned(ECHO) == Provisioned(0, 0)
    for sandbox in (1, 2):
        host.tell(2, InitBegan(sandbox))
    host.tell(3, SandboxReady(1))
    host.tell(3, InitFailed(2))
    assert host.scheduler.provisioned(ECHO) == Provisioned(1, 1)
    host.invoke(4, "a")
    assert host.scheduler.provisioned(ECHO) == Provisioned(1, 1)
    host.tell(5, ProvisionedSet(ECHO, 0))
    assert host.scheduler.provisioned(ECHO).given_up == 0
