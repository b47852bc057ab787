from __future__ import annotations

import random

import pytest

from emulator.experiments.chaos.slopes import slope

HOUR = [float(second) for second in range(0, 3600, 10)]


def noisy(growth: float) -> list[float]:
    chance = random.Random(3)
    return [100.0 + growth * at / 3600.0 + chance.gauss(0.0, 1.0) for at in HOUR]


def test_quantity_that_stays_is_flat_and_its_interval_holds_zero() -> None:
    found = slope(HOUR, noisy(0.0))
    assert found.low < 0 < found.high
    assert found.mean == pytest.approx(100.0, abs=0.2)
    assert not found.grows


def test_leak_is_found_with_its_size() -> None:
    found = slope(HOUR, noisy(20.0))
    assert found.low < 20.0 < found.high
    assert found.per_hour == pytest.approx(20.0, abs=1.0)
    assert found.grows


def test_growth_that_is_certain_and_small_is_flat() -> None:
    found = slope(HOUR, noisy(4.0))
    assert found.low > 0
    assert not found.grows


def test_quantity_that_falls_does_not_grow() -> None:
    assert not slope(HOUR, noisy(-20.0)).grows


def test_few_samples_have_no_slope() -> None:
    with pytest.raises(ValueError, match="12 samples"):
        slope([1.0] * 11, [1.0] * 11)
