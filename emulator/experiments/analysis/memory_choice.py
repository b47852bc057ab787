"""Chooses the memory size to buy: by cost, by speed, or by a balance of both, and how surely.

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
"""Share of the values that is cut off at each end."""
_RESAMPLES = 2000


class Strategy(StrEnum):
    """Names what the best memory size is best at."""

    COST = "cost"
    SPEED = "speed"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True)
class SizeSample:
    """Holds the invocations of one memory size, in the order in which they were made."""

    memory_mb: int
    times_ms: tuple[float, ...]
    """Duration and Init Duration together, of each invocation."""
    dollars: tuple[float, ...]
    """Cost of each invocation."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Holds the best size, and what it was chosen by; the lists have one value a size."""

    place: int
    """Index of the best size."""
    times_ms: tuple[float, ...]
    dollars: tuple[float, ...]
    shares: tuple[float, ...]
    """Share of the resamples that each size wins: 1 is all."""

    @property
    def confidence(self) -> float:
        """Share of the resamples that the best size wins."""
        return self.shares[self.place]


def trimmed_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Averages along the last axis, without the least and the greatest fifth (rounded down)."""
    cut = int(values.shape[-1] * TRIMMED)
    kept = np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut]
    mean: NDArray[np.float64] = kept.mean(axis=-1)
    return mean


def winner(
    times: Sequence[float], dollars: Sequence[float], strategy: Strategy, weight: float = 0.5
) -> int:
    """Returns the index of the best size.

    Args:
        times: a time for each size.
        dollars: a cost for each size.
        strategy: what the best size is best at.
        weight: the cost's share of a balanced score, from 0 to 1.
    """
    scores = balanced_scores(times, dollars, weight)

    def rank(place: int) -> tuple[float, float]:
        time, cost = times[place], dollars[place]
        match strategy:
            case Strategy.COST:
                return cost, time
            case Strategy.SPEED:
                return time, cost
            case Strategy.BALANCED:
                return scores[place], cost

    return min(range(len(times)), key=rank)


def balanced_scores(
    times: Sequence[float], dollars: Sequence[float], weight: float = 0.5
) -> list[float]:
    """Returns time and cost of each size in one number, each as a share of its greatest."""
    return [
        weight * _share_of_greatest(cost, dollars) + (1 - weight) * _share_of_greatest(time, times)
        for time, cost in zip(times, dollars, strict=True)
    ]


def _share_of_greatest(value: float, values: Sequence[float]) -> float:
    greatest = max(values)
    return value / greatest if greatest else 0.0


def choose(samples: Sequence[SizeSample], strategy: Strategy, weight: float = 0.5) -> Choice:
    """Chooses the best size, and counts how often it wins if the invocations are drawn again.

    Each resample draws every size's invocations with replacement, times and dollars of one
    invocation together, from a seeded generator.
    """
    times = [float(trimmed_mean(np.array(size.times_ms))) for size in samples]
    dollars = [float(trimmed_mean(np.array(size.dollars))) for size in samples]
    shares = _shares_of_wins(samples, strategy, weight)
    place = winner(times, dollars, strategy, weight)
    return Choice(place, tuple(times), tuple(dollars), shares)


def _shares_of_wins(
    samples: Sequence[SizeSample], strategy: Strategy, weight: float
) -> tuple[float, ...]:
    chance = generator()
    times, dollars = [], []
    for size in samples:
        drawn = chance.integers(0, len(size.times_ms), (_RESAMPLES, len(size.times_ms)))
        times.append(trimmed_mean(np.array(size.times_ms)[drawn]))
        dollars.append(trimmed_mean(np.array(size.dollars)[drawn]))
    wins = np.zeros(len(samples))
    for resample in zip(np.array(times).T.tolist(), np.array(dollars).T.tolist(), strict=True):
        wins[winner(*resample, strategy, weight)] += 1
    return tuple(float(share) for share in wins / _RESAMPLES)


def visualiser_link(
    sizes: Sequence[int], times_ms: Sequence[float], dollars: Sequence[float]
) -> str:
    """Returns the visualiser's address; the figures stand behind its #, which no server sees.

    They are three lists in base64, little-endian: sizes as 16-bit integers, times and costs as
    32-bit floats.
    """
    lists = (
        struct.pack(f"<{len(sizes)}h", *sizes),
        struct.pack(f"<{len(times_ms)}f", *times_ms),
        struct.pack(f"<{len(dollars)}f", *dollars),
    )
    return VISUALISER + ";".join(base64.b64encode(part).decode() for part in lists)
