from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from emulator.api.cloudwatch.watched_route import WatchedApi, WatchedRoute, integration
from emulator.telemetry.metric_data.gateway_metrics import ApiKind, GatewayMetrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.telemetry.metric_data.distribution import Distribution

API = WatchedApi(ApiKind.HTTP, "shop", "$default")


class Clock:
    """Tells seconds that the route lets pass."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


class Door:
    """Takes all paths but /other, and answers after half a second, a quarter of it a function's."""

    def __init__(self, clock: Clock, status: int) -> None:
        self._clock = clock
        self._status = status

    def match(self, scope: Scope) -> ASGIApp | None:
        return None if scope["path"] == "/other" else self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        self._clock.time += 0.25
        if scope["path"] == "/left":
            return
        if scope["path"] != "/refused":
            with integration(scope):
                self._clock.time += 0.25
        await send({"type": "http.response.start", "status": self._status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def counted(path: str, status: int) -> dict[str, Distribution]:
    clock, metrics = Clock(), GatewayMetrics()
    route = WatchedRoute(Door(clock, status), API, metrics, clock.now)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        raise AssertionError

    answer = route.match({"type": "http", "path": path})
    assert answer is not None
    asyncio.run(answer({"type": "http", "path": path}, receive, send))
    assert len(sent) == (0 if path == "/left" else 2)
    of_api = (("ApiId", "shop"),)
    return {
        sample.metric.name: sample.values
        for _, sample in metrics.take()
        if sample.metric.dimensions == of_api
    }


@pytest.mark.parametrize("status", [200, 404, 503])
def test_an_answer_is_counted_with_its_latencies(status: int) -> None:
    found = counted("/", status)
    assert {name: values.total for name, values in found.items()} == {
        "Count": 1,
        "4xx": status == 404,
        "5xx": status == 503,
        "Latency": 500,
        "IntegrationLatency": 250,
    }


def test_what_reached_no_function_has_no_integration_latency() -> None:
    found = counted("/refused", 403)
    assert found["Latency"].total == 250
    assert "IntegrationLatency" not in found


def test_a_client_that_left_is_not_counted() -> None:
    assert counted("/left", 200) == {}


def test_a_route_takes_what_it_took_unwatched() -> None:
    clock = Clock()
    route = WatchedRoute(Door(clock, 200), API, GatewayMetrics(), clock.now)
    assert route.match({"type": "http", "path": "/other"}) is None
