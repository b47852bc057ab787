"""Stands before an API's route, and counts its requests for CloudWatch's AWS/ApiGateway.

Latencies are in the emulated AWS's seconds, and without what lies between client and gateway; the
minute of a request is that of the wall clock.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emulator.telemetry.metric_data.gateway_metrics import Answered, ApiKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from emulator.api.app import Route
    from emulator.telemetry.metric_data.gateway_metrics import GatewayMetrics

_WATCH = "testbed.watch"
"""Name of the scope's extension that has a request's watch."""


@dataclass(slots=True)
class _Watch:
    """Holds what is known of one request while it is answered."""

    now: Callable[[], float]
    status: int = 0
    integration_latency: float | None = None


@dataclass(frozen=True, slots=True)
class WatchedApi:
    """Names an API as its metrics do."""

    kind: ApiKind
    id: str
    stage: str


class WatchedRoute:
    """Counts what a route answers; `now` returns the emulated AWS's seconds."""

    def __init__(
        self, route: Route, api: WatchedApi, metrics: GatewayMetrics, now: Callable[[], float]
    ) -> None:
        self._route = route
        self._api = api
        self._metrics = metrics
        self._now = now

    def match(self, scope: Scope) -> ASGIApp | None:
        answer = self._route.match(scope)
        return None if answer is None else partial(self._count, answer)

    async def _count(self, answer: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        watch = _Watch(self._now)
        at_epoch, began = time.time(), self._now()

        async def send_back(message: Message) -> None:
            if message["type"] == "http.response.start":
                watch.status = message["status"]
            await send(message)

        extensions = {**scope.get("extensions", {}), _WATCH: watch}
        await answer({**scope, "extensions": extensions}, receive, send_back)
        if watch.status:  # a client that left before the whole request was there has no answer
            api, latency = self._api, self._now() - began
            self._metrics.answered(
                Answered(
                    api.kind,
                    api.id,
                    api.stage,
                    at_epoch,
                    watch.status,
                    latency,
                    watch.integration_latency,
                )
            )


@contextmanager
def integration(scope: Scope) -> Iterator[None]:
    """Measures how long a function behind an API takes, where somebody counts its requests."""
    watch: _Watch | None = scope.get("extensions", {}).get(_WATCH)
    began = 0.0 if watch is None else watch.now()
    try:
        yield
    finally:
        if watch is not None:
            watch.integration_latency = watch.now() - began
