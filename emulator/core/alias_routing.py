"""Chooses the version that serves a request of an alias. Pure: chance is passed in.

The live engine and the simulator choose here before the scheduler is told of the request, so that
the journal has the version and the alias of each.

Source: the developer guide, "Implement Lambda canary deployments using a weighted alias": an alias
leads to one version, and a share of its requests to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.constraints import constraint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.policy import Chance

MOST_OTHERS = 1
"""Versions beside its own that an alias can lead to. Source: the developer guide."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Says to which versions an alias leads."""

    version: str
    weights: Mapping[str, float] = field(default_factory=dict)
    """Share of the requests that each other version gets; `version` gets the rest."""

    def choose(self, chance: Chance) -> str:
        """Returns the version of the next request; draws a number only where there is a choice."""
        if not self.weights:
            return self.version
        drawn = chance.random()
        for version, weight in sorted(self.weights.items()):
            if drawn < weight:
                return version
            drawn -= weight
        return self.version


def weight_faults(weights: Mapping[str, float], version: str) -> list[str]:
    """Returns AWS's refusals of an alias' weights; none where they are valid.

    The sentences are recorded for the number of versions and for $LATEST (M); that for a version
    which is the alias' own is ours.
    """
    found = []
    if len(weights) > MOST_OTHERS:
        found.append(
            f"Number of items in AdditionalVersionWeights cannot be greater than {MOST_OTHERS}"
        )
    for other, weight in weights.items():
        if not 0 <= weight <= 1:
            bound = "less than or equal to 1.0" if weight > 1 else "greater than or equal to 0.0"
            member = f"routingConfig.additionalVersionWeights.{other}.member"
            found.append(constraint(weight, member, f"have value {bound}"))
        if other == version:
            found.append(
                f"Invalid function version {version}. Function version {version} is already "
                "included in routing configuration."
            )
    return found
