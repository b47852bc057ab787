"""Events of a load balancer, against the example of the user guide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.api.http_api.event import HttpRequest
from emulator.api.load_balancer.event import event, target_group_arn
from emulator.core.load_balancer import Target


def made(target: Target, body: bytes = b"", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    asked = HttpRequest(
        "GET", "/a b", b"q=1&q=a%20b&bare", [(b"host", b"lb"), *headers], body, "72.21.198.66"
    )
    built: dict[str, Any] = json.loads(event(asked, "/a%20b", target, port=80))
    return built


def test_single_values_are_the_last_and_nothing_is_decoded() -> None:
    text = (b"content-type", b"text/plain")
    got = made(Target("echo"), b"request_body", text, (b"X-A", b"1"), (b"x-a", b"2"))
    assert got == {
        "requestContext": {"elb": {"targetGroupArn": target_group_arn("echo")}},
        "httpMethod": "GET",
        "path": "/a%20b",
        "queryStringParameters": {"q": "a%20b", "bare": ""},
        "headers": {
            "host": "lb",
            "content-type": "text/plain",
            "x-a": "2",
            "x-forwarded-for": "72.21.198.66",
            "x-forwarded-port": "80",
            "x-forwarded-proto": "http",
        },
        "body": "request_body",
        "isBase64Encoded": False,
    }


def test_multiple_values_stand_in_the_place_of_single_ones() -> None:
    got = made(Target("echo", multi_value=True), b"", (b"x-a", b"1"), (b"x-a", b"2"))
    assert got["multiValueQueryStringParameters"] == {"q": ["1", "a%20b"], "bare": [""]}
    assert got["multiValueHeaders"]["x-a"] == ["1", "2"]
    assert "headers" not in got
    assert "queryStringParameters" not in got


@pytest.mark.parametrize(
    ("headers", "encoded"),
    [
        ([(b"content-type", b"application/json; charset=utf-8")], False),
        ([(b"content-type", b"application/json"), (b"content-encoding", b"gzip")], True),
        ([(b"content-type", b"application/x-www-form-urlencoded")], True),
        ([], True),
    ],
)
def test_body_is_text_where_its_type_is_and_it_is_not_encoded(
    headers: list[tuple[bytes, bytes]], encoded: bool
) -> None:
    got = made(Target("echo"), b"hi", *headers)
    assert (got["body"], got["isBase64Encoded"]) == (("aGk=", True) if encoded else ("hi", False))
