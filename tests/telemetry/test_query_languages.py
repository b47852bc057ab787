"""Whatever a client sends as a pattern, a query or an expression: it is read, or refused."""

from __future__ import annotations

import contextlib
import json
import math

from hypothesis import given, settings
from hypothesis import strategies as some

from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.reader import filter_pattern
from emulator.telemetry.insights.query import read
from emulator.telemetry.insights.row import Row
from emulator.telemetry.insights.words import QueryError
from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.embedded import embedded_samples
from emulator.telemetry.metric_data.expression import ExpressionError, computed
from emulator.telemetry.metric_data.statistic import statistic

MESSAGES = some.one_of(
    some.text(max_size=40),
    some.sampled_from(['{"a": {"b": [1, "x", null]}}', 'a b [c d] "e f" 4', "{", "[1]", '"']),
)
PATTERNS = some.lists(
    some.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            "$.a",
            "$.a[0]",
            "$",
            "=",
            "!=",
            "<",
            "1",
            '"x"',
            "%a%",
            "&&",
            "||",
            "(",
            ")",
            "IS",
            "NULL",
            "NOT",
            "EXISTS",
            "...",
            ",",
            "-",
            "?",
            "w1",
            "*",
            "é",
            " ",
            "\\",
        ]
    ),
    max_size=12,
).map("".join)
QUERIES = some.lists(
    some.sampled_from(
        [
            "fields",
            "filter",
            "stats",
            "sort",
            "parse",
            "limit",
            "dedup",
            "|",
            "@message",
            "a",
            "1",
            "count(",
            "avg(",
            "bin(5m)",
            "by",
            "as",
            "like",
            "/a/",
            '"x"',
            "(",
            ")",
            "*",
            ",",
            "=",
            "not",
            "and",
            "in",
            "[",
            "]",
            "desc",
            "-",
            "/",
            "`b`",
            "#",
            "pct(a, 5)",
            "%",
        ]
    ),
    max_size=12,
).map(" ".join)
EXPRESSIONS = some.lists(
    some.sampled_from(["m1", "m2", "+", "-", "*", "/", "(", ")", "[", "]", ",", "1", "0", "SUM("])
    | some.sampled_from(["FILL(", "METRICS()", "REPEAT", "AVG(", " ", "x", "."]),
    max_size=12,
).map("".join)
BOUNDS = some.sampled_from(["", "0", "10%", "99.9", "101", "-1%"])
STATISTICS = some.one_of(
    some.builds("{}{}".format, some.sampled_from(["p", "tm", "wm", "tc", "ts"]), BOUNDS),
    some.builds("{}({}:{})".format, some.sampled_from(["TM", "WM", "TS", "PR"]), BOUNDS, BOUNDS),
)
SERIES = {"m1": {0: 1.0, 60: 0.0}, "m2": {60: 3.0}}
VALUES = Distribution()
for value in (-1.0, 0.0, 2.5):
    VALUES.add(value)


@settings(max_examples=400, deadline=None)
@given(PATTERNS | some.text(max_size=30), MESSAGES)
def test_any_filter_pattern(pattern: str, message: str) -> None:
    with contextlib.suppress(FilterPatternError):
        assert filter_pattern(pattern)(message) in {True, False}


@settings(max_examples=400, deadline=None)
@given(QUERIES | some.text(max_size=30), MESSAGES)
def test_any_query_is_refused_or_answers_in_texts(query: str, message: str) -> None:
    with contextlib.suppress(QueryError):
        for row in read(query).run([Row(1, 2, message, "s", "g", "p")]):
            assert all(isinstance(part, str) for pair in row for part in pair)


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS | some.text(max_size=30))
def test_any_expression_is_refused_or_has_a_series(expression: str) -> None:
    def named(name: str) -> dict[int, float]:
        if name not in SERIES:
            raise ExpressionError(name)
        return SERIES[name]

    with contextlib.suppress(ExpressionError):
        assert isinstance(computed(expression, named, ["m1", "m2"], [0, 60]), dict)


@settings(max_examples=400, deadline=None)
@given(STATISTICS | some.text(max_size=20))
def test_any_statistic_is_none_or_a_finite_number(name: str) -> None:
    compute = statistic(name)
    found = compute(VALUES) if compute else None
    assert found is None or math.isfinite(found)


JSON = some.recursive(
    some.none() | some.booleans() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    some.fixed_dictionaries(
        {},
        optional={
            "Timestamp": JSON | some.integers(),
            "CloudWatchMetrics": JSON
            | some.lists(
                some.fixed_dictionaries(
                    {},
                    optional={
                        "Namespace": JSON,
                        "Dimensions": JSON | some.lists(some.lists(some.sampled_from("ab"))),
                        "Metrics": JSON
                        | some.lists(
                            some.fixed_dictionaries(
                                {}, optional={"Name": some.sampled_from("ab"), "Unit": JSON}
                            )
                        ),
                    },
                )
            ),
        },
    ),
    JSON,
    JSON,
)
def test_any_embedded_document(metadata: object, first: object, second: object) -> None:
    document = json.dumps({"_aws": metadata, "a": first, "b": second})
    for sample in embedded_samples(document):
        assert all(isinstance(part, str) for part in (*sample.metric[:2], sample.metric.unit))
        sample.values.encode()
