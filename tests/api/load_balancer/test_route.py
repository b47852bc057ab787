"""Functions behind a load balancer, over HTTP: `echo`, `stream` (multi-value) and `fail`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from emulator.api.load_balancer.responses import BAD_GATEWAY, LIMIT, response
from emulator.core.load_balancer import Target

if TYPE_CHECKING:
    from tests.api.conftest import Served


def asked(here: Served, function: str, **more: Any) -> httpx.Response:
    host = {"host": f"{function}.elb.localhost:8000"}
    return httpx.post(f"{here.url}/any/path", headers=host, **more)


def played(here: Served, result: Any) -> httpx.Response:
    return asked(here, "stream", json={"pieces": [json.dumps(result)]})


def test_function_gets_the_request_and_says_the_answer(emulator: Served) -> None:
    answer = played(
        emulator,
        {"statusCode": 201, "multiValueHeaders": {"set-cookie": ["a", "b"]}, "body": "hi"},
    )
    assert (answer.status_code, answer.text) == (201, "hi")
    assert answer.headers.get_list("set-cookie") == ["a", "b"]
    assert answer.headers["content-type"] == "application/octet-stream"
    event = json.loads(emulator.payloads[-1])
    assert (event["path"], event["httpMethod"]) == ("/any/path", "POST")
    assert event["multiValueHeaders"]["x-amzn-trace-id"][0].startswith("Root=1-")


@pytest.mark.parametrize("function", ["fail", "echo"])
def test_failing_function_and_malformed_result_are_a_bad_gateway(
    emulator: Served, function: str
) -> None:
    answer = asked(emulator, function, content=b"x")
    assert answer.status_code == 502
    assert "<h1>502 Bad Gateway</h1>" in answer.text
    assert answer.headers["server"] == "awselb/2.0"


def test_function_that_is_no_target_is_unavailable(emulator: Served) -> None:
    assert asked(emulator, "hang").status_code == 503


def test_body_of_more_than_a_megabyte_is_refused(emulator: Served) -> None:
    before = len(emulator.payloads)
    assert asked(emulator, "echo", content=b"x" * (LIMIT + 1)).status_code == 413
    assert len(emulator.payloads) == before


def test_member_for_the_other_kind_of_headers_is_not_read() -> None:
    value = {"statusCode": 200, "headers": {"a": "1"}, "multiValueHeaders": {"a": ["2", "3"]}}
    result = json.dumps(value).encode()
    assert response(result, Target("f")).headers[0] == (b"a", b"1")
    headers = response(result, Target("f", multi_value=True)).headers
    assert headers[:2] == ((b"a", b"2"), (b"a", b"3"))


def test_result_of_more_than_a_megabyte_is_a_bad_gateway() -> None:
    result = json.dumps({"statusCode": 200, "body": "x" * LIMIT}).encode()
    assert response(result, Target("f")) == BAD_GATEWAY
