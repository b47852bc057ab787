from __future__ import annotations

from typing import Any

from emulator.core.apis import RestCors
from emulator.core.function_url import Cors
from emulator.core.openapi_routes import http_cors_of, rest_cors_of, routes_of
from emulator.core.routes import PayloadFormat, Route, RouteAuth

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:live"
URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}/invocations"


def integrated(**more: Any) -> dict[str, Any]:
    return {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": URI, **more}}


def test_routes_of_a_document_are_those_of_functions() -> None:
    document = {
        "paths": {
            "/a/{id}": {
                "get": integrated(payloadFormatVersion="1.0") | {"security": [{"AWS_IAM": []}]},
                "x-amazon-apigateway-any-method": integrated(payloadFormatVersion="2.0"),
                "options": {"x-amazon-apigateway-integration": {"type": "mock"}},
                "parameters": [],
            },
            "/$default": {"x-amazon-apigateway-any-method": integrated()},
        }
    }
    assert list(routes_of(document)) == [
        Route("GET", "/a/{id}", ARN, RouteAuth.AWS_IAM, PayloadFormat.V1),
        Route("ANY", "/a/{id}", ARN),
        Route("ANY", "$default", ARN),
    ]


def test_cors_of_an_http_api() -> None:
    stated = {"allowOrigins": ["*"], "allowMethods": ["GET"], "maxAge": 5}
    found = http_cors_of({"x-amazon-apigateway-cors": stated})
    assert found == Cors(allow_origins=("*",), allow_methods=("GET",), max_age=5)
    assert http_cors_of({}) is None


def test_cors_of_a_rest_api_is_what_its_mocks_answer() -> None:
    parameters = {
        "method.response.header.Access-Control-Allow-Origin": "'https://a.example'",
        "method.response.header.Access-Control-Allow-Headers": "'x-a'",
        "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
    }
    mock = {"type": "mock", "responses": {"default": {"responseParameters": parameters}}}
    document = {"paths": {"/a": {"options": {"x-amazon-apigateway-integration": mock}}}}
    assert rest_cors_of(document) == RestCors("https://a.example", allow_headers="x-a")
    assert rest_cors_of({"paths": {"/a": {"get": integrated()}}}) is None
