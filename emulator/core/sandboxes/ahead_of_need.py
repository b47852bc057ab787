"""Starts sandboxes before a request needs them: provisioned concurrency, and what a policy orders.

None is evicted for a sandbox that nobody has asked for yet, though stem cells give way to it, and
none is started for a function that is isolated by tenant, as nobody knows for which tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from emulator.core.model import SandboxState, StopReason
from emulator.core.policies.interface import PreWarm, Provision, Wake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.concurrency import Concurrency
    from emulator.core.model import FunctionVersion, Seconds, VersionKey
    from emulator.core.policies.clocked import ClockedPolicy
    from emulator.core.sandboxes.moves import Moves


class AheadOfNeed:
    """Keeps as many sandboxes ready as were set or ordered, as far as there is room."""

    def __init__(
        self,
        versions: Mapping[VersionKey, FunctionVersion],
        moves: Moves,
        concurrency: Concurrency,
    ) -> None:
        self._versions = versions
        self._moves = moves
        self._concurrency = concurrency

    def provision(self, key: VersionKey, count: int) -> None:
        """Sets how many sandboxes of a version must stand ready, and ends what is too many."""
        function = self._versions.get(key)
        if function is None or function.per_tenant:
            return
        provisioning = self._moves.provisioning
        provisioning.set(key, count)
        self._concurrency.provision(function.name, provisioning.total(function.name))
        for number in provisioning.members(key):
            sandbox = self._moves.sandboxes[number]
            if provisioning.surplus(key) == 0:
                return
            if sandbox.state is SandboxState.QUEUED:
                self._moves.drop_queued(sandbox)
            elif sandbox.state is SandboxState.IDLE:
                self._moves.stop_idle(sandbox, StopReason.DEPROVISIONED)

    def forget(self, key: VersionKey) -> None:
        """Ends the provisioned concurrency of a version that is replaced."""
        provisioning = self._moves.provisioning
        provisioning.forget(key)
        self._concurrency.provision(key.name, provisioning.total(key.name))

    def top_up(self, now: Seconds) -> None:
        """Starts missing provisioned sandboxes."""
        provisioning = self._moves.provisioning
        for key in provisioning.short():
            function = self._versions[key]
            for _ in range(provisioning.missing(key)):
                if not self._moves.make_room(function, now, evicting=False):
                    return
                provisioning.add(key, self._moves.create(function, key, None, now).id)

    def obey(self, policy: ClockedPolicy, now: Seconds) -> None:
        """Carries out what the policy ordered during the present event."""
        for order in policy.take_orders():
            match order:
                case Wake(name, at):
                    self._moves.deadlines.set((name,), max(at, now))
                case Provision(key, count):
                    self.provision(key, count)
                case PreWarm(key, count):
                    self._prewarm(key, count, now)
                case _:
                    assert_never(order)

    def _prewarm(self, key: VersionKey, count: int, now: Seconds) -> None:
        """Starts sandboxes until `count` are idle or pre-warmed."""
        function = self._versions.get(key)
        if function is None or function.per_tenant:
            return
        ready = self._moves.idle.count(key)
        ready += sum(
            each.prewarmed and each.state < SandboxState.BUSY and each.function is function
            for each in self._moves.sandboxes.values()
        )
        for _ in range(count - ready):
            if not self._moves.make_room(function, now, evicting=False):
                return
            self._moves.create(function, key, None, now, prewarmed=True)
