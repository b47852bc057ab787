"""Holds Azure's hybrid histogram: unload, pre-warm and keep by the idle times that were seen.

Source: Shahrad et al., Serverless in the Wild, ATC'20, section 4.2 (H): bins of a minute up to
four hours, head and tail at the 5th and 99th percentile with margins of 10 %, a coefficient of
variation below 2 taken for no pattern, forecasts with a margin of 15 %. How few idle times are
too few is not given there (L).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.model import VersionKey
from emulator.core.policies.forecast import autoregression
from emulator.core.policies.interface import Policy, PreWarm, Wake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.core.model import Sandbox, Seconds
    from emulator.core.policy import Chance

_BIN = 60.0
_HISTORY = 64
"""Idle times that a forecast is made from."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Holds when a function is loaded after its last request, and for how long."""

    prewarm: Seconds
    """0: the function stays loaded."""
    keep: Seconds


@dataclass(eq=False)
class IdleTimes:
    """Counts the idle times of one function, and decides its windows."""

    bins: list[int]
    inside: int = 0
    """Idle times that the bins hold."""
    outside: int = 0
    """Idle times longer than the bins reach."""
    squares: int = 0
    """Sum of the squares of the bins' counts."""
    last: deque[Seconds] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    running: int = 0
    idle_since: Seconds | None = None
    """None while a request runs, and before the first."""

    def add(self, seconds: Seconds) -> None:
        """Counts an idle time."""
        self.last.append(seconds)
        number = int(seconds // _BIN)
        if number < len(self.bins):
            self.inside += 1
            self.squares += 2 * self.bins[number] + 1
            self.bins[number] += 1
        else:
            self.outside += 1

    def variation(self) -> float:
        """Returns the coefficient of variation of the bins' counts; 0 where all are empty."""
        if self.inside == 0:
            return 0.0
        # with mean m = inside / n: sqrt(squares / n - m * m) / m
        return math.sqrt(max(0.0, self.squares * len(self.bins) / self.inside**2 - 1.0))

    def bin_of(self, share: float) -> int:
        """Returns the bin in which a share of the idle times within the bins' reach is met."""
        wanted, met = share * self.inside, 0
        for number, count in enumerate(self.bins):
            met += count
            if count and met >= wanted:
                return number
        return len(self.bins) - 1


@dataclass(eq=False)
class HybridHistogram(Policy):
    """Unloads a function after its last request and starts it again before the next is expected.

    A function is taken for a whole, as the paper takes an application: idle times lie between the
    end of its last running request and the next request, and one sandbox is pre-warmed.
    """

    range_minutes: int = 240
    least_samples: int = 10
    head: float = 0.05
    tail: float = 0.99
    variation: float = 2.0
    forecast: Callable[[Sequence[float]], float] = autoregression
    _functions: dict[VersionKey, IdleTimes] = field(default_factory=dict, init=False, repr=False)

    def windows(self, seen: IdleTimes) -> Windows:
        """Returns the windows that follow from the idle times of a function."""
        enough = seen.inside + seen.outside >= self.least_samples
        if enough and seen.outside >= seen.inside:
            expected = self.forecast(tuple(seen.last))
            return Windows(0.85 * expected, 0.30 * expected)
        if not enough or seen.variation() < self.variation:
            return Windows(0.0, self.range_minutes * _BIN)
        head = seen.bin_of(self.head) * _BIN * 0.9
        tail = (seen.bin_of(self.tail) + 1) * _BIN * 1.1
        return Windows(head, tail - head)

    def _of(self, key: VersionKey) -> IdleTimes:
        return self._functions.setdefault(key, IdleTimes([0] * self.range_minutes))

    def created(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.invocation is not None:
            self._arrived(sandbox, now)

    def _arrived(self, sandbox: Sandbox, now: Seconds) -> None:
        seen = self._of(sandbox.function.key)
        if seen.idle_since is not None:
            seen.add(now - seen.idle_since)
            seen.idle_since = None

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        self._arrived(sandbox, now)
        self._of(sandbox.function.key).running += 1

    def ended(self, sandbox: Sandbox, now: Seconds) -> None:
        seen = self._of(sandbox.function.key)
        seen.running -= 1
        if seen.running == 0:
            seen.idle_since = now

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds:
        key = sandbox.function.key
        windows = self.windows(self._of(key))
        if windows.prewarm == 0 or sandbox.prewarmed:
            return windows.keep
        if self._of(key).running == 0:
            self.orders.append(Wake(key, now + windows.prewarm))
        return 0.0

    def woken(self, name: str, now: Seconds) -> None:
        key = VersionKey(name)
        if self._of(key).idle_since is not None:
            self.orders.append(PreWarm(key))

    def check(self, idle: Sequence[Sandbox]) -> None:
        for key, seen in self._functions.items():
            assert seen.running >= 0, f"{key}: {seen.running} requests run"
            assert not seen.running or seen.idle_since is None, f"{key}: idle though it runs"
