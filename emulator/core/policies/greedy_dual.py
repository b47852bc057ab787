"""Holds FaasCache's keep-alive: a cache whose objects have a size, a cost and a frequency.

Source: Fuerst and Sharma, FaasCache, ASPLOS'21, section 4 (H): priority = clock + frequency *
cost / size, the cost being what a cold start takes more than a warm one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.core.model import Sandbox, Seconds, VersionKey
    from emulator.core.policy import Chance


@dataclass(eq=False)
class _Function:
    """Holds what is known of one version."""

    uses: int = 0
    cost: Seconds = 0.0
    """Mean time from the request to the end of the init, over the cold starts so far."""
    cold_starts: int = 0
    priority: float = 0.0
    alive: set[int] = field(default_factory=set)
    """Sandboxes that have served and are not gone."""


@dataclass(eq=False)
class GreedyDual(Policy):
    """Keeps idle sandboxes for ever; when memory is short those of least priority go first.

    A use refreshes the priority of all of a version's sandboxes; of equal ones the longest idle
    goes first. An eviction moves the clock to the victim's priority, and a version all of whose
    sandboxes are gone begins with frequency 0 again. The cost is measured as a request's wait for
    its new sandbox, since no policy is told how long a handler ran cold and warm.
    """

    clock: float = field(default=0.0, init=False)
    _functions: dict[VersionKey, _Function] = field(default_factory=dict, init=False, repr=False)
    _starting: dict[int, Seconds] = field(default_factory=dict, init=False, repr=False)

    def priority(self, key: VersionKey) -> float:
        """Returns the priority of a version's sandboxes; of one never used, the clock's."""
        function = self._functions.get(key)
        return self.clock if function is None else function.priority

    def created(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.invocation is not None:
            self._starting[sandbox.id] = now

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        function = self._functions.setdefault(sandbox.function.key, _Function())
        if sandbox.id in self._starting:
            function.cold_starts += 1
            took = now - self._starting.pop(sandbox.id)
            function.cost += (took - function.cost) / function.cold_starts
        if not function.alive:
            function.uses = 0
        function.alive.add(sandbox.id)
        function.uses += 1
        value = function.uses * function.cost / sandbox.function.memory_mb
        function.priority = self.clock + value

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        return math.inf

    def lost(self, sandbox: Sandbox, now: Seconds, *, evicted: bool) -> None:
        if evicted:
            self.clock = max(self.clock, self.priority(sandbox.function.key))

    def gone(self, sandbox: Sandbox, now: Seconds) -> None:
        self._starting.pop(sandbox.id, None)
        if (function := self._functions.get(sandbox.function.key)) is not None:
            function.alive.discard(sandbox.id)

    def victims(self, idle: Sequence[Sandbox]) -> Iterable[Sandbox]:
        return sorted(idle, key=lambda each: self.priority(each.function.key))
