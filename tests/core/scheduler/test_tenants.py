"""Functions that are isolated by tenant: a sandbox serves one tenant alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.messages.commands import (
    Dispatch,
    FreezeSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import (
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    SandboxGone,
    SandboxReady,
    VersionDeployed,
)
from emulator.core.model import FunctionVersion, StartKind, StopReason, ThrottleReason, VersionKey
from emulator.core.policies.interface import PolicyChoice
from emulator.core.policies.prewarming import Prewarming
from emulator.core.policy import Binding
from emulator.core.scheduler import TenantError
from emulator.core.tenancy import NO_TENANT_WANTED, TENANT_WANTED
from tests.core.scheduler_host import ECHO, Host

if TYPE_CHECKING:
    from emulator.core.messages.commands import Command

SHOP = VersionKey.of("shop")
WARM, COLD = StartKind.WARM, StartKind.COLD


class Shop(Host):
    """Has a third function, shop of 128 MB, that is isolated by tenant."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.redeploy(0)

    def redeploy(self, now: float, revision: int = 0) -> list[Command]:
        function = FunctionVersion("shop", 128, 3.0, revision=revision, per_tenant=True)
        return self.tell(now, VersionDeployed(function))

    def ask(self, now: float, invocation: str, tenant: str) -> list[Command]:
        return self.tell(now, InvokeRequested(invocation, SHOP, tenant=tenant))

    def rest(self, now: float, sandbox: int, invocation: str, tenant: str) -> None:
        """A new sandbox serves a request of the tenant, and is idle from `now` on."""
        assert self.ask(now, invocation, tenant) == [StartSandbox(sandbox, SHOP, invocation)]
        self.tell(now, SandboxReady(sandbox))
        assert self.finish(now, sandbox, invocation) == [FreezeSandbox(sandbox)]


def test_sandbox_serves_its_tenant_again_and_no_other() -> None:
    shop = Shop()
    shop.rest(1, 1, "a", "blue")
    assert shop.ask(2, "b", "green") == [StartSandbox(2, SHOP, "b")]
    assert shop.ask(3, "c", "blue") == [Dispatch(1, "c", WARM)]


def test_tenants_of_one_version_are_none_of_anothers() -> None:
    shop = Shop()
    other = FunctionVersion("shop", 128, 3.0, version="2", per_tenant=True)
    shop.tell(0, VersionDeployed(other))
    shop.rest(1, 1, "a", "blue")
    asked = InvokeRequested("b", other.key, tenant="blue")
    assert shop.tell(2, asked) == [StartSandbox(2, other.key, "b")]


@pytest.mark.parametrize("tenant", ["blue", "$LATEST", "a:b/c=d+e-f@g h", "shop:$LATEST"])
def test_tenants_id_is_told_from_the_version(tenant: str) -> None:
    shop = Shop()
    shop.rest(1, 1, "a", tenant)
    (sandbox,) = shop.scheduler.sandboxes.values()
    assert (sandbox.pool.tenant, sandbox.pool.version_key) == (tenant, SHOP)
    assert shop.ask(2, "b", tenant) == [Dispatch(1, "b", WARM)]


@pytest.mark.parametrize(
    ("key", "tenant", "refusal"), [(SHOP, "", TENANT_WANTED), (ECHO, "blue", NO_TENANT_WANTED)]
)
def test_request_with_the_wrong_tenancy_is_an_error_that_changes_nothing(
    key: VersionKey, tenant: str, refusal: str
) -> None:
    shop = Shop()
    shop.idle(1, 1)
    deadline = shop.scheduler.next_deadline()
    assert deadline is not None
    with pytest.raises(TenantError, match=refusal):
        shop.tell(deadline + 1, InvokeRequested("a", key, tenant=tenant))
    assert shop.scheduler.next_deadline() == deadline


def test_request_waits_for_a_hand_over_of_its_own_tenant_alone() -> None:
    shop = Shop()
    shop.ask(1, "a", "blue")
    shop.tell(1, SandboxReady(1))
    shop.tell(2, InvocationAnswered(1, "a"))
    assert shop.ask(2, "b", "green") == [StartSandbox(2, SHOP, "b")]
    assert shop.ask(2, "c", "blue") == []
    assert shop.tell(2.1, InvocationFinished(1, "a")) == [Dispatch(1, "c", WARM)]


def test_late_binding_swaps_requests_of_one_tenant_alone() -> None:
    shop = Shop(binding=Binding.LATE)
    for name, tenant in (("a", "blue"), ("b", "green"), ("c", "blue")):
        shop.ask(1, name, tenant)
    assert shop.tell(2, SandboxReady(3)) == [Dispatch(3, "a", COLD)]
    assert shop.tell(3, SandboxReady(2)) == [Dispatch(2, "b", COLD)]
    assert shop.tell(4, SandboxReady(1)) == [Dispatch(1, "c", COLD)]


def test_no_more_sandboxes_of_tenants_than_the_functions_concurrency_allows() -> None:
    """Idle ones count; the account's concurrency, or what is reserved, says how many."""
    shop = Shop(account_concurrency=1, tenant_sandboxes_per_concurrency=2.5)
    shop.rest(1, 1, "a", "blue")
    shop.rest(2, 2, "b", "green")
    assert shop.ask(3, "c", "red") == [Throttle("c", ThrottleReason.TENANT_SANDBOXES)]
    assert shop.ask(4, "d", "blue") == [Dispatch(1, "d", WARM)]
    shop.finish(5, 1, "d")
    shop.tell(5, ReservedConcurrencySet("shop", 2))
    assert shop.ask(6, "e", "red") == [StartSandbox(3, SHOP, "e")]


def test_limit_of_tenants_sandboxes_is_none_of_other_functions() -> None:
    shop = Shop(account_concurrency=4, tenant_sandboxes_per_concurrency=0.25)
    shop.rest(1, 1, "a", "blue")
    assert shop.invoke(2, "b") == [StartSandbox(2, ECHO, "b")]
    assert shop.invoke(2, "c") == [StartSandbox(3, ECHO, "c")]


def test_idle_sandbox_of_a_tenant_is_evicted_for_another() -> None:
    shop = Shop(host_memory_mb=128)
    shop.rest(1, 1, "a", "blue")
    assert shop.ask(2, "b", "green") == [StopSandbox(1, StopReason.EVICTED)]


def test_new_revision_retires_the_sandboxes_of_every_tenant() -> None:
    shop = Shop()
    shop.rest(1, 1, "a", "blue")
    shop.rest(1, 2, "b", "green")
    retired = StopReason.RETIRED
    assert shop.redeploy(2, 1) == [StopSandbox(1, retired), StopSandbox(2, retired)]
    assert shop.ask(3, "c", "blue") == [StartSandbox(3, SHOP, "c")]


def test_requests_of_every_tenant_that_wait_are_placed_before_a_new_revision() -> None:
    shop = Shop()
    for number, tenant in enumerate(("blue", "green"), 1):
        shop.ask(1, f"a{number}", tenant)
        shop.tell(1, SandboxReady(number))
    for number in (1, 2):
        shop.tell(2, InvocationAnswered(number, f"a{number}"))
    assert shop.ask(2, "g", "green") == shop.ask(2, "b", "blue") == []
    assert shop.redeploy(2, 1) == [StartSandbox(3, SHOP, "g"), StartSandbox(4, SHOP, "b")]


def test_nothing_is_kept_of_a_tenant_without_sandboxes() -> None:
    shop = Shop(binding=Binding.LATE)
    for number in range(1, 21):
        shop.rest(number, number, f"a{number}", f"tenant-{number}")
    requests, moves = shop.scheduler._requests, shop.scheduler._moves
    kept = (moves.idle._on_demand, requests._late.by_pool, requests._hand_overs._free_soon)
    assert [len(each) for each in kept[:2]] == [20, 20]
    for sandbox in range(1, 21):
        shop.tell(30, SandboxGone(sandbox, 0))
    assert [len(each) for each in kept] == [0, 0, 0]


def test_provisioned_concurrency_is_for_no_tenant() -> None:
    assert Shop().tell(1, ProvisionedSet(SHOP, 3)) == []


def test_nothing_is_started_ahead_of_need_for_an_unknown_tenant() -> None:
    shop = Shop(policy=PolicyChoice("prewarming", lambda: Prewarming(spare=2)))
    shop.ask(1, "a", "blue")
    assert shop.tell(2, SandboxReady(1)) == [Dispatch(1, "a", COLD)]
    shop.invoke(3, "b")
    begun = shop.tell(4, SandboxReady(2))
    assert [type(each) for each in begun] == [Dispatch, StartSandbox, StartSandbox]
