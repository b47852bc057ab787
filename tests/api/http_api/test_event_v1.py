"""Payload format 1.0, against the examples of the API Gateway developer guide."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from emulator.api.http_api.event import Api, HttpRequest, inferred_body
from emulator.api.http_api.event_v1 import Asked, event_v1, resource_id

API = Api("123456789012", "id", "id.execute-api.us-east-1.amazonaws.com", 8000)
AT = 1583349317.135  # 4 March 2020, 19:15:17.135 UTC
ASKED = Asked("/my/path", {}, "ANY /my/path", "/my/path", "/my/path")
NOBODY = {
    "accessKey": None,
    "accountId": None,
    "caller": None,
    "cognitoAuthenticationProvider": None,
    "cognitoAuthenticationType": None,
    "cognitoIdentityId": None,
    "cognitoIdentityPoolId": None,
    "principalOrgId": None,
    "user": None,
    "userArn": None,
}


def request(**changes: Any) -> HttpRequest:
    least = HttpRequest("GET", "/my/path", b"", [(b"host", b"localhost")], b"", "10.0.0.7")
    return replace(least, **changes)


def made(asked: HttpRequest, what: Asked = ASKED, api: Api = API, **more: Any) -> dict[str, Any]:
    built: dict[str, Any] = json.loads(
        event_v1(
            asked,
            what,
            inferred_body(asked.body, "text/plain"),
            api=api,
            request_id="id=",
            extended_request_id="request-id",
            at_epoch=AT,
            **more,
        )
    )
    return built


def test_the_guides_example_of_an_http_api() -> None:
    asked = request(
        query=b"parameter1=value1&parameter1=value2&parameter2=value",
        headers=[
            (b"header1", b"value1"),
            (b"header2", b"value1"),
            (b"header2", b"value2"),
            (b"user-agent", b"agent"),
        ],
        body=b"Hello from Lambda!",
    )
    assert made(asked, version="1.0") == {
        "version": "1.0",
        "resource": "/my/path",
        "path": "/my/path",
        "httpMethod": "GET",
        "headers": {
            "Header1": "value1",
            "Header2": "value2",
            "User-Agent": "agent",
            "X-Forwarded-For": "10.0.0.7",
            "X-Forwarded-Port": "8000",
            "X-Forwarded-Proto": "http",
        },
        "multiValueHeaders": {
            "Header1": ["value1"],
            "Header2": ["value1", "value2"],
            "User-Agent": ["agent"],
            "X-Forwarded-For": ["10.0.0.7"],
            "X-Forwarded-Port": ["8000"],
            "X-Forwarded-Proto": ["http"],
        },
        "queryStringParameters": {"parameter1": "value2", "parameter2": "value"},
        "multiValueQueryStringParameters": {
            "parameter1": ["value1", "value2"],
            "parameter2": ["value"],
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "extendedRequestId": "request-id",
            "httpMethod": "GET",
            "identity": {**NOBODY, "sourceIp": "10.0.0.7", "userAgent": "agent"},
            "path": "/my/path",
            "protocol": "HTTP/1.1",
            "requestId": "id=",
            "requestTime": "04/Mar/2020:19:15:17 +0000",
            "requestTimeEpoch": 1583349317135,
            "resourceId": "ANY /my/path",
            "resourcePath": "/my/path",
            "stage": "$default",
        },
        "pathParameters": None,
        "stageVariables": None,
        "body": "Hello from Lambda!",
        "isBase64Encoded": False,
    }


def test_rest_event_has_no_version_and_tells_the_stage_in_its_context_alone() -> None:
    what = Asked("/a/{id}", {"id": "b c"}, "x1y2z3", "/a/b%20c", "/Prod/a/b%20c")
    got = made(request(), what, replace(API, stage="Prod", variables={"table": "t"}))
    assert "version" not in got
    assert (got["resource"], got["path"]) == ("/a/{id}", "/a/b%20c")
    assert got["requestContext"]["path"] == "/Prod/a/b%20c"
    assert got["requestContext"]["stage"] == "Prod"
    assert got["pathParameters"] == {"id": "b c"}
    assert got["stageVariables"] == {"table": "t"}


def test_a_bare_request_has_null_where_nothing_is() -> None:
    got = made(request())
    assert got["queryStringParameters"] is None
    assert got["multiValueQueryStringParameters"] is None
    assert got["body"] is None
    assert got["isBase64Encoded"] is False


def test_forwarded_addresses_are_one_value() -> None:
    got = made(request(headers=[(b"x-forwarded-for", b"1.2.3.4")]))
    assert got["multiValueHeaders"]["X-Forwarded-For"] == ["1.2.3.4, 10.0.0.7"]


def test_resource_has_one_id_at_all_times() -> None:
    assert resource_id("/a/{id}") == resource_id("/a/{id}") != resource_id("/a")
    assert len(resource_id("/")) == 6
