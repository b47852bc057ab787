from __future__ import annotations

import pytest

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.intervals import Estimate, Interval


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (0.0, "0"),
        (1.0, "1.00"),
        (12.345, "12.3"),
        (99.95, "100"),
        (999.6, "1,000"),
        (123_456.0, "123,000"),
        (0.000123456, "0.000123"),
        (-0.5, "-0.500"),
    ],
)
def test_numbers_have_three_significant_digits(value: float | None, words: str) -> None:
    assert formatting.number(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(3.061, "3.06 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (12_549.0, "12.5 s"), (None, "-")],
)
def test_times_carry_the_unit_that_reads_best(value: float | None, words: str) -> None:
    assert formatting.time(value) == words


def test_an_estimate_tells_its_interval_and_how_few_values_it_has() -> None:
    assert (
        formatting.estimate(Estimate(1200.0, Interval(1100.0, 1300.0), 50)) == "1.20 s [1.10, 1.30]"
    )
    mixed = Estimate(1200.0, Interval(900.0, 1300.0), 50)
    assert formatting.estimate(mixed) == "1.20 s [900 ms, 1.30 s]"
    assert formatting.estimate(Estimate(5.0, None, 3)).replace("\u00a0", " ") == "5.00 ms (n = 3)"
    assert formatting.estimate(Estimate(None, None, 0)) == "-"


def test_a_difference_has_a_sign() -> None:
    estimate = Estimate(2.0, Interval(-1.0, 5.0), 40)
    assert formatting.signed(estimate) == "+2.00 ms [-1.00, +5.00]"
    assert formatting.signed(Estimate(-2.0, None, 40), formatting.money) == "-$2.00"


@pytest.mark.parametrize(
    ("share", "words"), [(1.0, "100 %"), (0.999, "> 99 %"), (0.001, "< 1 %"), (0.0, "0 %")]
)
def test_shares_that_are_not_quite_all_or_none_are_not_called_so(share: float, words: str) -> None:
    assert formatting.share(share) == words
