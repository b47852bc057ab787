from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from emulator.api.http_api.payload import (
    INTERNAL_SERVER_ERROR,
    NOT_FOUND,
    Api,
    HttpRequest,
    event,
    is_text,
    response,
)
from emulator.core.routes import Route

API = Api("123456789012", "api-id", "api-id.execute-api.us-east-1.amazonaws.com", 8000)
ROUTE = Route("POST", "/my/{name}", "echo")
AT = 1584039838.390  # 12 March 2020, 19:03:58.390 UTC
JSON = (b"content-type", b"application/json")


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
        (b'"\\ud800"', b'"\\ud800"'),
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
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": [1, None]},
        {"statusCode": 200, "cookies": ["a=1\nb"]},
    ],
)
def test_a_malformed_result_is_an_internal_server_error(members: dict[str, Any]) -> None:
    assert response(json.dumps(members).encode()) == INTERNAL_SERVER_ERROR


def test_the_gateways_own_answers() -> None:
    assert NOT_FOUND.status == 404
    assert NOT_FOUND.headers == (JSON, (b"content-length", b"23"))
    assert NOT_FOUND.body == b'{"message":"Not Found"}'
    assert INTERNAL_SERVER_ERROR.status == 500
    assert INTERNAL_SERVER_ERROR.body == b'{"message":"Internal Server Error"}'
