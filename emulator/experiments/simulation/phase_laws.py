"""Makes a phase's times at a size out of samples of others, by the law of work or of the quota.

Owns what a law can tell at all: None stands for that it cannot. Which law is asked, and of which
samples, is calibration.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from emulator.core.profiles import PROFILES
from emulator.experiments.simulation.fit import Law, fit, quantiles, split
from emulator.experiments.simulation.quota_law import Machine, QuotaLaw, fit_quota

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.simulation.quota_law import HandlerCall
    from emulator.experiments.simulation.samples import CellSamples, Phase

Sample = TypeVar("Sample")


class Take(Protocol):
    """Chooses which of a cell's samples count."""

    def __call__(self, samples: list[Sample], /) -> list[Sample]: ...


@dataclass(frozen=True, slots=True)
class Drawn:
    """Holds the quantiles of a phase and what they are from."""

    quantiles: tuple[float, ...]
    source: str
    samples: int
    law: Law | None = None
    quota: QuotaLaw | None = None
    withheld: float = 0.0
    """Share of the time in which the quota is used up, where the law of the quota tells."""


def share_of(cell: PlannedCell, memory_mb: int) -> float:
    """Returns the share of a CPU that a size has under a cell's profile, 1 at the most."""
    return min(1.0, PROFILES[cell.condition.profile].vcpus(memory_mb))


def machine_of(cell: PlannedCell, known: Sequence[CellSamples]) -> Machine:
    """Returns the machine of a cell that is predicted, with the kernel of the measured one."""
    profile = PROFILES[cell.condition.profile]
    return Machine(
        dilation=cell.dilation,
        period=profile.cpu_period_us / 1_000_000 * cell.dilation,
        quota=profile.cpu_quota_us(cell.memory_mb) / 1_000_000,
        tick=known[0].machine.tick,
    )


def by_quota(
    group: Sequence[CellSamples], phase: Phase, cell: PlannedCell, words: str, take: Take
) -> Drawn | None:
    """Fits the law of the CPU quota; where no call was held back, sizes of more CPU are alike."""
    calls: dict[Machine, list[HandlerCall]] = {}
    for samples in group:
        calls.setdefault(samples.machine, []).extend(take(samples.calls[phase]))
    count = sum(map(len, calls.values()))
    there = ", ".join(str(size) for size in sorted({samples.memory_mb for samples in group}))
    if not any(call.periods for taken in calls.values() for call in taken):
        if share_of(cell, cell.memory_mb) < min(samples.share for samples in group):
            return None
        seconds = [call.seconds for taken in calls.values() for call in taken]
        return Drawn(quantiles(seconds), f"{there} MB, never held back, {words}", count)
    law = fit_quota(calls)
    if law is None:
        return None
    times = law.times(machine_of(cell, group), 1001)
    withheld = sum(held for _, held in times) / sum(seconds for seconds, _ in times)
    source = f"work and wait under the CPU quota over {there} MB {words}"
    drawn = quantiles([seconds for seconds, _ in times])
    return Drawn(drawn, source, count, quota=law, withheld=withheld)


def by_work(sizes: dict[int, list[float]], cell: PlannedCell, words: str) -> Drawn | None:
    """Fits the law of work and share over sizes that differ in it; a whole CPU counts as one."""
    by_share: dict[float, list[float]] = {}
    for size, taken in sizes.items():
        by_share.setdefault(share_of(cell, size), []).extend(taken)
    own = by_share.get(share_of(cell, cell.memory_mb))
    there = ", ".join(f"{size}" for size in sorted(sizes))
    count = sum(len(taken) for taken in sizes.values())
    if own:
        return Drawn(quantiles(own), f"sizes of as much CPU {words}", len(own))
    if len(by_share) == 1:
        return None
    law = fit(by_share)
    times = law.at(share_of(cell, cell.memory_mb))
    return Drawn(times, f"wait + work / share over {there} MB {words}", count, law)


def by_throttling(known: list[CellSamples], phase: Phase, cell: PlannedCell) -> Drawn | None:
    """Fits the law of work and share to one size, by how long the CPU was held back there."""
    for samples in known:
        taken = samples.seconds[phase]
        if not taken:
            continue
        law = split(taken, float(np.mean(samples.throttled[phase])), samples.share)
        if law is not None:
            times = law.at(share_of(cell, cell.memory_mb))
            source = f"throttled time at {samples.memory_mb} MB alone"
            return Drawn(times, source, len(taken), law)
    return None
