"""Keeps account of the sandboxes that serve one tenant alone, and of their limit.

Sources: the developer guide's "Tenant isolation" and "Troubleshooting tenant isolation": an
execution environment of such a function serves one tenant, and 2,500 of them, active or idle, may
exist for every 1,000 of the function's concurrency. Which sandbox serves is the scheduler's.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import PoolKey, Sandbox, VersionKey


class TenantIsolationMode(StrEnum):
    """Names the ways to isolate tenants; a function that is not isolated has none."""

    PER_TENANT = "PER_TENANT"


TENANT_WANTED = (
    "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your "
    "request and try again."
)
"""AWS's refusal of a request without a tenant (trust M: quoted by users, not in the guide)."""
NO_TENANT_WANTED = (
    "The invoked function is not enabled with tenancy configuration. Remove the tenant ID in your "
    "request and try again."
)
"""Refusal of a tenant that a function does not tell apart (trust L: modelled on the other one)."""


def unsupported(feature: str) -> str:
    """Returns the refusal of what goes with no tenant isolation (trust L: the words are ours)."""
    return f"{feature} is not supported for functions with tenant isolation mode enabled."


def tenant_fault(tenant: str, *, per_tenant: bool) -> str:
    """Returns the refusal of a request for naming no tenant, or one in vain; empty where right."""
    if bool(tenant) is per_tenant:
        return ""
    return TENANT_WANTED if per_tenant else NO_TENANT_WANTED


class TenantSandboxes:
    """Counts the sandboxes of tenants that are not gone, by function and by pool."""

    def __init__(self, per_concurrency: float | None) -> None:
        self._per_concurrency = per_concurrency
        self._of_function: Counter[str] = Counter()
        self._pools: dict[VersionKey, Counter[PoolKey]] = {}

    def allows(self, name: str, concurrency: int) -> bool:
        """Returns whether a function of a concurrency may have one more."""
        if self._per_concurrency is None:
            return True
        return self._of_function[name] < int(concurrency * self._per_concurrency)

    def pools(self, key: VersionKey) -> list[PoolKey]:
        """Returns the tenants' pools of a version that have a sandbox, the oldest first."""
        return list(self._pools.get(key, ()))

    def add(self, sandbox: Sandbox) -> None:
        """Counts a new sandbox."""
        function = sandbox.function
        self._of_function[function.name] += 1
        self._pools.setdefault(function.key, Counter())[sandbox.pool] += 1

    def remove(self, sandbox: Sandbox) -> bool:
        """Counts a sandbox no longer; returns whether its tenant has none left."""
        function = sandbox.function
        self._of_function[function.name] -= 1
        pools = self._pools[function.key]
        pools[sandbox.pool] -= 1
        if pools[sandbox.pool] > 0:
            return False
        del pools[sandbox.pool]
        if not pools:
            del self._pools[function.key]
        return True

    def check(self, sandboxes: Iterable[Sandbox]) -> None:
        """Raises AssertionError where the counts do not agree with the sandboxes."""
        isolated = [sandbox for sandbox in sandboxes if sandbox.function.per_tenant]
        names = Counter([sandbox.function.name for sandbox in isolated])
        assert +self._of_function == names, f"{self._of_function} count for tenants, not {names}"
        counted: Counter[PoolKey] = Counter()
        for pools in self._pools.values():
            counted += pools
        there = Counter([sandbox.pool for sandbox in isolated])
        assert counted == there, f"{counted} stand in tenants' pools, not {there}"
