from __future__ import annotations

import pytest

from emulator.telemetry.metric_data.expression import ExpressionError, Series, computed

SERIES: dict[str, Series] = {
    "m1": {0: 1.0, 60: 2.0, 180: 4.0},
    "m2": {0: 10.0, 60: 0.0, 120: 30.0},
    "none": {},
}
TIMES = [0, 60, 120, 180]


def series(expression: str) -> Series:
    return computed(expression, SERIES.__getitem__, ["m1", "m2"], TIMES)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 + m2", {0: 11.0, 60: 2.0}),
        ("m1 / m2", {0: 0.1}),  # a division by zero leaves no value
        ("100 * (m1 - 1)", {0: 0.0, 60: 100.0, 180: 300.0}),
        ("-m1 + 2 * m1", {0: 1.0, 60: 2.0, 180: 4.0}),
        ("m1 - 1 - 1", {0: -1.0, 60: 0.0, 180: 2.0}),
        ("SUM(METRICS())", {0: 11.0, 60: 2.0, 120: 30.0, 180: 4.0}),
        ("sum([m1, m2])", {0: 11.0, 60: 2.0, 120: 30.0, 180: 4.0}),
        ("AVG([m1, m2])", {0: 5.5, 60: 1.0, 120: 30.0, 180: 4.0}),
        ("MAX([m1, m2]) - MIN([m1, m2])", {0: 9.0, 60: 2.0, 120: 0.0, 180: 0.0}),
        ("m1 / SUM(m1)", {0: 1 / 7, 60: 2 / 7, 180: 4 / 7}),
        ("FILL(m1, 0)", {0: 1.0, 60: 2.0, 120: 0.0, 180: 4.0}),
        ("FILL(m1, REPEAT)", {0: 1.0, 60: 2.0, 120: 2.0, 180: 4.0}),
        ("FILL(none, 1e1)", dict.fromkeys(TIMES, 10.0)),
        ("none + 1", {}),
        ("m1 > 1", {0: 0.0, 60: 1.0, 180: 1.0}),
        ("m1 + 1 >= 3 && m1 != 4", {0: 0.0, 60: 1.0, 180: 0.0}),
        ("m1 == 1 OR m1 == 4", {0: 1.0, 60: 0.0, 180: 1.0}),
        ("IF(m1 > 1, m1, 0)", {0: 0.0, 60: 2.0, 180: 4.0}),
        ("IF(m1 > 1, m2)", {60: 0.0}),  # nothing where it does not hold, or m2 has no value
        ("IF(SUM(m1) > 5, m1, m2)", {0: 1.0, 60: 2.0, 180: 4.0}),
        ("RATE(m1)", {60: 1 / 60, 180: 2 / 120}),
        ("DIFF(m2)", {60: -10.0, 120: 30.0}),
        ("RUNNING_SUM(m1)", {0: 1.0, 60: 3.0, 180: 7.0}),
        ("ABS(DIFF(m2)) + CEIL(m1 / 4) - FLOOR(0.5)", {60: 11.0}),
        ("SUM(ABS([m1 - 2, m2]))", {0: 11.0, 60: 0.0, 120: 30.0, 180: 2.0}),
    ],
)
def test_expression_makes_the_series_that_it_says(expression: str, expected: Series) -> None:
    assert series(expression) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("ANOMALY_DETECTION_BAND(m1, 2)", "ANOMALY_DETECTION_BAND is not emulated"),
        ("SUM(m1)", "must return a time series"),
        ("METRICS() + m1", "Unsupported operand type(s) for +: '[Array[TimeSeries], TimeSeries]'"),
        ("m1 +", "ends too early"),
        ("m1 m2", "Unexpected 'm2'"),
        ("m1 + )", "Unexpected ')'"),
        ("(m1", "ends too early"),
        ("m1 ; 1", "Unexpected '; 1'"),
        ("RATE(1)", "RATE takes a time series"),
        ("IF([m1, m2], 1, 0)", "IF takes time series and numbers"),
        ("IF(m1)", "there should be ','"),
        ("FILL(m1, m2)", "a number or REPEAT"),
        ("FILL([m1, m2], 0)", "one time series"),
        ("[m1, 1]", "not numbers"),
        ("m1 + 1 / 0", "Division by zero"),
        ("(" * 500 + "m1" + ")" * 500, "too deep"),
        ("-" * 500 + "m1", "too deep"),
        ("", "ends too early"),
    ],
)
def test_what_is_not_emulated_is_refused(expression: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        series(expression)
    assert sentence in str(refusal.value)
