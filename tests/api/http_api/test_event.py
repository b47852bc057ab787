from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from emulator.api.http_api.event import Api, HttpRequest, event, is_text
from emulator.core.routes import Route

API = Api("123456789012", "api-id", "api-id.execute-api.us-east-1.amazonaws.com", 8000)
ROUTE = Route("POST", "/my/{name}", "echo")
AT = 1584039838.390  # 12 March 2020, 19:03:58.390 UTC


def request(**changes: Any) -> HttpRequest:
    least = HttpRequest("POST", "/my/path", b"", [(b"host", b"localhost")], b"", "10.0.0.7")
    return replace(least, **changes)


def made(asked: HttpRequest, parameters: dict[str, str] | None = None) -> dict[str, Any]:
    built = event(asked, ROUTE, parameters or {}, api=API, request_id="the-id", at_epoch=AT)
    loaded: dict[str, Any] = json.loads(built)
    return loaded


def test_a_bare_request_has_nothing_but_what_every_event_has() -> None:
    assert made(request()) == {
        "version": "2.0",
        "routeKey": "POST /my/{name}",
        "rawPath": "/my/path",
        "rawQueryString": "",
        "headers": {
            "host": "localhost",
            "x-forwarded-for": "10.0.0.7",
            "x-forwarded-port": "8000",
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "api-id",
            "http": {
                "method": "POST",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "10.0.0.7",
                "userAgent": "",
            },
            "requestId": "the-id",
            "routeKey": "POST /my/{name}",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1584039838390,
        },
        "isBase64Encoded": False,
    }


def test_a_full_request_is_the_guides_example() -> None:
    got = made(
        request(
            query=b"parameter1=value1&parameter1=value2&parameter2=value",
            headers=[
                (b"Header1", b"value1"),
                (b"header2", b"value1"),
                (b"header2", b"value2"),
                (b"cookie", b"cookie1; cookie2=b"),
                (b"cookie", b"cookie3"),
                (b"user-agent", b"agent"),
                (b"content-type", b"text/plain"),
                (b"x-forwarded-for", b"1.2.3.4"),
            ],
            body="Hello from Lambda \N{SNOWMAN}".encode(),
        ),
        {"name": "path"},
    )
    assert got["rawQueryString"] == "parameter1=value1&parameter1=value2&parameter2=value"
    assert got["cookies"] == ["cookie1", "cookie2=b", "cookie3"]
    assert got["headers"] == {
        "header1": "value1",
        "header2": "value1,value2",
        "user-agent": "agent",
        "content-type": "text/plain",
        "x-forwarded-for": "1.2.3.4, 10.0.0.7",
        "x-forwarded-port": "8000",
        "x-forwarded-proto": "http",
    }
    assert got["queryStringParameters"] == {"parameter1": "value1,value2", "parameter2": "value"}
    assert got["requestContext"]["http"]["userAgent"] == "agent"
    assert got["pathParameters"] == {"name": "path"}
    assert got["body"] == "Hello from Lambda \N{SNOWMAN}"
    assert got["isBase64Encoded"] is False


def test_the_default_route_has_no_method_in_its_key() -> None:
    built = event(
        request(), Route("ANY", "$default", "echo"), {}, api=API, request_id="i", at_epoch=AT
    )
    got = json.loads(built)
    assert got["routeKey"] == got["requestContext"]["routeKey"] == "$default"


def test_query_parameters_are_decoded_and_the_raw_query_is_not() -> None:
    # as AWS recorded it in V2_UrlEncodedQueryString.json
    query = b"q=Hello%20World&tag=C%23%20Programming&tag=.NET%20Core&empty=&bare"
    got = made(request(query=query))
    assert got["rawQueryString"] == query.decode()
    assert got["queryStringParameters"] == {
        "q": "Hello World",
        "tag": "C# Programming,.NET Core",
        "empty": "",
        "bare": "",
    }


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/plain", True),
        ("text/csv; charset=utf-8", True),
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("application/javascript", True),
        ("application/xml", True),
        ("application/problem+json", True),
        ("image/svg+xml", True),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("application/octet-stream", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_which_bodies_are_text(content_type: str, *, text: bool) -> None:
    assert is_text(content_type) is text
    headers = [(b"content-type", content_type.encode())] if content_type else []
    got = made(request(headers=headers, body=b"a=1"))
    assert got["isBase64Encoded"] is not text
    assert got["body"] == ("a=1" if text else base64.b64encode(b"a=1").decode())


def test_text_that_is_not_utf_8_is_not_lost() -> None:
    got = made(request(headers=[(b"content-type", b"text/plain")], body=b"\xff\xfe"))
    assert (got["body"], got["isBase64Encoded"]) == ("//4=", True)
