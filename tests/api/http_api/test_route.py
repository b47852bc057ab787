"""The template's routes, over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from emulator.api.http_api.route import HttpApiRoute
from emulator.core.apis import HttpApi
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.routes import Route
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from emulator.core.profile import Profile
    from emulator.live.engine import Engine
    from tests.api.conftest import Served


def test_route_hands_the_request_on_in_format_2(emulator: Served) -> None:
    answer = httpx.post(f"{emulator.url}/echo/7?a=1&a=2", json={"x": 1}, headers={"cookie": "c=d"})
    event = answer.json()
    assert answer.status_code == 200
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /echo/{id}"
    assert event["pathParameters"] == {"id": "7"}
    assert event["queryStringParameters"] == {"a": "1,2"}
    assert event["cookies"] == ["c=d"]
    assert event["body"] == '{"x":1}'
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


def test_request_has_a_trace_of_the_clients_or_a_new_one(emulator: Served) -> None:
    sent = "Root=1-5759e988-bd862e3fe1be46a994272793"
    event = httpx.post(f"{emulator.url}/echo/7", headers={"x-amzn-trace-id": sent}).json()
    assert event["headers"]["x-amzn-trace-id"] == sent
    event = httpx.post(f"{emulator.url}/echo/7").json()
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", event["headers"]["x-amzn-trace-id"])


def test_response_tells_cold_from_warm(emulator: Served) -> None:
    httpx.post(f"{emulator.url}/echo/1")
    answer = httpx.post(f"{emulator.url}/echo/1")
    assert answer.headers["x-testbed-start"] == "warm"
    assert answer.headers["x-testbed-request-id"]
    assert answer.headers["apigw-requestid"]


def played(here: Served, result: str) -> httpx.Response:
    """The answer of a route whose function has this result."""
    return httpx.post(f"{here.url}/play", json={"pieces": [result]})


def test_functions_headers_do_not_stand_beside_the_gateways(emulator: Served) -> None:
    theirs = {"X-Testbed-Start": "warmer", "x-testbed-other": "1", "Apigw-Requestid": "2"}
    theirs |= {"X-Amzn-RequestId": "3", "Date": "then", "X-Mine": "4"}
    answer = played(emulator, json.dumps({"statusCode": 200, "headers": theirs}))
    assert answer.headers["x-mine"] == "4"
    assert len(answer.headers.get_list("x-testbed-start")) == 1
    assert answer.headers["x-testbed-start"] != "warmer"
    assert "x-testbed-other" not in answer.headers
    for name in ("apigw-requestid", "x-amzn-requestid", "date"):
        assert len(answer.headers.get_list(name)) == 1
        assert answer.headers[name] not in theirs.values()


@pytest.mark.parametrize("character", ["\x01", "\x1b", "\x7f", "\r", "\n", "\0"])
def test_header_with_a_control_character_is_an_internal_server_error(
    emulator: Served, character: str, caplog: pytest.LogCaptureFixture
) -> None:
    for members in ({"headers": {"x-a": f"b{character}"}}, {"cookies": [f"{character}a=b"]}):
        answer = played(emulator, json.dumps({"statusCode": 200, **members}))
        assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert not caplog.records


@pytest.mark.parametrize("size", [6_291_457, 10 * 1024 * 1024 + 1])
def test_request_that_lambda_would_not_take_does_not_reach_the_function(
    emulator: Served, size: int
) -> None:
    before = len(emulator.payloads)
    answer = httpx.post(
        f"{emulator.url}/echo/1", content=b"x" * size, headers={"content-type": "text/plain"}
    )
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert answer.headers["content-type"] == "application/json"
    assert len(emulator.payloads) == before


def test_function_error_is_an_internal_server_error(emulator: Served) -> None:
    answer = httpx.get(f"{emulator.url}/fail")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_what_no_route_takes_is_not_found(emulator: Served) -> None:
    answer = httpx.get(f"{emulator.url}/nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})
    assert httpx.get(f"{emulator.url}/echo/1").status_code == 404


@pytest.mark.parametrize("dilation", [1.0, 4.0])
@pytest.mark.parametrize(
    ("profile", "seconds", "status", "body"),
    [
        (AWS_2018, 29.0, 504, b'{"message": "Endpoint request timed out"}'),
        (AWS_2025, 30.0, 503, b'{"message":"Service Unavailable"}'),
    ],
)
def test_gateway_gives_a_function_up_as_it_did_in_its_year_and_in_the_function_s_time(
    profile: Profile, seconds: float, status: int, body: bytes, dilation: float
) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        never = asyncio.get_running_loop().create_future()
        engine = SimpleNamespace(
            dilation=dilation, has=lambda _: True, invoke=lambda *_, **__: never
        )
        api = HttpApi("testbed", (Route("GET", "/slow", "slow"),))
        route = HttpApiRoute(cast("Engine", engine), api, profile, 0)
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/slow",
            "headers": [],
            "query_string": b"",
            "http_version": "1.1",
        }
        answer = route.match(scope)
        assert answer is not None
        await answer(scope, receive, send)
        assert asyncio.get_running_loop().time() == seconds * dilation

    run(ask())
    assert (sent[0]["status"], sent[1]["body"]) == (status, body)


# other HTTP APIs than the one on the plain address: `APIS` in tests/api/conftest.py


def test_route_may_ask_for_payload_format_1(emulator: Served) -> None:
    httpx.post(f"{emulator.url}/v1/7?a=1", content=b"hi", headers={"content-type": "text/plain"})
    event = json.loads(emulator.payloads[-1])
    assert (event["version"], event["resource"]) == ("1.0", "/v1/{id}")
    assert event["pathParameters"] == {"id": "7"}
    assert event["requestContext"]["apiId"] == "web"
    assert (event["body"], event["isBase64Encoded"]) == ("hi", False)
    two = json.dumps({"statusCode": 200, "multiValueHeaders": {"x-a": ["1", "2"]}})
    answer = httpx.post(f"{emulator.url}/v1/play", json={"pieces": [two]})
    assert answer.headers.get_list("x-a") == ["1", "2"]


def test_stage_stands_before_the_paths_of_clients_and_in_the_event(emulator: Served) -> None:
    event = httpx.get(f"{emulator.url}/live/web").json()
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/live/web", "live")
    assert event["stageVariables"] == {"table": "t"}
    own = {"host": "staged.execute-api.us-east-1.amazonaws.com"}
    assert httpx.get(f"{emulator.url}/live/web", headers=own).status_code == 200
    assert httpx.get(f"{emulator.url}/web", headers=own).json() == {"message": "Not Found"}


def test_api_answers_preflights_itself_and_its_cors_goes_before_the_functions(
    emulator: Served,
) -> None:
    before = len(emulator.payloads)
    origin = {"origin": "https://a.example"}
    asks = origin | {"access-control-request-method": "GET"}
    answer = httpx.options(f"{emulator.url}/web", headers=asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-allow-methods"] == "GET"
    assert len(emulator.payloads) == before
    result = {"statusCode": 200, "headers": {"access-control-allow-origin": "*"}}
    said = {"pieces": [json.dumps(result)]}
    answer = httpx.post(f"{emulator.url}/web/play", json=said, headers=origin)
    assert answer.headers.get_list("access-control-allow-origin") == ["https://a.example"]
    answer = httpx.post(f"{emulator.url}/web/play", json=said)
    assert "access-control-allow-origin" not in answer.headers


def test_route_with_iam_asks_for_a_signature(emulator: Served) -> None:
    answer = httpx.get(f"{emulator.url}/signed")
    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    scope = "AKIA/20260101/us-east-1/execute-api/aws4_request"
    signed = {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"}
    assert httpx.get(f"{emulator.url}/signed", headers=signed).status_code == 200
