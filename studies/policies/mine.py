"""Shows a policy of one's own: `testbed simulate --trace … --policy studies/policies/mine.py:Mine`.

docs/policies.md lists every hook.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.core.model import Sandbox, Seconds, VersionKey
    from emulator.core.policy import Chance


@dataclass(eq=False)
class Mine(Policy):
    """Keeps a function's idle sandboxes for a minute for each request that it has had."""

    most: Seconds = 3600.0
    """Seconds after which an idle sandbox goes in any case; `mine.py:Mine:most=600` changes it."""
    uses: Counter[VersionKey] = field(default_factory=Counter, init=False)

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        self.uses[sandbox.function.key] += 1

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        return min(self.most, 60.0 * self.uses[sandbox.function.key])

    def victims(self, idle: Sequence[Sandbox]) -> Iterable[Sandbox]:
        return sorted(idle, key=lambda each: self.uses[each.function.key])
