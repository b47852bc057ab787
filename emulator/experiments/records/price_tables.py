"""Names the dated price tables, for the columns of a table of requests and for options.

The tables are those of the profiles, so that a further profile brings its own prices along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.profile import PROFILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.prices import Prices


def table_name(prices: Prices) -> str:
    """Returns the year of a price table, which names the table in options and in columns."""
    return prices.date[:4]


PRICE_TABLES: Mapping[str, Prices] = {
    table_name(profile.prices): profile.prices
    for profile in sorted(PROFILES.values(), key=lambda profile: profile.date)
}
"""Price tables by name, the oldest first."""


def prices_of(profile: str) -> Prices:
    """Returns the price table of a profile; that of the newest where the profile is unknown."""
    known = PROFILES.get(profile)
    return known.prices if known else list(PRICE_TABLES.values())[-1]


def table_of(profile: str) -> str:
    """Returns the name of a profile's own price table."""
    return table_name(prices_of(profile))
