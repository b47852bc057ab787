"""Finds the price table by which a run is reckoned.

The tables are those of the profiles, so that a further profile brings its own prices along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.profiles import PRICE_TABLES, PROFILES

if TYPE_CHECKING:
    from emulator.core.prices import Prices


def prices_of(profile: str) -> Prices:
    """Returns the price table of a profile; that of the newest where the profile is unknown."""
    known = PROFILES.get(profile)
    return known.prices if known else list(PRICE_TABLES.values())[-1]


def table_of(profile: str) -> str:
    """Returns the name of a profile's own price table."""
    return prices_of(profile).name
