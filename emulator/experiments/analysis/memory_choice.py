"""Which memory size to buy: by cost, by speed, or by a balance of both, and how surely.

The conventions are those of aws-lambda-power-tuning: the time of an invocation is Duration plus
Init Duration, a size's time is the mean without the longest and the shortest fifth, a tie of
costs goes to the faster size and a tie of times to the cheaper one, and `balanced` weighs cost and
time, each as a share of its greatest.
Source: README and documentation of github.com/alexcasalboni/aws-lambda-power-tuning.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from emulator.experiments.analysis.intervals import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

VISUALISER = "https://lambda-power-tuning.show/#"
TRIMMED = 0.2
"""Of the values, at each end."""
_RESAMPLES = 2000


class Strategy(StrEnum):
    COST = "cost"
    SPEED = "speed"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True)
class Tried:
    """The invocations of one memory size, in the order in which they were made."""

    memory_mb: int
    times_ms: tuple[float, ...]
    """Duration and Init Duration of each."""
    dollars: tuple[float, ...]
    """Of each."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`place` is the winner's among the sizes; the lists have one value a size."""

    place: int
    times_ms: tuple[float, ...]
    dollars: tuple[float, ...]
    shares: tuple[float, ...]
    """In how many of the resamples each size wins: 1 is all."""

    @property
    def confidence(self) -> float:
        return self.shares[self.place]


def trimmed_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis, without the least and the greatest fifth (rounded down)."""
    cut = int(values.shape[-1] * TRIMMED)
    kept = np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut]
    mean: NDArray[np.float64] = kept.mean(axis=-1)
    return mean


def winner(
    times: Sequence[float], dollars: Sequence[float], strategy: Strategy, weight: float = 0.5
) -> int:
    """The place of the best; `weight` is that of the cost where they are balanced."""

    def rank(place: int) -> tuple[float, float]:
        time, cost = times[place], dollars[place]
        match strategy:
            case Strategy.COST:
                return cost, time
            case Strategy.SPEED:
                return time, cost
            case Strategy.BALANCED:
                score = weight * _share(cost, dollars) + (1 - weight) * _share(time, times)
                return score, cost

    return min(range(len(times)), key=rank)


def _share(value: float, of: Sequence[float]) -> float:
    greatest = max(of)
    return value / greatest if greatest else 0.0


def choose(tried: Sequence[Tried], strategy: Strategy, weight: float = 0.5) -> Choice:
    """The best of the sizes, and how often it would be if the invocations were drawn again.

    Each resample draws every size's invocations with replacement, times and dollars of one
    invocation together, from a seeded generator.
    """
    chance = generator()
    times = [float(trimmed_mean(np.array(size.times_ms))) for size in tried]
    dollars = [float(trimmed_mean(np.array(size.dollars))) for size in tried]
    drawn_times, drawn_dollars = [], []
    for size in tried:
        drawn = chance.integers(0, len(size.times_ms), (_RESAMPLES, len(size.times_ms)))
        drawn_times.append(trimmed_mean(np.array(size.times_ms)[drawn]))
        drawn_dollars.append(trimmed_mean(np.array(size.dollars)[drawn]))
    wins = np.zeros(len(tried))
    for again in zip(
        np.array(drawn_times).T.tolist(), np.array(drawn_dollars).T.tolist(), strict=True
    ):
        wins[winner(again[0], again[1], strategy, weight)] += 1
    shares = tuple(float(share) for share in wins / _RESAMPLES)
    place = winner(times, dollars, strategy, weight)
    return Choice(place, tuple(times), tuple(dollars), shares)


def link(sizes: Sequence[int], times_ms: Sequence[float], dollars: Sequence[float]) -> str:
    """The visualiser's address; all figures stand behind its #, which no server sees.

    Three lists in base64, little-endian: sizes as 16-bit integers, times and costs as 32-bit
    floats.
    """
    lists = (
        struct.pack(f"<{len(sizes)}h", *sizes),
        struct.pack(f"<{len(times_ms)}f", *times_ms),
        struct.pack(f"<{len(dollars)}f", *dollars),
    )
    return VISUALISER + ";".join(base64.b64encode(part).decode() for part in lists)
