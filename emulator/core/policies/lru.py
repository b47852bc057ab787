"""Holds the rule of a cache: nothing goes before memory is short, and then the longest idle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy

if TYPE_CHECKING:
    from emulator.core.model import Sandbox, Seconds
    from emulator.core.policy import Chance


@dataclass(eq=False)
class LeastRecentlyUsed(Policy):
    """Keeps idle sandboxes for ever, and evicts the longest idle when the host's memory is short.

    The memory cap is the scheduler's (`--host-memory`).
    """

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        return math.inf
