from __future__ import annotations

import math
import random

import numpy as np
import pytest

from emulator.experiments.records.percentiles import percentile


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 99, 7.0),
        ([1.0, 2.0], 50, 1.5),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.5),
        ([0.0, 10.0], 95, 9.5),
        ([float(n) for n in range(101)], 99, 99.0),
        ([1.0, 2.0, 100.0], 100, 100.0),
    ],
)
def test_percentile_of_cases_made_by_hand(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == pytest.approx(expected)


def test_percentile_interpolates_between_the_raw_values() -> None:
    chance = random.Random(5)
    for size in (2, 3, 10, 997):
        values = [chance.lognormvariate(0, 2) for _ in range(size)]
        for percent in (0, 50, 95, 99, 100):
            place = percent / 100 * (size - 1)
            below = sorted(values)[math.floor(place)]
            above = sorted(values)[math.ceil(place)]
            by_hand = below + (above - below) * (place - math.floor(place))
            assert percentile(values, percent) == pytest.approx(by_hand)
            assert percentile(values, percent) == np.percentile(values, percent)


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 50) is None
