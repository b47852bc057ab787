"""Counts the metrics of AWS/ApiGateway: a fold over answered requests, a distribution a minute.

Sources: "Working with metrics for HTTP APIs" and "Amazon API Gateway dimensions and metrics" of the
API Gateway developer guide: an HTTP API counts `4xx` and `5xx` under ApiId and Stage, a REST API
`4XXError` and `5XXError` under ApiName and Stage.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.metric import Metric, Sample, dimensions, minute_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.telemetry.metric_data.metric import Dimensions

NAMESPACE = "AWS/ApiGateway"
_COUNT, _MILLISECONDS = "Count", "Milliseconds"
_CLIENT_FAULTS = range(400, 500)
_SERVER_FAULTS = range(500, 600)


class ApiKind(Enum):
    """Tells the two kinds of APIs apart, by the names of their metrics and dimensions."""

    HTTP = ("ApiId", "4xx", "5xx")
    REST = ("ApiName", "4XXError", "5XXError")


@dataclass(frozen=True, slots=True)
class Answered:
    """Holds one request that an API answered; times are in seconds."""

    kind: ApiKind
    api: str
    """The API's id, of a REST API its name."""
    stage: str
    at_epoch: float
    """Epoch second at which the request came."""
    status: int
    latency: float
    """From the request to the end of the answer."""
    integration_latency: float | None
    """From the invocation to its answer; None where nothing was invoked."""


class GatewayMetrics:
    """Counts all APIs' requests."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[Metric, int], Distribution] = defaultdict(Distribution)
        self.filled: Callable[[], None] = lambda: None
        """Called when there is something to take again."""

    def answered(self, request: Answered) -> None:
        """Counts a request."""
        if not self._minutes:
            self.filled()
        of_api, client_faults, server_faults = request.kind.value
        at = minute_of(request.at_epoch)
        figures = [
            ("Count", 1.0, _COUNT),
            (client_faults, float(request.status in _CLIENT_FAULTS), _COUNT),
            (server_faults, float(request.status in _SERVER_FAULTS), _COUNT),
            ("Latency", round(request.latency * 1000, 2), _MILLISECONDS),
        ]
        if request.integration_latency is not None:
            latency_ms = round(request.integration_latency * 1000, 2)
            figures.append(("IntegrationLatency", latency_ms, _MILLISECONDS))
        for owner in _owners(of_api, request):
            for name, value, unit in figures:
                self._minutes[Metric(NAMESPACE, name, owner, unit), at].add(value)

    def take(self) -> list[tuple[str, Sample]]:
        """Returns what came since the last call; all of it is the account's own."""
        minutes, self._minutes = self._minutes, defaultdict(Distribution)
        return [("", Sample(metric, at, values)) for (metric, at), values in minutes.items()]


def _owners(of_api: str, request: Answered) -> tuple[Dimensions, Dimensions]:
    return (
        dimensions({of_api: request.api}),
        dimensions({of_api: request.api, "Stage": request.stage}),
    )
