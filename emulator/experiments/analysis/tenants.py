"""Counts what isolation by tenant did to cold starts: those that another tenant's sandbox spared.

A cold start counts as one of isolation where at the time of its request a sandbox of the same
version was idle and served another tenant: without isolation it would have taken the request.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.model import StartKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emulator.core.records import InvocationRecord, SandboxRecord
    from emulator.experiments.records.run_directory import Run


@dataclass(frozen=True, slots=True)
class TenantStarts:
    """Holds the figures of one function that is isolated by tenant."""

    function: str
    tenants: int
    requests: int
    cold: int
    first: int
    """Cold starts that were their tenant's first."""
    isolated: int
    """Cold starts beside which another tenant's sandbox was idle."""


_BECOMES_IDLE, _IS_ASKED, _LEAVES = range(3)
"""What happens at one time happens in this order."""


def tenant_starts(run: Run) -> list[TenantStarts]:
    """Returns the functions of a run that are isolated by tenant, by name."""
    names = {record.function for record in run.invocations if record.tenant}
    return [
        _starts(
            name,
            [record for record in run.invocations if record.function == name],
            [sandbox for sandbox in run.sandboxes if sandbox.function == name],
        )
        for name in sorted(names)
    ]


def _starts(
    name: str, records: list[InvocationRecord], sandboxes: list[SandboxRecord]
) -> TenantStarts:
    tenants = {sandbox.id: sandbox.tenant for sandbox in sandboxes}
    idle: dict[int, str] = {}
    """Tenants of the sandboxes that are idle now."""
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    for _, kind, what in sorted(_happened(records, sandboxes), key=lambda each: each[:2]):
        if not isinstance(what, int):
            cold = what.start is StartKind.COLD
            counts["cold"] += cold
            counts["first"] += cold and what.tenant not in seen
            counts["isolated"] += cold and any(each != what.tenant for each in idle.values())
            seen.add(what.tenant)
        elif kind == _BECOMES_IDLE:
            idle[what] = tenants[what]
        else:
            idle.pop(what, None)
    return TenantStarts(
        name, len(seen), len(records), counts["cold"], counts["first"], counts["isolated"]
    )


def _happened(
    records: Iterable[InvocationRecord], sandboxes: Iterable[SandboxRecord]
) -> Iterator[tuple[float, int, int | InvocationRecord]]:
    """Yields the time, what happens, and the sandbox or the request that it happens to."""
    for record in records:
        yield record.requested_at, _IS_ASKED, record
        if record.sandbox is not None and record.dispatched_at is not None:
            yield record.dispatched_at, _LEAVES, record.sandbox
            yield record.finished_at, _BECOMES_IDLE, record.sandbox
    for sandbox in sandboxes:
        if sandbox.gone_at is not None:
            yield sandbox.gone_at, _LEAVES, sandbox.id
