from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.api.rest_api.responses import BAD_GATEWAY, is_binary, options, response
from emulator.core.apis import RestCors
from emulator.core.resources import ResourceTree
from emulator.core.routes import Route


def answered(value: Any, accept: str = "", *binary: str) -> tuple[int, dict[bytes, bytes], bytes]:
    got = response(json.dumps(value).encode(), binary, accept)
    return got.status, dict(got.headers), got.body


def test_the_guides_output_is_followed() -> None:
    value = {
        "isBase64Encoded": False,
        "statusCode": 200,
        "headers": {"headerName": "headerValue"},
        "multiValueHeaders": {"headerName": ["headerValue", "headerValue2"]},
        "body": "...",
    }
    assert response(json.dumps(value).encode(), (), "").headers == (
        (b"headername", b"headerValue"),
        (b"headername", b"headerValue2"),
        (b"content-type", b"application/json"),
        (b"content-length", b"3"),
    )


@pytest.mark.parametrize(
    "value",
    [None, "text", {}, {"body": "x"}, {"statusCode": 200, "body": {"a": 1}}, {"statusCode": "x"}],
)
def test_malformed_result_is_a_bad_gateway(value: Any) -> None:
    assert response(json.dumps(value).encode(), (), "") == BAD_GATEWAY
    assert BAD_GATEWAY.status == 502
    assert json.loads(BAD_GATEWAY.body) == {"message": "Internal server error"}


@pytest.mark.parametrize(
    ("accept", "binary", "body"),
    [
        ("image/png, text/html", ("image/png",), b"hi"),
        ("text/html, image/png", ("image/png",), b"aGk="),
        ("text/html", ("*/*",), b"hi"),
        ("", ("*/*",), b"hi"),
        ("", ("image/png",), b"aGk="),
        ("image/png", (), b"aGk="),
    ],
)
def test_the_first_accepted_type_decides_whether_base64_is_decoded(
    accept: str, binary: tuple[str, ...], body: bytes
) -> None:
    value = {"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}
    assert answered(value, accept, *binary)[2] == body


def test_headers_that_are_api_gateways_own_are_renamed_or_dropped() -> None:
    value = {
        "statusCode": 200,
        "headers": {"Date": "then", "WWW-Authenticate": "Basic", "Content-Length": "99", "X": "y"},
    }
    _, headers, _ = answered(value)
    assert headers == {
        b"x-amzn-remapped-date": b"then",
        b"x-amzn-remapped-www-authenticate": b"Basic",
        b"x": b"y",
        b"content-type": b"application/json",
        b"content-length": b"0",
    }


def test_binary_types_are_compared_without_parameters_and_case() -> None:
    assert is_binary("Image/PNG; q=1", ("image/png",))
    assert is_binary("image/webp", ("image/*",))
    assert not is_binary("text/image", ("image/*",))
    assert is_binary("", ("application/json",))


def test_options_names_the_methods_of_the_path_where_the_api_names_none() -> None:
    some, all_ = ResourceTree(
        [Route("GET", "/a", "f"), Route("POST", "/a", "f"), Route("ANY", "/b", "f")]
    ).resources
    cors = RestCors("*", allow_headers="x-a", max_age="60", allow_credentials=True)
    assert dict(options(cors, some).headers) == {
        b"content-type": b"application/json",
        b"content-length": b"2",
        b"access-control-allow-origin": b"*",
        b"access-control-allow-methods": b"GET,OPTIONS,POST",
        b"access-control-allow-headers": b"x-a",
        b"access-control-max-age": b"60",
        b"access-control-allow-credentials": b"true",
    }
    methods = dict(options(cors, all_).headers)[b"access-control-allow-methods"]
    assert methods == b"DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
