"""Requests and results of any shape: each becomes an event, a response or one named refusal."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.api.asgi import HttpResponse
from emulator.api.companion.service_name import addressed_to, signed_for
from emulator.api.cors import answer_headers, preflight_headers
from emulator.api.function_url.responses import Prelude, PreludeError, whole
from emulator.api.http_api.event import Api, HttpRequest, event
from emulator.api.http_api.response import response
from emulator.api.invoke.directory import asked_for
from emulator.api.invoke.request import check_json, options
from emulator.core.function_names import Scope
from emulator.core.function_url import Cors
from emulator.core.routes import Route
from emulator.errors import ServiceError

MANY = settings(max_examples=100, deadline=None)
LATIN = st.binary(max_size=60)
NAMES = st.one_of(
    st.sampled_from(
        [
            b"host",
            b"cookie",
            b"content-type",
            b"x-forwarded-for",
            b"user-agent",
            b"origin",
            b"authorization",
            b"x-amz-client-context",
            b"x-amz-invocation-type",
            b"x-amz-log-type",
            b"x-amzn-trace-id",
            b"access-control-request-headers",
            b"x-amz-target",
        ]
    ),
    st.binary(min_size=1, max_size=20),
)
VALUES = st.one_of(
    LATIN,
    LATIN.map(base64.b64encode),
    st.sampled_from(
        [
            base64.b64encode(b"[" * 1300),
            base64.b64encode(b'"\\ud800"'),
            b"AWS4-HMAC-SHA256 Credential=/20261122/s3/aws4_request",
            b"AWS4-",
            b"AWS ",
            b"Root=1",
            b"text/plain; charset=utf-16",
        ]
    ),
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
JSON = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats()),
        st.text(st.characters(exclude_categories=()), max_size=20),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=10,
)
STATUS = st.one_of(st.integers(-1, 700), st.sampled_from(["200", "9" * 5000, "²"]), JSON)
RESULTS = st.fixed_dictionaries(
    {"statusCode": STATUS},
    optional={
        "headers": st.one_of(st.dictionaries(st.text(max_size=10), JSON, max_size=4), JSON),
        "cookies": st.one_of(st.lists(JSON, max_size=3), JSON),
        "body": JSON,
        "isBase64Encoded": JSON,
    },
)
RAW = st.one_of(st.binary(max_size=200), st.one_of(RESULTS, JSON).map(json.dumps).map(str.encode))
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
FIELD = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def check_wire(answer: HttpResponse) -> None:
    """Checks that the server will take it: uvicorn's rules, and a length that is the body's."""
    assert 200 <= answer.status <= 599
    for name, value in answer.headers:
        assert TOKEN.fullmatch(name)
        assert FIELD.fullmatch(value)
    lengths = [value for name, value in answer.headers if name == b"content-length"]
    assert lengths in ([], [b"%d" % len(answer.body)])


@MANY
@given(RAW)
@example(b'{"statusCode": 200, "body": "\\ud800", "headers": {"a": "\\ud800"}}')
@example(b'{"statusCode": 200, "headers": {"\\ud800": "a"}}')
@example(b'{"statusCode": 200, "body": ' + b"[" * 100_000)
@example(b"[" * 100_000 + b'"\\ud800"')
@example(b'{"statusCode": 1e400, "a": "\\ud800"}')
@example(b'{"statusCode": ' + b"9" * 5000 + b', "a": "\\ud800"}')
@example(b'{"statusCode": 200, "isBase64Encoded": true, "body": "\\u0661"}')
def test_result_of_any_shape_becomes_a_response(result: bytes) -> None:
    check_wire(response(result))
    check_wire(whole(result))


@MANY
@given(st.lists(st.one_of(RAW, st.just(b"\0" * 8), st.just(b"\0")), max_size=5))
def test_stream_of_any_pieces_has_a_head_or_none(pieces: list[bytes]) -> None:
    prelude = Prelude()
    try:
        for piece in pieces:
            if (head := prelude.feed(piece)) is not None:
                check_wire(HttpResponse(head[0], head[1], b""))
                break
    except PreludeError:
        pass


@MANY
@given(headers=HEADERS, body=st.binary(max_size=100), query=LATIN, path=st.text(max_size=30))
@example(headers=[], body=b"", query=b"&=&;%ff=%zz&a=\xff", path="/\ufffd")
def test_request_of_any_shape_becomes_an_event(
    headers: list[tuple[bytes, bytes]], body: bytes, query: bytes, path: str
) -> None:
    request = HttpRequest("POST", path, query, headers, body, "10.0.0.7")
    api = Api("123456789012", "id", "id.example", 8000)
    built = event(
        request, Route("ANY", "/{a+}", "f"), {"a": path}, api=api, request_id="i", at_epoch=0.0
    )
    loaded: dict[str, Any] = json.loads(built)
    if body:
        text = loaded["body"]
        assert body == (base64.b64decode(text) if loaded["isBase64Encoded"] else text.encode())


@MANY
@given(headers=HEADERS)
def test_options_of_any_shape_are_read_or_refused(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        context = options(headers).client_context
    except ServiceError as refused:
        assert refused.status == 400  # noqa: PT017  # either end is right
    else:
        assert "\n" not in context
        assert "\r" not in context


@MANY
@given(
    payload=st.one_of(
        RAW, st.text(st.characters(exclude_categories=())).map(json.dumps).map(str.encode)
    )
)
def test_payload_is_passed_on_where_any_parser_takes_it(payload: bytes) -> None:
    try:
        check_json(payload)
    except ServiceError as refused:
        assert refused.status == 400  # noqa: PT017  # either end is right
        with pytest.raises(ValueError):  # noqa: PT011
            json.loads(payload.decode(), parse_constant=int)
    else:
        json.loads(payload or b"{}")


@MANY
@given(name=st.text(max_size=80), query=LATIN)
def test_function_of_any_name_is_read_or_refused(name: str, query: bytes) -> None:
    path = f"/2015-03-31/functions/{name}/invocations"
    try:
        assert asked_for((path, query, query), Scope()).arn.startswith("arn:aws:lambda:")
    except ServiceError as refused:
        assert refused.status in {400, 404}  # noqa: PT017  # either end is right


@MANY
@given(headers=HEADERS, query=LATIN)
def test_service_of_any_request_is_named_or_empty(
    headers: list[tuple[bytes, bytes]], query: bytes
) -> None:
    assert isinstance(signed_for(headers, query), str)
    assert isinstance(addressed_to(headers), str)


@MANY
@given(
    headers=HEADERS, values=st.lists(st.text(max_size=10), max_size=3), credentials=st.booleans()
)
def test_cors_of_any_values_is_right_for_the_wire(
    headers: list[tuple[bytes, bytes]], values: list[str], *, credentials: bool
) -> None:
    stated = tuple(values)
    cors = Cors(
        allow_credentials=credentials,
        allow_headers=stated,
        allow_methods=stated,
        allow_origins=("*",),
        expose_headers=stated,
    )
    asked = {
        name: bytes(byte for byte in value if byte >= 32 and byte != 127) for name, value in headers
    } | {b"access-control-request-method": b"GET"}
    for name, value in answer_headers(cors, asked) + preflight_headers(cors, asked):
        assert TOKEN.fullmatch(name)
        assert FIELD.fullmatch(value)
