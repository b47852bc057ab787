"""Holds AWS's rule as five long runs of 2020 show: a function's quiet ends all its sandboxes.

Source: pacslab/serverless-performance-modeling, runs of 28 hours in April to June 2020 (H for what
was seen; the rule is the simplest that says so). Where one sandbox served alone, every gap of up to
610 s found it alive and none of more than 655 s did. Where a function was asked all the time, a
second sandbox outlived gaps of up to 1,454 s, and none of 1,541 s or more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.model import Sandbox, Seconds, VersionKey
    from emulator.core.policy import Chance


@dataclass(eq=False)
class FunctionActivity(Policy):
    """Keeps sandboxes until nobody asked for their version for a while, or for them for longer.

    Each sandbox draws the quiet that it outlives between `least` and `most` seconds; a sandbox
    that was not used for `spare` seconds ends although others of its version work.
    """

    least: Seconds = 600.0
    most: Seconds = 660.0
    spare: Seconds = 1500.0
    _running: Counter[VersionKey] = field(default_factory=Counter, init=False, repr=False)
    _asked: dict[VersionKey, Seconds] = field(default_factory=dict, init=False, repr=False)
    """Time at which a version's last request began or ended."""
    _idle: dict[int, tuple[Seconds, Seconds]] = field(default_factory=dict, init=False, repr=False)
    """Of each idle sandbox: since when it is idle, and the quiet that it outlives."""

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        self._idle.pop(sandbox.id, None)
        self._running[sandbox.function.key] += 1
        self._asked[sandbox.function.key] = now

    def ended(self, sandbox: Sandbox, now: Seconds) -> None:
        self._running[sandbox.function.key] -= 1
        self._asked[sandbox.function.key] = now

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        quiet = self.least + (self.most - self.least) * chance.random()
        self._idle[sandbox.id] = (now, quiet)
        return min(quiet, self.spare)

    def expired(self, sandbox: Sandbox, now: Seconds) -> Seconds:
        key = sandbox.function.key
        since, quiet = self._idle[sandbox.id]
        asked = now if self._running[key] else self._asked.get(key, since)
        return min(asked + quiet, since + self.spare) - now

    def lost(self, sandbox: Sandbox, now: Seconds, *, evicted: bool) -> None:
        del self._idle[sandbox.id]

    def check(self, idle: Sequence[Sandbox]) -> None:
        assert self._idle.keys() == {each.id for each in idle}, "quiet differs from what is idle"
