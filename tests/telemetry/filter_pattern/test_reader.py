"""The examples of the CloudWatch Logs user guide's page "Filter pattern syntax"."""

from __future__ import annotations

import json

import pytest

from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.reader import filter_pattern

ERRORS = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
    "[ERROR 500] INTERNAL SERVER ERROR",
]
TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "ThisFlag": True,
    }
)
USERS = json.dumps(
    {
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [
            {"id": 2, "email": "John.Doe@example.com"},
            {"id": 3, "email": "Jane.Doe@example.com"},
        ],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
    }
)
APACHE = [
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534',
    '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324',
    '127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] "GET /apache_pb.gif HTTP/1.0" 200 4355',
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
]


def matched(pattern: str, messages: list[str]) -> list[int]:
    """The places, from 1, of the messages that match."""
    test = filter_pattern(pattern)
    return [place for place, message in enumerate(messages, 1) if test(message)]


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("ERROR", [1, 2, 3, 4, 5]),
        ("ERROR ARGUMENTS", [3, 4]),
        ("?ERROR ?ARGUMENTS", [1, 2, 3, 4, 5]),
        ("?REQUEST ?INTERNAL", [1, 2, 5]),
        ("?INTERNAL ?ARGUMENTS REQUEST", [1, 2]),  # beside another term `?` is ignored
        ('"INTERNAL SERVER ERROR"', [5]),
        ("ERROR -ARGUMENTS", [1, 2, 5]),
        (" -ARGUMENTS", [1, 2, 5]),
        ('"ERROR" -"419"', [1, 2, 4, 5]),
        ('" "', [1, 2, 3, 4, 5]),
        ('""', [1, 2, 3, 4, 5]),
        ("", [1, 2, 3, 4, 5]),
        ("error", []),
        ("%AUTHORIZED%", [2]),
        ("%4[0-9]{2}%", [1, 2, 3, 4]),
    ],
)
def test_terms_match_as_the_user_guide_says(pattern: str, places: list[int]) -> None:
    assert matched(pattern, ERRORS) == places


def test_a_term_is_found_within_words() -> None:
    assert matched("ERROR", ["Exiting with ERRORCODE: -1"]) == [1]
    assert matched("ERROR Exception", ["[ERROR] Caught IllegalArgumentException"]) == [1]


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{ $.eventType = UpdateTrail }",
        "{ $.eventType = Update* }",
        '{ $.eventType = "*Trail" }',
        "{ $.sourceIPAddress != 123.123.* }",
        '{ $.arrayKey[0] = "value" }',
        '{ $.arrayKey[*] = "another value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.objectList[*].id >= 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.['eventType'] = UpdateTrail }",
        "{ $.* = UpdateTrail }",
        "{ $.sourceIPAddress = %^111% }",
    ],
)
def test_json_conditions_that_hold(pattern: str) -> None:
    assert filter_pattern(pattern)(TRAIL)


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.eventType = Upd*Trail }",  # an asterisk within a string is itself
        "{ $.sourceIPAddress != 111.111.* }",
        "{ $.arrayKey[2] = value }",
        "{ $.objectList[1].id = 1 }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.ThisFlag IS NULL }",
        "{ $.arrayKey = 1 }",  # an array is no value, for neither operator
        "{ $.arrayKey != 1 }",
        "{ $.nowhere != 1 }",
        "{ $.eventType > 1 }",
    ],
)
def test_json_conditions_that_do_not_hold(pattern: str) -> None:
    assert not filter_pattern(pattern)(TRAIL)


@pytest.mark.parametrize(
    ("pattern", "holds"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            (
                '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch'
                " && $.actions[2] = nonmatch }"
            ),
            True,
        ),
        (
            (
                '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch)'
                " && $.actions[2] = nonmatch }"
            ),
            False,
        ),
        ("{ $.coordinates[1][2] = 6 }", True),
    ],
)
def test_json_conditions_are_joined_in_the_documented_order(pattern: str, holds: bool) -> None:
    assert filter_pattern(pattern)(USERS) is holds


@pytest.mark.parametrize(
    ("pattern", "value", "holds"),
    [
        ("{ $.latency >= 500 }", 500, True),
        ("{ $.latency > +1000 }", 1000, False),
        ("{ $.latency < 10e3 }", 9999.5, True),
        ("{ $.latency < 10e-3 }", 0.02, False),
        ("{ $.latency <= 55.5 }", 55.5, True),
        ("{ $.latency = 1e-3 }", 0.001, True),
        ("{ $.latency != 1e+3 }", 1000, False),
        ("{ $.latency = 400 }", 400, True),
        ("{ $.latency = * }", 12, True),
        ("{ $.latency = %4[0-9]{2}% }", 404, True),
    ],
)
def test_numbers_are_compared_as_numbers(pattern: str, value: float, holds: bool) -> None:
    assert filter_pattern(pattern)(json.dumps({"latency": value})) is holds


def test_what_is_no_json_matches_no_json_condition() -> None:
    assert not filter_pattern("{ $.a NOT EXISTS }")("plain text")
    assert not filter_pattern("{ $.a NOT EXISTS }")('{"a": ')


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", [1, 2, 3, 4]),
        ("[ip, user, username, timestamp, request, status_code, bytes > 2000]", [2, 3]),
        ("[ip, user, username, timestamp, request, status_code = 200, bytes]", [1, 3]),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes]", [4]),
        ("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", [4]),
        ("[..., status_code = 200, bytes > 1000]", [1, 3]),
        ("[..., request=*.html*, status_code=4*,]", [4]),
        ("[ip, user, ..., status_code = 500, bytes]", [2]),
        ("[ip, user = Prod, ...]", [4]),
        (
            "[ip, user, username, timestamp, request, status_code = 4* && status_code != 403, b]",
            [4],
        ),
        ("[..., status_code = 404 || status_code = 410, bytes]", [4]),
        ("[ip=%127\\.0\\.0\\.[1-9]%, user, ...]", [1, 2, 3, 4]),
        ("[ip, user]", []),
        ("[]", []),
    ],
)
def test_fields_match_as_the_user_guide_says(pattern: str, places: list[int]) -> None:
    assert matched(pattern, APACHE) == places


def test_words_in_an_order() -> None:
    lines = ["ERROR WARN message", "ERROR message", "WARN message"]
    assert matched("[w1=ERROR, w2]", lines) == [2]
    assert matched("[w1=ERROR || w1=WARN, w2]", lines) == [2, 3]
    assert matched("[w1!=ERROR && w1!=WARN, w2]", [*lines, "INFO message"]) == [4]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("a:b", "Invalid character(s) in term 'a:b'"),
        ('"open', "Invalid term at '\"open'"),
        ("{ $.a = 1", "'{' does not end"),
        ("{ a = 1 }", "'a' is no $.property"),
        ("{ $.a }", "it ends too early"),
        ("{ $.a > big }", "Invalid number 'big' after '>'"),
        ("{ ($.a = 1 }", "a parenthesis does not end"),
        ("{ $.a = 1 $.b = 2 }", "Invalid filter pattern at '$.b'"),
        ("{ $.a IS NEVER }", "Invalid value 'NEVER' after IS"),
        ("{ $ = 1 }", "Invalid property selector '$'"),
        ("{ $.a = %b% && $.a = %c% && $.a = %d% }", "at most 2 regexes"),
        ("[a, ..., b, ...]", "more than one ellipsis"),
        ("[a = ]", "it ends too early"),
        ("%something!%", "Invalid regular expression 'something!'"),
        ("%(a)%", "Invalid regular expression"),
        ("%[a%", "Invalid regular expression"),
        ("{ " + "(" * 200 + "$.a = 1" + ")" * 200 + " }", "too many parentheses"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, sentence: str) -> None:
    with pytest.raises(FilterPatternError) as refusal:
        filter_pattern(pattern)
    assert sentence in str(refusal.value)
