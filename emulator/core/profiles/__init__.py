"""Finds the profiles: every `Profile` that a module of this package defines, by its name.

A further profile is one more module here. Nobody else lists the profiles or their price tables.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import MappingProxyType
from typing import TYPE_CHECKING

from emulator.core.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.prices import Prices


def profiles_in(folders: Iterable[str], package: str) -> Mapping[str, Profile]:
    """Returns the profiles that the modules of a package define, by name, the oldest first.

    Args:
        folders: the package's `__path__`.
        package: the package's name.

    Raises:
        ValueError: two profiles have the same name.
    """
    found: dict[str, Profile] = {}
    for module in pkgutil.iter_modules(folders):
        for value in vars(importlib.import_module(f"{package}.{module.name}")).values():
            # a module that builds on another profile has that under its own name too
            if isinstance(value, Profile) and found.setdefault(value.name, value) is not value:
                raise ValueError(f"{package}.{module.name} defines a second {value.name}")
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: item[1].date)))


PROFILES = profiles_in(__path__, __name__)
"""Profiles by name, the oldest first."""

PRICE_TABLES: Mapping[str, Prices] = MappingProxyType(
    {profile.prices.name: profile.prices for profile in PROFILES.values()}
)
"""Price tables of the profiles by name, the oldest first."""
