"""Defines the distributions that lengths of time are drawn from.

Knows nothing of what takes the time. Chance is passed in.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.sim.chance import AnswerChance


class Distribution(Protocol):
    """Draws lengths of time."""

    def draw(self, chance: AnswerChance) -> Seconds:
        """Returns a length of time in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Draws the same length each time."""

    seconds: Seconds

    def draw(self, chance: AnswerChance) -> Seconds:  # noqa: ARG002  # the others' signature
        return self.seconds


@dataclass(frozen=True, slots=True)
class Uniform:
    """Draws every length between two ends with the same probability."""

    least: Seconds
    most: Seconds

    def draw(self, chance: AnswerChance) -> Seconds:
        return self.least + (self.most - self.least) * chance.random()


@dataclass(frozen=True, slots=True)
class Exponential:
    """Draws lengths from an exponential distribution."""

    mean: Seconds

    def draw(self, chance: AnswerChance) -> Seconds:
        return -math.log(1.0 - chance.random()) * self.mean


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Draws lengths from a log-normal distribution; `spread` is the logarithm's deviation."""

    median: Seconds
    spread: float

    def draw(self, chance: AnswerChance) -> Seconds:
        return math.exp(chance.normal(math.log(self.median), self.spread))


@dataclass(frozen=True, slots=True)
class Measured:
    """Draws from measured lengths, each as likely as the next."""

    seconds: tuple[Seconds, ...]

    def draw(self, chance: AnswerChance) -> Seconds:
        return chance.chosen(self.seconds)


@dataclass(frozen=True, slots=True)
class Normal:
    """Draws lengths from a normal distribution, of which what is below `least` is cut off."""

    mean: Seconds
    deviation: Seconds
    least: Seconds = 0.0

    def __post_init__(self) -> None:
        if self.least > self.mean:
            raise ValueError("a truncated normal distribution's least value is below its mean")

    def draw(self, chance: AnswerChance) -> Seconds:
        while (drawn := chance.normal(self.mean, self.deviation)) < self.least:
            pass
        return drawn


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Draws from a distribution of which equally spaced quantiles are known, least and most too.

    Between two quantiles all lengths have the same probability.
    """

    seconds: tuple[Seconds, ...]

    def __post_init__(self) -> None:
        if not self.seconds or list(self.seconds) != sorted(self.seconds):
            raise ValueError("quantiles are at least one, and rise")

    def draw(self, chance: AnswerChance) -> Seconds:
        place = chance.random() * (len(self.seconds) - 1)
        below = int(place)
        if below + 1 == len(self.seconds):  # there is but one
            return self.seconds[below]
        least, most = self.seconds[below], self.seconds[below + 1]
        return least + (most - least) * (place - below)


@dataclass(frozen=True, slots=True)
class Stretched:
    """Draws lengths of a CPU's work as they take with a share of a CPU, after a wait for others."""

    wait: Distribution
    work: Distribution
    share: float
    """Share of a CPU, above 0 and at most 1."""

    def draw(self, chance: AnswerChance) -> Seconds:
        return self.wait.draw(chance) + self.work.draw(chance) / self.share


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Draws from known percentiles, evenly between each two.

    `points` are (share, seconds), both rising, from share 0 to share 1.
    """

    points: tuple[tuple[float, Seconds], ...]
    _shares: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_shares", tuple(share for share, _ in self.points))

    def draw(self, chance: AnswerChance) -> Seconds:
        share = chance.random()
        place = bisect_right(self._shares, share)
        if place == len(self.points):
            return self.points[-1][1]
        (share0, seconds0), (share1, seconds1) = self.points[place - 1], self.points[place]
        return seconds0 + (seconds1 - seconds0) * (share - share0) / (share1 - share0)
