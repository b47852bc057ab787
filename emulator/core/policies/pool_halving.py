"""Holds AWS's rule of 2020: every 380 s of idleness half of a function's idle sandboxes go.

Source: Copik et al., SeBS, Middleware'21, section 6.4 (H): of n sandboxes that idle, whatever
their memory, language or package, n * 2^-floor(t / 380 s) are left after t seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.model import Sandbox, Seconds, VersionKey
    from emulator.core.policy import Chance


@dataclass(eq=False)
class _Pool:
    """Counts the sandboxes of a version that became idle within one period of the first."""

    since: Seconds
    count: int = 0
    """Sandboxes that no request has taken, stopped or not: the n of the rule."""
    left: int = 0


@dataclass(eq=False)
class PoolHalving(Policy):
    """Leaves round(n / 2^k) of n sandboxes that nobody used for k periods; halves go to even.

    What became idle within `period` seconds of the first counts as one pool, so that a burst whose
    answers come one after the other is halved as one. The longest idle go first.
    """

    period: Seconds = 380.0
    _newest: dict[VersionKey, _Pool] = field(default_factory=dict, init=False, repr=False)
    _idle: dict[int, tuple[_Pool, Seconds]] = field(default_factory=dict, init=False, repr=False)
    """Of each idle sandbox: its pool, and since when it is idle."""

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        key = sandbox.function.key
        pool = self._newest.get(key)
        if pool is None or now >= pool.since + self.period or not pool.left:
            pool = self._newest[key] = _Pool(now)
        pool.count += 1
        pool.left += 1
        self._idle[sandbox.id] = (pool, now)
        return self.period

    def expired(self, sandbox: Sandbox, now: Seconds) -> Seconds:
        pool, since = self._idle[sandbox.id]
        periods = round((now - since) / self.period)
        return self.period if pool.left <= round(pool.count / 2**periods) else 0.0

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.id in self._idle:
            pool, _ = self._idle.pop(sandbox.id)
            pool.count -= 1
            pool.left -= 1

    def lost(self, sandbox: Sandbox, now: Seconds, *, evicted: bool) -> None:
        self._idle.pop(sandbox.id)[0].left -= 1

    def check(self, idle: Sequence[Sandbox]) -> None:
        assert self._idle.keys() == {each.id for each in idle}, "a pool differs from what is idle"
