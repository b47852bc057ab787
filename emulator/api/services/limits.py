"""Replaces limits of the service model, whose maxima are of other products, by a profile's.

The model's memory, timeout and /tmp are those of Managed Instances and GPUs; an ordinary function
keeps what its profile says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from emulator.api.services.service_model import Shape
    from emulator.core.profile import Profile


_CHECKED_BY_OPERATIONS = frozenset({"Runtime"})
"""Shapes whose words operations check, against the profile and in a sentence of their own.

AWS says `Value haskell at 'runtime' failed to … value set: […] or be a valid ARN` under
InvalidParameterValueException (recorded in users' reports of 2018 to 2020).
"""


class Bounds(NamedTuple):
    """Holds the least and the most of a number or a length, and the words that a text may be."""

    least: float | None
    most: float | None
    enum: tuple[str, ...] = ()


class Limits:
    """Tells the bounds of shapes: those of a profile by the shape's name, else the model's."""

    def __init__(self, replaced: dict[str, Bounds] | None = None) -> None:
        self._replaced = replaced or {}

    def of_member(self, shape: Shape) -> Bounds:
        """Returns the bounds of a structure's member, without words that its operation checks."""
        bounds = self.of(shape)
        return bounds._replace(enum=()) if shape.name in _CHECKED_BY_OPERATIONS else bounds

    def of(self, shape: Shape) -> Bounds:
        """Returns the bounds of a shape's values; None for no bound, no words for any text."""
        replaced = self._replaced.get(shape.name)
        if replaced is not None:
            return replaced
        metadata = shape.metadata
        return Bounds(metadata.get("min"), metadata.get("max"), tuple(metadata.get("enum", ())))


def limits(profile: Profile) -> Limits:
    """Returns the limits of ordinary functions under a profile."""
    return Limits(
        {
            "MemorySize": Bounds(profile.least_memory_mb, profile.most_memory_mb),
            "Timeout": Bounds(1, profile.max_timeout),
            "EphemeralStorageSize": Bounds(profile.least_storage_mb, profile.most_storage_mb),
            # whether a runtime can be had is told with another error, by who creates functions
            "Runtime": Bounds(None, None),
        }
    )
