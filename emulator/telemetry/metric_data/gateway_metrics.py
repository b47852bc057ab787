"""Counts the metrics of AWS/ApiGateway: a fold over answered requests, a distribution a minute.

Sources: "Working with metrics for HTTP APIs" and "Amazon API Gateway dimensions and metrics" of the
API Gateway developer guide: an HTTP API counts `4xx` and `5xx` under ApiId and Stage, a REST API
`4XXError` and `5XXError` under ApiName and Stage.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from emulator.telemetry.metric_data.distribution import Distribution, count, counted, share
from emulator.telemetry.metric_data.metric import Metric, Sample, dimensions, minute_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@dataclass(slots=True)
class _Minute:
    """Holds what the requests of one stage in one minute add up to."""

    answered: int = 0
    client_faults: int = 0
    server_faults: int = 0
    latencies: dict[float, int] = field(default_factory=dict)
    """How often each latency came, in milliseconds."""
    integration_latencies: dict[float, int] = field(default_factory=dict)


class GatewayMetrics:
    """Counts all APIs' requests."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[ApiKind, str, str, int], _Minute] = {}
        self.filled: Callable[[], None] = lambda: None
        """Called when there is something to take again."""

    def answered(self, request: Answered) -> None:
        """Counts a request."""
        if not self._minutes:
            self.filled()
        key = request.kind, request.api, request.stage, minute_of(request.at_epoch)
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._minutes[key] = _Minute()
        minute.answered += 1
        minute.client_faults += request.status in _CLIENT_FAULTS
        minute.server_faults += request.status in _SERVER_FAULTS
        count(minute.latencies, round(request.latency * 1000, 2))
        if request.integration_latency is not None:
            count(minute.integration_latencies, round(request.integration_latency * 1000, 2))

    def take(self) -> list[tuple[str, Sample]]:
        """Returns what came since the last call; all of it is the account's own."""
        minutes, self._minutes = self._minutes, {}
        merged: dict[tuple[Metric, int], Distribution] = defaultdict(Distribution)
        for (kind, api, stage, at), minute in minutes.items():
            for name, unit, values in _figures(kind, minute):
                for owner in _owners(kind, api, stage):
                    merged[Metric(NAMESPACE, name, owner, unit), at].merge(values)
        return [("", Sample(metric, at, values)) for (metric, at), values in merged.items()]


def _figures(kind: ApiKind, minute: _Minute) -> Iterator[tuple[str, str, Distribution]]:
    _, client_faults, server_faults = kind.value
    yield "Count", _COUNT, Distribution.of(1.0, minute.answered)
    yield client_faults, _COUNT, share(minute.client_faults, minute.answered)
    yield server_faults, _COUNT, share(minute.server_faults, minute.answered)
    yield "Latency", _MILLISECONDS, counted(minute.latencies)
    if minute.integration_latencies:
        yield "IntegrationLatency", _MILLISECONDS, counted(minute.integration_latencies)


def _owners(kind: ApiKind, api: str, stage: str) -> tuple[Dimensions, Dimensions]:
    of_api = {kind.value[0]: api}
    return dimensions(of_api), dimensions(of_api | {"Stage": stage})
