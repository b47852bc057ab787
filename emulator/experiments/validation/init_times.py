"""Predicts the init time of a set-up at one memory size from its other sizes.

The rule is the profile's: an init has a whole vCPU whatever the memory size, and therefore takes as
long at every size. The median of the other sizes is the prediction.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.experiments.validation.datasets import InitTimes

_FEWEST_SIZES = 2


@dataclass(frozen=True, slots=True)
class InitErrors:
    """Holds the relative errors of all predicted set-ups of one kind of package."""

    package: str
    errors: tuple[float, ...]
    """Sorted; a set-up is a runtime and an architecture at one memory size."""

    def within(self, error: float) -> float:
        """Returns the share of set-ups whose error is no larger."""
        return sum(abs(each) <= error for each in self.errors) / len(self.errors)

    @property
    def median_size(self) -> float:
        """Returns the median of the errors without their signs."""
        return median(abs(each) for each in self.errors)

    @property
    def bias(self) -> float:
        """Returns the median of the errors with their signs."""
        return median(self.errors)


def predict_inits(measured: Iterable[InitTimes]) -> list[InitErrors]:
    """Predicts each set-up from the other sizes of its runtime, package and architecture."""
    groups: defaultdict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for each in measured:
        if each.init_ms:
            key = (each.package, each.runtime, each.architecture)
            groups[key][each.memory_mb] = median(each.init_ms)
    errors: defaultdict[str, list[float]] = defaultdict(list)
    for (package, _, _), by_memory in groups.items():
        if len(by_memory) >= _FEWEST_SIZES:
            errors[package] += _errors(by_memory)
    return [InitErrors(package, tuple(sorted(each))) for package, each in sorted(errors.items())]


def _errors(by_memory: dict[int, float]) -> list[float]:
    return [
        median(ms for other, ms in by_memory.items() if other != memory_mb) / measured - 1
        for memory_mb, measured in by_memory.items()
    ]
