"""Holds provisioned concurrency that follows its use, by the rule of Application Auto Scaling.

Sources: Lambda developer guide, "Configuring provisioned concurrency" (H: two alarms on the
average of ProvisionedConcurrencyUtilization; down in smaller periodic steps); G. Mao,
"Understanding Lambda Provisioned Concurrency AutoScaling", 2020 (M: three points of a minute
above the target, 15 below; no cooldown is CDK's default for Lambda). The alarm to scale in stands
at .9 of the target (M); how small the steps down are is not documented (L: a tenth).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from emulator.core.model import VersionKey
from emulator.core.policies.interface import Policy, Provision, Wake

if TYPE_CHECKING:
    from emulator.core.model import FunctionVersion, Sandbox, Seconds

_MINUTE = 60.0
_OUT_POINTS = 3
_IN_POINTS = 15
_IN_SHARE = 0.9
_STEP_DOWN = 0.1


@dataclass(eq=False)
class _Target:
    """Holds what is provisioned for one version, and how much of that was used."""

    count: int
    busy: int = 0
    busy_time: Seconds = 0.0
    """Seconds of all busy sandboxes since the last point."""
    changed_at: Seconds = 0.0
    points: list[float] = field(default_factory=list)
    """Share in use, minute by minute, the last at the end."""

    def count_up_to(self, now: Seconds) -> None:
        self.busy_time += self.busy * (now - self.changed_at)
        self.changed_at = now


@dataclass(eq=False)
class TargetTracking(Policy):
    """Keeps `target` of the provisioned sandboxes of every version in use, `least` to `most`."""

    target: float = 0.7
    least: int = 1
    most: int = 100
    _targets: dict[VersionKey, _Target] = field(default_factory=dict, init=False, repr=False)

    def deployed(self, function: FunctionVersion, now: Seconds) -> None:
        self._targets[function.key] = _Target(self.least, changed_at=now)
        self.orders += [Provision(function.key, self.least), Wake(function.key, now + _MINUTE)]

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        self._count(sandbox, 1, now)

    def ended(self, sandbox: Sandbox, now: Seconds) -> None:
        self._count(sandbox, -1, now)

    def _count(self, sandbox: Sandbox, change: int, now: Seconds) -> None:
        if sandbox.provisioned and not sandbox.retired:
            target = self._targets[sandbox.function.key]
            target.count_up_to(now)
            target.busy += change

    def woken(self, name: str, now: Seconds) -> None:
        key = VersionKey(name)
        target = self._targets[key]
        target.count_up_to(now)
        used = min(1.0, target.busy_time / _MINUTE / max(1, target.count))
        target.busy_time = 0.0
        target.points = [*target.points[1 - _IN_POINTS :], used]
        wanted = self.wanted(target.count, target.points)
        if wanted != target.count:
            if wanted > target.count:
                target.points = []  # what is added is measured anew
            target.count = wanted
            self.orders.append(Provision(key, wanted))
        self.orders.append(Wake(key, now + _MINUTE))

    def wanted(self, count: int, points: list[float]) -> int:
        """Returns how many sandboxes to provision, having `count`, after some minutes' shares."""
        out, low = points[-_OUT_POINTS:], points[-_IN_POINTS:]
        if len(out) == _OUT_POINTS and min(out) > self.target:
            return min(self.most, math.ceil(count * fmean(out) / self.target))
        if len(low) == _IN_POINTS and max(low) < _IN_SHARE * self.target:
            lowest = math.ceil(count * fmean(low) / self.target)
            return max(self.least, lowest, count - max(1, int(count * _STEP_DOWN)))
        return count
