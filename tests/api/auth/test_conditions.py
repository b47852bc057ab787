"""Condition operators, after the tables and examples of the IAM user guide."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.api.auth.conditions import holds, read_conditions


def fits(element: dict[str, Any], **context: Any) -> bool:
    """Evaluates an element of a policy; names of keys have __ for the colon."""
    values = {
        name.replace("__", ":").lower(): tuple(value) if isinstance(value, list) else (value,)
        for name, value in context.items()
    }
    return all(holds(each, values, variables=True) for each in read_conditions(element))


ONE = "arn:aws:sns:us-east-1:123456789012:topic"

TABLE: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"StringEquals": {"aws:PrincipalAccount": "123"}}, {"aws__principalaccount": "123"}, True),
    (
        {"StringEquals": {"aws:PrincipalAccount": ["1", "123"]}},
        {"aws__PrincipalAccount": "123"},
        True,
    ),
    ({"StringEquals": {"a": "X"}}, {"a": "x"}, False),
    ({"StringEquals": {"a": "x*"}}, {"a": "xy"}, False),
    ({"StringEquals": {"a": "x"}}, {}, False),
    ({"StringNotEquals": {"a": "x"}}, {}, True),
    ({"StringNotEquals": {"a": ["x", "y"]}}, {"a": "y"}, False),
    ({"StringNotEquals": {"a": ["x", "y"]}}, {"a": "z"}, True),
    ({"StringEqualsIgnoreCase": {"a": "X"}}, {"a": "x"}, True),
    ({"StringNotEqualsIgnoreCase": {"a": "X"}}, {"a": "x"}, False),
    ({"StringLike": {"a": "x*z?"}}, {"a": "xyyyz1"}, True),
    ({"StringLike": {"a": "x*"}}, {"a": "ax"}, False),
    ({"StringNotLike": {"a": "x*"}}, {"a": "ax"}, True),
    ({"StringEqualsIfExists": {"a": "x"}}, {}, True),
    ({"StringEqualsIfExists": {"a": "x"}}, {"a": "y"}, False),
    ({"NumericLessThanEquals": {"a": "10"}}, {"a": "10"}, True),
    ({"NumericLessThan": {"a": 10}}, {"a": "10"}, False),
    ({"NumericGreaterThan": {"a": "9.5"}}, {"a": "10"}, True),
    ({"NumericEquals": {"a": "10"}}, {"a": "10.0"}, True),
    ({"NumericNotEquals": {"a": "10"}}, {"a": "ten"}, True),
    (
        {"DateGreaterThan": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}},
        {"aws__currenttime": "2020-05-01T00:00:00Z"},
        True,
    ),
    (
        {"DateLessThan": {"aws:CurrentTime": "2020-06-30T23:59:59Z"}},
        {"aws__currenttime": "2020-07-01"},
        False,
    ),
    ({"DateLessThan": {"aws:EpochTime": "1593561599"}}, {"aws__epochtime": "1593561598"}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, {"aws__securetransport": "true"}, True),
    ({"Bool": {"aws:SecureTransport": False}}, {"aws__securetransport": "true"}, False),
    (
        {"BinaryEquals": {"k": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}},
        {"k": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="},
        True,
    ),
    ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws__sourceip": "203.0.113.7"}, True),
    (
        {"IpAddress": {"aws:SourceIp": "2001:DB8:1234:5678::/64"}},
        {"aws__sourceip": "203.0.113.7"},
        False,
    ),
    (
        {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]}},
        {"aws__sourceip": "203.0.113.7"},
        False,
    ),
    (
        {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:123456789012:t*"}},
        {"aws__sourcearn": ONE},
        True,
    ),
    (
        {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:123456789012:*"}},
        {"aws__sourcearn": ONE},
        True,
    ),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:*:topic"}}, {"aws__sourcearn": ONE}, False),
    ({"ArnNotLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}, {"aws__sourcearn": ONE}, False),
    ({"Null": {"aws:TokenIssueTime": "true"}}, {}, True),
    ({"Null": {"aws:TokenIssueTime": "false"}}, {}, False),
    ({"Null": {"aws:TokenIssueTime": "false"}}, {"aws__tokenissuetime": "1"}, True),
    # two keys, and two operators: all of them
    ({"StringEquals": {"a": "1", "b": "2"}}, {"a": "1", "b": "3"}, False),
    ({"StringEquals": {"a": "1"}, "Bool": {"b": "true"}}, {"a": "1", "b": "true"}, True),
    # several values
    ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ["a", "b"]}, True),
    ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ["a", "c"]}, False),
    ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {}, True),
    ({"ForAnyValue:StringEquals": {"k": ["a", "b"]}}, {"k": ["c", "b"]}, True),
    ({"ForAnyValue:StringEquals": {"k": ["a", "b"]}}, {}, False),
    ({"ForAnyValue:StringNotEquals": {"k": ["a"]}}, {"k": ["a", "b"]}, True),
    ({"ForAllValues:StringNotEquals": {"k": ["a"]}}, {"k": ["a", "b"]}, False),
    # variables
    ({"StringEquals": {"a": "${aws:username}"}}, {"a": "ann", "aws__username": "ann"}, True),
    ({"StringEquals": {"a": "${aws:username}"}}, {"a": "ann"}, False),
    (
        {"StringLike": {"a": "home/${aws:username}/*"}},
        {"a": "home/x/y", "aws__username": "*"},
        False,
    ),
    ({"StringEquals": {"a": "${aws:PrincipalTag/team, 'core'}"}}, {"a": "core"}, True),
    ({"StringLike": {"a": "x${*}"}}, {"a": "x*"}, True),
    ({"StringLike": {"a": "x${*}"}}, {"a": "xy"}, False),
]


@pytest.mark.parametrize(("element", "context", "expected"), TABLE)
def test_condition_holds_where_its_operator_says_so(
    element: dict[str, Any], context: dict[str, Any], expected: bool
) -> None:
    assert fits(element, **context) is expected


@pytest.mark.parametrize(
    "element",
    [
        {"StringIs": {"a": "b"}},
        {"NumericNotLessThan": {"a": "1"}},
        {"NullIfExists": {"a": "true"}},
        {"StringEquals": "a"},
        {"StringEquals": {"a": {"b": "c"}}},
        [],
    ],
)
def test_element_that_iam_refuses_is_refused(element: Any) -> None:
    with pytest.raises(ValueError, match=r"Invalid condition operator|Syntax errors"):
        read_conditions(element)
