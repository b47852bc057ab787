from __future__ import annotations

import json

import pytest

from emulator.core.api_documents import api_of, document_of
from emulator.core.apis import Api, HttpApi, RestApi, RestCors
from emulator.core.function_url import Cors
from emulator.core.routes import PayloadFormat, Route, RouteAuth

APIS: list[Api] = [
    RestApi(
        "rest",
        (Route("GET", "/a", "f", RouteAuth.AWS_IAM), Route("ANY", "/{proxy+}", "g")),
        "v1",
        {"a": "b"},
        ("image/*",),
        RestCors("*", max_age="60", allow_credentials=True),
    ),
    HttpApi(
        "web",
        (Route("ANY", "$default", "f", payload_format=PayloadFormat.V1),),
        variables={"a": "b"},
        cors=Cors(allow_origins=("*",), max_age=5),
    ),
    HttpApi("bare"),
]


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.id)
def test_an_api_is_read_as_it_was_written(api: Api) -> None:
    assert api_of(json.loads(json.dumps(document_of(api)))) == api


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({}, "this is no API's document"),
        ({"kind": "soap"}, "this is no API's document"),
        ({"kind": "http", "id": "x", "colour": "red"}, "this is no API's document"),
        ({"kind": "http", "id": "x", "routes": [{"method": "GET"}]}, "this is no API's document"),
        ({"kind": "http", "id": "x", "routes": [["GET", "/", "f"]]}, "this is no API's document"),
        (
            {
                "kind": "http",
                "id": "x",
                "routes": [{"method": "GET", "path": "a", "function": "f"}],
            },
            "the path 'a' must begin with '/'",
        ),
        (
            {
                "kind": "rest",
                "id": "x",
                "routes": [{"method": "GIT", "path": "/", "function": "f"}],
            },
            "'GIT' is no method of a route",
        ),
        (
            {
                "kind": "http",
                "id": "x",
                "routes": [{"method": "GET", "path": "/", "function": "f"}] * 2,
            },
            "two routes take GET /",
        ),
    ],
)
def test_document_that_is_no_apis_is_refused(members: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        api_of(members)
