from __future__ import annotations

import pytest

from emulator.core.billing import billed_ms, dollars
from emulator.core.profile import AWS_2018, AWS_2025

OLD, NEW = AWS_2018.prices, AWS_2025.prices


@pytest.mark.parametrize(
    ("duration", "billed"),
    [(0.0, 100), (0.001, 100), (0.1, 100), (0.100001, 200), (0.3, 300), (2.9, 2900), (3.0, 3000)],
)
def test_2018_bills_whole_tenths_of_a_second(duration: float, billed: int) -> None:
    assert billed_ms(OLD, duration) == billed


@pytest.mark.parametrize(
    ("duration", "billed"),
    [(0.0, 1), (0.00301, 4), (0.003, 3), (0.1 + 0.2, 300), (1.001, 1001), (899.9991, 900_000)],
)
def test_2025_bills_whole_milliseconds(duration: float, billed: int) -> None:
    assert billed_ms(NEW, duration) == billed


def test_init_is_billed_since_2025_and_was_free_before() -> None:
    assert billed_ms(NEW, 0.0031, init=0.1101) == 114
    assert billed_ms(OLD, 0.0031, init=0.1101) == 100


def test_price_is_gigabyte_seconds_and_a_request() -> None:
    """3 M requests of 120 ms at 1536 MB are 540,000 GB-s, as in AWS's pricing example."""
    each = dollars(NEW, 1536, 120)
    assert 3_000_000 * each == pytest.approx(540_000 * 0.0000166667 + 0.60)
    assert dollars(OLD, 1024, 1000) == pytest.approx(0.00001667 + 0.0000002)
