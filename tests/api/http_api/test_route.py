"""The template's routes, health, metrics and the emulator's own pages, over HTTP."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from emulator.api.http_api.route import GatewayRoute
from emulator.core.routes import Route, RouteTable
from tests.live.jumping_loop import run

if TYPE_CHECKING:
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


def test_function_error_is_an_internal_server_error(emulator: Served) -> None:
    answer = httpx.get(f"{emulator.url}/fail")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_what_no_route_takes_is_not_found(emulator: Served) -> None:
    answer = httpx.get(f"{emulator.url}/nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})
    assert httpx.get(f"{emulator.url}/echo/1").status_code == 404


def test_health_names_backend_and_profile(emulator: Served) -> None:
    answer = httpx.get(f"{emulator.url}/healthz")
    assert answer.json() == {"status": "ok", "backend": "scripted", "profile": "aws-2025"}


def test_sandboxes_are_listed(emulator: Served) -> None:
    httpx.post(f"{emulator.url}/echo/1")
    rows = httpx.get(f"{emulator.url}/_testbed/sandboxes").json()
    echo = next(row for row in rows if row["function"] == "echo")
    assert echo["state"] == "idle"
    assert echo["memory_mb"] == 128
    assert echo["age_s"] >= echo["idle_s"] >= 0


def test_logs_hold_the_platform_lines_of_what_ran(emulator: Served) -> None:
    request_id = httpx.post(f"{emulator.url}/echo/1").headers["x-testbed-request-id"]
    log = httpx.get(f"{emulator.url}/_testbed/logs/echo").text
    assert f"START RequestId: {request_id} Version: $LATEST\n" in log
    assert httpx.get(f"{emulator.url}/_testbed/logs/nobody").status_code == 404


def test_metrics_count_invocations(emulator: Served) -> None:
    httpx.post(f"{emulator.url}/echo/1")
    text = httpx.get(f"{emulator.url}/metrics").text
    assert 'testbed_cold_starts_total{function="echo"}' in text
    assert 'testbed_sandboxes{function="echo",state="idle"}' in text


@pytest.mark.parametrize("dilation", [1.0, 4.0])
def test_gateway_waits_30_seconds_for_a_function_as_its_time_has_them(dilation: float) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        never = asyncio.get_running_loop().create_future()
        engine = SimpleNamespace(dilation=dilation, invoke=lambda *_, **__: never)
        route = GatewayRoute(cast("Engine", engine), RouteTable([Route("GET", "/slow", "slow")]), 0)
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/slow",
            "headers": [],
            "query_string": b"",
            "http_version": "1.1",
        }
        await route.handle(scope | route.matches(scope)[1], receive, send)
        assert asyncio.get_running_loop().time() == 30.0 * dilation

    run(ask())
    assert (sent[0]["status"], sent[1]["body"]) == (503, b'{"message":"Service Unavailable"}')
