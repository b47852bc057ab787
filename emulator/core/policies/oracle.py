"""Holds the lower bound: a policy that knows when requests will come. Simulated only."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.model import VersionKey
from emulator.core.policies.interface import Policy, PreWarm, Wake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.model import FunctionVersion, Sandbox, Seconds
    from emulator.core.policy import Chance

_SLACK = 2.0**-10
"""Seconds by which a sandbox is early, and stays beyond the request that it waits for."""


@dataclass(eq=False)
class Oracle(Policy):
    """Has a sandbox ready for each request, and keeps none for which no request comes soon.

    `arrivals` are the times of every version's requests, sorted; `lead` is the time that the
    slowest start takes. An idle sandbox stays if one of the requests of the next `lead` seconds is
    for it, as a new one could not be started later; else it goes at once. How long handlers run the
    oracle does not know, so some of what it starts would have come free in time.
    """

    arrivals: Mapping[str, Sequence[Seconds]]
    lead: Seconds
    _idle: Counter[VersionKey] = field(default_factory=Counter, init=False, repr=False)
    _waiting: set[int] = field(default_factory=set, init=False, repr=False)

    def _soon(self, key: str, now: Seconds) -> Sequence[Seconds]:
        times = self.arrivals.get(key, ())
        return times[bisect_right(times, now) : bisect_right(times, now + self.lead + 2 * _SLACK)]

    def deployed(self, function: FunctionVersion, now: Seconds) -> None:
        self.woken(function.key, now)

    def woken(self, name: str, now: Seconds) -> None:
        if soon := self._soon(name, now):
            self.orders.append(PreWarm(VersionKey(name), len(soon)))
        times = self.arrivals.get(name, ())
        after = bisect_right(times, now + self.lead + 2 * _SLACK)
        if after < len(times):
            self.orders.append(Wake(name, times[after] - self.lead - _SLACK))

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        key = sandbox.function.key
        stays = self._needed(key, self._idle[key], now)
        if stays > 0:
            self._idle[key] += 1
            self._waiting.add(sandbox.id)
        return stays

    def expired(self, sandbox: Sandbox, now: Seconds) -> Seconds:
        key = sandbox.function.key
        return self._needed(key, self._idle[key] - 1, now)

    def _needed(self, key: VersionKey, others: int, now: Seconds) -> Seconds:
        """Returns until when one more idle sandbox than `others` is waited for; 0: not at all."""
        soon = self._soon(key, now)
        return soon[others] - now + _SLACK if others < len(soon) else 0.0

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.id in self._waiting:
            self._leave(sandbox)

    def lost(self, sandbox: Sandbox, now: Seconds, *, evicted: bool) -> None:
        self._leave(sandbox)

    def _leave(self, sandbox: Sandbox) -> None:
        self._waiting.remove(sandbox.id)
        self._idle[sandbox.function.key] -= 1

    def check(self, idle: Sequence[Sandbox]) -> None:
        assert self._waiting == {each.id for each in idle}, "the oracle counts other idle ones"
