from __future__ import annotations

import random

import pytest

from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.statistic import statistic


def distribution(values: list[float]) -> Distribution:
    found = Distribution()
    for value in values:
        found.add(value)
    return found


HUNDRED = distribution([float(number) for number in range(1, 101)])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SampleCount", 100),
        ("Average", 50.5),
        ("Sum", 5050),
        ("Minimum", 1),
        ("Maximum", 100),
        ("p0", 1),
        ("p50", 50),
        ("p90", 90),
        ("p99", 99),
        ("p99.9", 100),
        ("p100", 100),
        ("tm90", 45.5),  # the lower 90 %
        ("TM(10%:90%)", 50.5),
        ("TM(:50%)", 25.5),
        ("TM(90:)", 95.5),  # above 90
        ("IQM", 50.5),
        ("tc90", 90),
        ("TC(80:500)", 20),
        ("ts10", 55),
        ("TS(98:100)", 199),
        ("PR(:30)", 30),
        ("wm90", (sum(range(1, 91)) + 10 * 90) / 100),
    ],
)
def test_statistic_of_the_numbers_to_a_hundred(name: str, expected: float) -> None:
    compute = statistic(name)
    assert compute is not None
    assert compute(HUNDRED) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name",
    ["", "Median", "p101", "p", "TM()", "TM(:)", "PR(1%:2%)", "TM(9%:1%)", "tm100", "TM(.:1)"],
)
def test_what_is_no_statistic_has_none(name: str) -> None:
    assert statistic(name) is None


def test_a_percentile_needs_the_single_values() -> None:
    told = Distribution()
    told.add_statistics(10, 100, 1, 20)
    percentile, average = statistic("p50"), statistic("Average")
    assert percentile is not None
    assert average is not None
    assert percentile(told) is None
    assert average(told) == 10
    equal = Distribution()
    equal.add_statistics(3, 6, 2, 2)
    assert percentile(equal) == 2


def test_parts_make_the_whole() -> None:
    left, right = distribution([1, 2, 2]), distribution([2, 9])
    left.merge(right)
    assert left == distribution([1, 2, 2, 2, 9])
    assert Distribution.decode(left.encode()) == left


def test_many_values_take_bounded_space_and_percentiles_stay_near() -> None:
    dice = random.Random(3)
    values = [dice.lognormvariate(3, 1) for _ in range(20_000)]
    found = distribution(values)
    assert len(found.counts) < 5_000
    percentile = statistic("p99")
    assert percentile is not None
    assert percentile(found) == pytest.approx(sorted(values)[19_799], rel=0.006)
    assert found.total == pytest.approx(sum(values))
