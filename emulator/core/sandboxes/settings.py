"""Carries out the events that are about no invocation and no sandbox: versions, limits, memory.

Owns which versions are deployed, and ends the sandboxes of those that are replaced or recycled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from emulator.core.messages.events import (
    FunctionRecycled,
    HostMemoryMeasured,
    ProvisionedSet,
    ReservedConcurrencySet,
    Setting,
    StemCellGone,
    StemCellReady,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import SandboxState, StopReason

if TYPE_CHECKING:
    from emulator.core.model import FunctionVersion, Seconds, VersionKey
    from emulator.core.sandboxes.ahead_of_need import AheadOfNeed
    from emulator.core.sandboxes.moves import Moves
    from emulator.core.sandboxes.requests import Requests

_BEGUN: Final = frozenset(
    {SandboxState.STARTING, SandboxState.BUSY, SandboxState.IDLE, SandboxState.RESETTING}
)
"""States of sandboxes that are made and not ending."""


class Settings:
    """Changes what the scheduler decides by: the versions, and the limits of each."""

    def __init__(
        self,
        versions: dict[VersionKey, FunctionVersion],
        moves: Moves,
        requests: Requests,
        ahead: AheadOfNeed,
    ) -> None:
        self._versions = versions
        self._moves = moves
        self._requests = requests
        self._ahead = ahead

    def apply(self, event: Setting, now: Seconds) -> None:
        """Carries an event out."""
        match event:
            case VersionDeployed(function):
                self._retire(function.key, now)
                self._versions[function.key] = function
                self._moves.room.deployed(function)
                if self._moves.policy is not None:
                    self._moves.policy.deployed(function)
                self._keep_stem_cells()
            case VersionRetired(key):
                self._retire(key, now)
                self._versions.pop(key, None)
                self._moves.room.retired(key)
                self._keep_stem_cells()
            case ReservedConcurrencySet(name, limit):
                self._requests.concurrency.reserve(name, limit)
            case ProvisionedSet():
                self._ahead.provision(event.key, event.count)
            case FunctionRecycled(name):
                self._recycle(name, now)
            case HostMemoryMeasured(available_mb):
                self._moves.room.measured(available_mb)
            case StemCellReady(cell, memory_mb):
                self._moves.cells.ready(cell, memory_mb)
            case StemCellGone(cell):
                self._moves.cells.ended(cell, now)
            case _:
                assert_never(event)

    def _keep_stem_cells(self) -> None:
        runtimes = {function.stem for function in self._versions.values()}
        self._moves.commands += self._moves.cells.keep(runtimes - {""})

    def _retire(self, key: VersionKey, now: Seconds) -> None:
        """Ends a version's idle sandboxes; the version still serves requests that came before."""
        self._requests.retire(key, now)
        self._ahead.forget(key)
        for sandbox in list(self._moves.sandboxes.values()):
            if sandbox.function.key != key or sandbox.retired:
                continue
            sandbox.retired = True
            if sandbox.state is SandboxState.IDLE:
                self._moves.stop_idle(sandbox, StopReason.RETIRED)
            elif (
                sandbox.provisioned or sandbox.prewarmed
            ) and sandbox.state is SandboxState.QUEUED:
                self._moves.drop_queued(sandbox)

    def _recycle(self, name: str, now: Seconds) -> None:
        """Ends a function's sandboxes as if all were too old; those still queued are new anyway."""
        for sandbox in list(self._moves.sandboxes.values()):
            if sandbox.function.name != name or sandbox.state not in _BEGUN:
                continue
            sandbox.recycle_at = now
            if sandbox.state is SandboxState.IDLE:
                self._moves.stop_idle(sandbox, StopReason.RECYCLED)
