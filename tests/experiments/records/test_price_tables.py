from __future__ import annotations

from emulator.core.profiles import PRICE_TABLES, PROFILES
from emulator.experiments.records.price_tables import prices_of, table_of


def test_every_profile_s_prices_have_a_name() -> None:
    assert {name: PRICE_TABLES[table_of(name)] for name in PROFILES} == {
        name: profile.prices for name, profile in PROFILES.items()
    }
    assert list(PRICE_TABLES) == sorted(PRICE_TABLES)


def test_a_profile_that_is_not_known_has_the_newest_prices() -> None:
    assert prices_of("aws-2031") == PRICE_TABLES[max(PRICE_TABLES)]
