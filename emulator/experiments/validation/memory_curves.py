"""Predicts how long a function takes at each memory size, and compares with AWS's own times.

Each curve was measured by others; its source stands beside its figures. How a CPU was shared at
that date is a rule that was chosen before the curves were compared, with its reason.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.validation.figures import Comparison, Prediction
from emulator.sim.cpu_share import CfsShare, ProportionalShare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.profile import Profile
    from emulator.sim.cpu_share import CpuShare

_DRAWS = 400
"""Pieces of work in a predicted mean; where in a timer tick each begins is chance."""


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    """Holds the time of one function by memory size, as others measured it on AWS."""

    name: str
    source: str
    profile: Profile
    share: CpuShare
    mean_ms: Mapping[int, float]
    """Mean or median time by memory size in MB."""
    cpus: float
    """CPUs that the function can keep busy at once."""
    wanted: float
    task_ms: float | None = None
    """CPU time of the task where its source tells; None: estimated from the other sizes."""

    @property
    def rule(self) -> str:
        """Returns how a CPU is taken to be shared, in words."""
        if isinstance(self.share, CfsShare):
            return "CFS quota: bursts of each period, found used up at a timer tick"
        return "even share, in proportion to memory"


FIBONACCI_2018 = MemoryCurve(
    "Fibonacci, February 2018",
    "epsagon's measurement of 9 February 2018",
    AWS_2018,
    # before Firecracker; no burst within a period shows in this curve, small sizes take longer, not
    # shorter, than their share
    ProportionalShare(),
    {
        128: 376.05,
        192: 250.24,
        256: 198.56,
        512: 98.36,
        768: 65.48,
        1024: 45.31,
        1536: 30.53,
        2048: 25.21,
        2560: 25.36,
        3008: 25.15,
    },
    cpus=1.0,
    wanted=0.05,
)
IMAGE_RECOGNITION_2020 = MemoryCurve(
    "PyTorch image recognition, warm, 2020",
    "SeBS, Middleware 2021",
    AWS_2018,
    ProportionalShare(),
    {512: 1877, 1024: 932, 1536: 612, 2048: 443, 3008: 319},
    cpus=2.0,
    wanted=0.05,
)
SPIN_2025 = MemoryCurve(
    "Spinning task of 17.56 ms, 2025",
    AWS.source,
    AWS_2025,
    CfsShare(),
    AWS.mean_ms,
    cpus=1.0,
    wanted=0.15,
    task_ms=AWS.task_ms,
)
CURVES = (FIBONACCI_2018, IMAGE_RECOGNITION_2020, SPIN_2025)


def predict_curve(curve: MemoryCurve) -> list[Comparison]:
    """Predicts each size of a curve from its other sizes, or from the task's own CPU time."""
    return [_comparison(curve, memory_mb) for memory_mb in sorted(curve.mean_ms)]


def mean_error(comparisons: Iterable[Comparison]) -> float:
    """Returns the mean of the errors without their signs."""
    return fmean(abs(comparison.error or 0.0) for comparison in comparisons)


def _comparison(curve: MemoryCurve, memory_mb: int) -> Comparison:
    cpu_ms = curve.task_ms or _estimate(curve, without=memory_mb)
    chance = random.Random(memory_mb)  # noqa: S311  # a phase is no secret
    draws = [_time(curve, cpu_ms, memory_mb, chance) for _ in range(_DRAWS)]
    mean = fmean(draws)
    spread = 1.96 * stdev(draws) / _DRAWS**0.5
    predicted = Prediction(mean, mean - spread, mean + spread)
    return Comparison(f"{memory_mb} MB", predicted, curve.mean_ms[memory_mb], "ms", curve.wanted)


def _estimate(curve: MemoryCurve, without: int) -> float:
    """Returns the CPU time in ms that the other sizes tell of, each with the same weight."""
    chance = random.Random(without)  # noqa: S311  # a phase is no secret
    return fmean(
        curve.mean_ms[memory_mb] / _time(curve, 1.0, memory_mb, chance)
        for memory_mb in curve.mean_ms
        if memory_mb != without
    )


def _time(curve: MemoryCurve, cpu_ms: float, memory_mb: int, chance: random.Random) -> float:
    vcpus = curve.profile.vcpus(memory_mb)
    # work that keeps several CPUs busy is that much shorter, and needs that much more of a share
    seconds = curve.share.wall_time(cpu_ms / curve.cpus / 1000, vcpus / curve.cpus, chance)
    return seconds * 1000
