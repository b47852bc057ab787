from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.api.http_api.response import INTERNAL_SERVER_ERROR
from emulator.api.http_api.response_v1 import response_v1


def answered(value: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    got = response_v1(json.dumps(value).encode())
    return got.status, [(n.decode(), v.decode()) for n, v in got.headers], got.body


def test_values_of_multi_value_headers_count_where_both_members_have_a_header() -> None:
    value = {
        "statusCode": 201,
        "headers": {"X-A": "single", "x-b": 2},
        "multiValueHeaders": {"x-a": ["1", "2"], "Set-Cookie": ["a=b", "c=d"]},
        "body": "hi",
    }
    assert answered(value) == (
        201,
        [
            ("x-a", "1"),
            ("x-a", "2"),
            ("x-b", "2"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "2"),
        ],
        b"hi",
    )


def test_base64_is_decoded_and_digits_are_a_status() -> None:
    status, _, body = answered({"statusCode": "200", "body": "aGk=", "isBase64Encoded": True})
    assert (status, body) == (200, b"hi")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {"body": "nothing is inferred in this format"},
        {"statusCode": "OK"},
        {"statusCode": 99},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
        {"statusCode": 200, "multiValueHeaders": {"a": [{}]}},
        {"statusCode": 200, "body": {}},
    ],
)
def test_malformed_result_is_an_internal_server_error(value: Any) -> None:
    assert response_v1(json.dumps(value).encode()) == INTERNAL_SERVER_ERROR
