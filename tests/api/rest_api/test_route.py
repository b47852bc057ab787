"""A REST API, over HTTP; `rest` is one of `APIS` in tests/api/conftest.py."""

from __future__ import annotations

import asyncio
import base64
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from emulator.api.rest_api.route import RestApiRoute
from emulator.core.apis import RestApi
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.routes import Route
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine
    from tests.api.conftest import Served

OWN_HOST = {"host": "rest.execute-api.localhost"}
MISSING = {"message": "Missing Authentication Token"}
SIGNATURE = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/execute-api/aws4_request, x"


def event_of(here: Served) -> Any:
    """The event of the last request, whatever its function answered."""
    return json.loads(here.payloads[-1])


def test_request_comes_as_an_event_of_format_1(emulator: Served) -> None:
    httpx.post(
        f"{emulator.url}/Prod/echo/a%20b?q=1&q=2",
        json={"x": 1},
        headers={"cookie": "c=d", "x-two": "1"},
    )
    event = event_of(emulator)
    assert (event["resource"], event["path"]) == ("/echo/{id}", "/echo/a%20b")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert event["headers"]["Cookie"] == "c=d"
    assert event["stageVariables"] == {"table": "t"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"x":1}', False)
    context = event["requestContext"]
    assert (context["stage"], context["path"]) == ("Prod", "/Prod/echo/a%20b")
    assert (context["apiId"], context["domainPrefix"]) == ("rest", "rest")
    assert context["identity"]["sourceIp"] == "127.0.0.1"


def test_answer_names_the_request_as_its_event_does(emulator: Served) -> None:
    answer = httpx.post(f"{emulator.url}/Prod/play", json={"pieces": ['{"statusCode":202}']})
    assert answer.status_code == 202
    context = event_of(emulator)["requestContext"]
    assert answer.headers.get_list("x-amzn-requestid") == [context["requestId"]]
    assert answer.headers["x-amz-apigw-id"] == context["extendedRequestId"]
    assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")
    assert answer.headers["x-testbed-request-id"] != context["requestId"]


def test_result_that_is_no_proxy_response_is_a_bad_gateway(emulator: Served) -> None:
    answer = httpx.post(f"{emulator.url}/Prod/echo/1", json={})
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})
    assert answer.headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_function_error_is_a_bad_gateway_and_no_function_an_internal_error(
    emulator: Served,
) -> None:
    assert httpx.get(f"{emulator.url}/Prod/fail").status_code == 502
    answer = httpx.get(f"{emulator.url}/Prod/gone")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})


@pytest.mark.parametrize("path", ["/Prod/nothing", "/Prod", "/Prod/files"])
def test_what_no_resource_takes_misses_a_token(emulator: Served, path: str) -> None:
    answer = httpx.get(f"{emulator.url}{path}")
    assert (answer.status_code, answer.json()) == (403, MISSING)
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_method_that_a_resource_lacks_misses_a_token(emulator: Served) -> None:
    assert httpx.get(f"{emulator.url}/Prod/echo/1").json() == MISSING


def test_under_its_own_host_every_request_is_the_apis(emulator: Served) -> None:
    answer = httpx.post(
        f"{emulator.url}/Prod/play", json={"pieces": ['{"statusCode":200}']}, headers=OWN_HOST
    )
    assert answer.status_code == 200
    assert httpx.post(f"{emulator.url}/echo/1", headers=OWN_HOST).json() == MISSING
    other = httpx.get(f"{emulator.url}/", headers={"host": "no.execute-api.localhost"})
    assert (other.status_code, other.json()) == (403, {"message": "Forbidden"})


def test_body_of_a_binary_type_comes_in_base64_and_any_other_as_text(emulator: Served) -> None:
    body = bytes(range(256))
    url = f"{emulator.url}/Prod/files/a/b"
    httpx.put(url, content=body, headers={"content-type": "image/png"})
    event = event_of(emulator)
    assert event["pathParameters"] == {"proxy": "a/b"}
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (body, True)
    httpx.put(url, content=b"hi\xff", headers={"content-type": "application/x-other"})
    event = event_of(emulator)
    assert (event["body"], event["isBase64Encoded"]) == ("hi\ufffd", False)


def test_bodies_that_are_too_large_are_refused(emulator: Served) -> None:
    before = len(emulator.payloads)
    url = f"{emulator.url}/Prod/files/a"
    answer = httpx.put(url, content=b"x" * (10 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json() == {"message": "HTTP content length exceeded 10485760 bytes."}
    answer = httpx.put(url, content=b"x" * 6_291_456)
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Too Long"})
    assert len(emulator.payloads) == before


def test_method_with_iam_asks_for_a_signature(emulator: Served) -> None:
    url = f"{emulator.url}/Prod/signed"
    assert httpx.get(url).json() == MISSING
    httpx.get(url, headers={"authorization": SIGNATURE})
    assert event_of(emulator)["resource"] == "/signed"


def test_api_answers_options_itself(emulator: Served) -> None:
    before = len(emulator.payloads)
    answer = httpx.options(f"{emulator.url}/Prod/echo/1")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-allow-methods"] == "OPTIONS,POST"
    assert len(emulator.payloads) == before


@pytest.mark.parametrize("profile", [AWS_2018, AWS_2025])
def test_api_gives_a_function_up_after_29_seconds(profile: Profile) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        never = asyncio.get_running_loop().create_future()
        engine = SimpleNamespace(dilation=1.0, has=lambda _: True, invoke=lambda *_, **__: never)
        api = RestApi("rest", (Route("GET", "/slow", "slow"),))
        route = RestApiRoute(cast("Engine", engine), api, profile, 0)
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/Prod/slow",
            "headers": [],
            "query_string": b"",
            "http_version": "1.1",
        }
        answer = route.match(scope)
        assert answer is not None
        await answer(scope, receive, send)
        assert asyncio.get_running_loop().time() == 29.0

    run(ask())
    assert sent[0]["status"] == 504
    assert sent[1]["body"] == b'{"message": "Endpoint request timed out"}'
