from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.core.event_patterns import PatternError, matches, read_pattern


def fits(pattern: Any, event: Any) -> bool:
    return matches(read_pattern(json.dumps(pattern)), event)


@pytest.mark.parametrize(
    ("matcher", "fitting", "others"),
    [
        ("a", ["a", ["b", "a"]], ["A", "", None, 1, ["b"], {}]),
        (1, [1, 1.0], ["1", True, None]),
        (True, [True], [1, "true", False]),
        (None, [None], ["", 0, False, []]),
        ("", [""], [None, []]),
        ({"prefix": "us-"}, ["us-", "us-east-1"], ["US-x", "eu", None, 5]),
        ({"prefix": {"equals-ignore-case": "US-"}}, ["us-east-1", "Us-"], ["u"]),
        ({"suffix": ".png"}, ["a.png"], ["a.PNG", 7]),
        ({"suffix": {"equals-ignore-case": ".PNG"}}, ["a.png"], ["a.pn"]),
        ({"equals-ignore-case": "Alice"}, ["aLICE"], ["alic", 1]),
        ({"anything-but": "a"}, ["b", 1, None, ["a", "b"]], ["a"]),
        ({"anything-but": ["a", 1]}, ["b", 2], ["a", 1]),
        ({"anything-but": {"prefix": "x"}}, ["a"], ["xa"]),
        ({"anything-but": {"suffix": ["x", "y"]}}, ["z"], ["ax", "ay"]),
        ({"anything-but": {"wildcard": "a*c"}}, ["ab"], ["abc"]),
        ({"anything-but": {"equals-ignore-case": ["a"]}}, ["b"], ["A"]),
        ({"numeric": [">", 0, "<=", 5]}, [0.1, 5], [0, 5.1, "3", True, None]),
        ({"numeric": ["=", 3]}, [3, 3.0], [2]),
        ({"wildcard": "a*z"}, ["az", "a\nbz"], ["aza", "ab"]),
        ({"wildcard": "a\\*z"}, ["a*z"], ["abz"]),
        ({"wildcard": "\\\\*"}, ["\\anything"], ["anything"]),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.255"], ["10.0.1.0", "no", 10]),
        ({"exists": True}, ["", 0, None], [{}]),
    ],
)
def test_matcher_takes_the_values_that_fit_and_no_others(
    matcher: Any, fitting: list[Any], others: list[Any]
) -> None:
    assert [value for value in fitting if not fits({"f": [matcher]}, {"f": value})] == []
    assert [value for value in others if fits({"f": [matcher]}, {"f": value})] == []
    assert not fits({"f": [matcher]}, {"g": 1})


def test_absence_can_be_asked_for() -> None:
    assert fits({"f": [{"exists": False}]}, {"g": 1})
    assert not fits({"f": [{"exists": False}]}, {"f": 1})
    assert fits({"f": [None, {"exists": False}]}, {})


def test_all_fields_must_match_and_any_of_a_list() -> None:
    pattern = {"a": ["x", "y"], "b": {"c": [1]}}
    assert fits(pattern, {"a": "y", "b": {"c": 1, "d": 2}})
    assert not fits(pattern, {"a": "y", "b": {"c": 2}})
    assert not fits(pattern, {"a": "y", "b": "c"})
    assert not fits(pattern, {"a": "y"})


def test_objects_in_a_list_match_one_by_one() -> None:
    pattern = {"items": {"id": [1], "kind": ["a"]}}
    assert fits(pattern, {"items": [{"id": 2}, {"id": 1, "kind": "a"}]})
    assert not fits(pattern, {"items": [{"id": 1}, {"kind": "a"}]})


def test_or_is_any_of_its_patterns() -> None:
    pattern = {"k": ["v"], "$or": [{"a": [1]}, {"b": {"c": [2]}}]}
    assert fits(pattern, {"k": "v", "b": {"c": 2}})
    assert fits(pattern, {"k": "v", "a": 1})
    assert not fits(pattern, {"k": "v", "a": 2})


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{", "no JSON"),
        ("[]", "no object"),
        ("{}", "no object"),
        ('{"a": 1}', "'a' must be an object or a list"),
        ('{"a": [[1]]}', "a list within a list"),
        ('{"a": [{"near": 1}]}', "unknown operator 'near'"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "one operator"),
        ('{"a": [{"prefix": 1}]}', "'prefix' of 'a' cannot have 1"),
        ('{"a": [{"exists": "yes"}]}', "'exists'"),
        ('{"a": [{"numeric": [">"]}]}', "'numeric'"),
        ('{"a": [{"numeric": ["~", 1]}]}', "'numeric'"),
        ('{"a": [{"cidr": "10.0.0.0/33"}]}', "'cidr'"),
        ('{"a": [{"anything-but": {"cidr": "x"}}]}', "'anything-but'"),
        ('{"a": {"b": [{"wildcard": null}]}}', "'wildcard'"),
        ('{"$or": [{"a": 1}]}', "'a' must be"),
    ],
)
def test_pattern_that_is_wrong_is_told(pattern: str, told: str) -> None:
    with pytest.raises(PatternError, match=told.replace("[", r"\[")):
        read_pattern(pattern)
