"""What a client gets for a function's result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.api.http_api.response import INTERNAL_SERVER_ERROR, NOT_FOUND, response

JSON = (b"content-type", b"application/json")


def test_a_structured_result_says_it_all() -> None:
    result = {
        "statusCode": 201,
        "headers": {"Content-Type": "text/html", "X-Count": 3, "X-Ratio": 0.5, "X-On": True},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": "<p>caf\N{LATIN SMALL LETTER E WITH ACUTE}</p>",
    }
    got = response(json.dumps(result).encode())
    assert got.status == 201
    assert got.headers == (
        (b"content-type", b"text/html"),
        (b"x-count", b"3"),
        (b"x-ratio", b"0.5"),
        (b"x-on", b"true"),
        (b"set-cookie", b"a=1; Path=/"),
        (b"set-cookie", b"b=2"),
        (b"content-length", b"12"),
    )
    assert got.body == "<p>caf\N{LATIN SMALL LETTER E WITH ACUTE}</p>".encode()


def test_a_body_in_base64_is_decoded() -> None:
    got = response(b'{"statusCode": 200, "body": "AQID", "isBase64Encoded": true}')
    assert got.body == b"\x01\x02\x03"
    assert (b"content-length", b"3") in got.headers


def test_a_structured_result_without_content_type_is_plain_text() -> None:
    # as AWS recorded it in V2_HttpAPIHeaders.json
    got = response(b'{"statusCode": 200, "body": "Test body"}')
    assert got.headers == (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"9"),
    )


def test_a_result_without_a_body_has_none() -> None:
    for result in (b'{"statusCode": 200}', b'{"statusCode": 200, "body": null, "headers": null}'):
        assert response(result).body == b""


def test_an_answer_that_may_have_no_body_has_none() -> None:
    got = response(b'{"statusCode": 204, "body": "dropped"}')
    assert (got.status, got.body) == (204, b"")
    assert all(name != b"content-length" for name, _ in got.headers)


def test_headers_of_the_connection_are_the_gateways() -> None:
    result = (
        b'{"statusCode": 200, "body": "x", "headers": '
        b'{"Content-Length": "99", "Connection": "close", "Transfer-Encoding": "chunked"}}'
    )
    assert response(result).headers == (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"1"),
    )


@pytest.mark.parametrize(
    ("result", "body"),
    [
        (b'{"message": "Hello from Lambda!"}', b'{"message": "Hello from Lambda!"}'),
        (b'{"body": "no status"}', b'{"body": "no status"}'),
        (b"[1, 2, 3]", b"[1, 2, 3]"),
        (b"42", b"42"),
        (b"null", b"null"),
        (b'"test"', b"test"),
        (b'"Special \\"quoted\\" text"', b'Special "quoted" text'),
        (b'""', b""),
        (b'{"name": "John Doe", "age":', b'{"name": "John Doe", "age":'),
        (b"Hello, World!", b"Hello, World!"),
        (b"\xff", b"\xff"),
        (b'"\\ud800"', b"?"),
        (b"[" * 100_000, b"[" * 100_000),
    ],
)
def test_what_has_no_status_is_the_body_of_a_200(result: bytes, body: bytes) -> None:
    # as AWS recorded it in ToApiGatewayProxyResponse_ValidResponse_MatchesDirectConversion…
    got = response(result)
    assert got.status == 200
    assert got.headers == (JSON, (b"content-length", str(len(body)).encode()))
    assert got.body == body


@pytest.mark.parametrize(
    "members",
    [
        {"statusCode": 200.5},
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 0},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": 1},
        {"statusCode": 200, "body": "AQ!ID", "isBase64Encoded": True},
        {"statusCode": 200, "body": "caf\u00e9", "isBase64Encoded": True},
        {"statusCode": 200, "body": "AQID", "isBase64Encoded": "yes"},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": None}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nset-cookie: c"}},
        {"statusCode": 200, "headers": {"a": "\u2603"}},
        {"statusCode": 200, "headers": {"a": "\x01"}},
        {"statusCode": 200, "headers": {"a": "\x7f"}},
        {"statusCode": 200, "headers": {"a": "\ud800"}},
        {"statusCode": 200, "body": "", "cookies": ["\ud800"]},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": [1, None]},
        {"statusCode": 200, "cookies": ["a=1\nb"]},
    ],
)
def test_a_malformed_result_is_an_internal_server_error(members: dict[str, Any]) -> None:
    assert response(json.dumps(members).encode()) == INTERNAL_SERVER_ERROR


def test_lone_surrogate_of_a_body_becomes_a_question_mark() -> None:
    got = response(b'{"statusCode": 201, "headers": {"a": "b"}, "body": "x\\ud800y"}')
    assert (got.status, got.body) == (201, b"x?y")


def test_the_gateways_own_answers() -> None:
    assert NOT_FOUND.status == 404
    assert NOT_FOUND.headers == (JSON, (b"content-length", b"23"))
    assert NOT_FOUND.body == b'{"message":"Not Found"}'
    assert INTERNAL_SERVER_ERROR.status == 500
    assert INTERNAL_SERVER_ERROR.body == b'{"message":"Internal Server Error"}'
