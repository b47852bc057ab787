"""Counts Prometheus metrics: a fold over invocations that ended, and a look at the sandboxes.

Where metrics are served is not known here. Counted as CloudWatch counts: a throttled request is no
invocation and no error. Durations are in seconds, costs in dollars under the profile's price table:
by the function's architecture and the size of its /tmp where its configuration is known, and by the
rates of provisioned concurrency where the invocation found such a sandbox. What holding those
sandboxes costs is no invocation's.
"""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from emulator.core.billing import Size, dollars, restore
from emulator.core.model import COLD_STARTS, SandboxState, StartKind
from emulator.core.records import Status
from emulator.telemetry.log_lines import billed_duration_ms, init_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Sandbox
    from emulator.core.prices import Architecture
    from emulator.core.profile import Profile
    from emulator.core.records import InvocationRecord

_DURATIONS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)
_INITS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0),
)

_UNKNOWN = Size(memory_mb=0)
"""The architecture and the /tmp of a function whose configuration is not known."""
_PRICED = 4096
"""How many prices of invocations are kept."""


@dataclass(frozen=True, slots=True)
class _Series:
    """Holds the series to which an invocation of one kind adds, looked up once."""

    invocations: Counter
    duration: Histogram
    errors: Counter | None
    cold_starts: Counter | None
    init: Histogram | None


def _unknown(_function: str) -> None:
    return None


class Metrics:
    """Counts all functions' invocations.

    `sandboxes` returns the sandboxes that are not gone, and is called when the metrics are read.
    `configured` returns the configuration of a function's version by its key, and is called at the
    end of each invocation, so that a change counts from then on; a function that is not known is
    billed for x86_64 and the least /tmp.
    """

    def __init__(
        self,
        profile: Profile,
        sandboxes: Callable[[], Iterable[Sandbox]],
        configured: Callable[[str], FunctionConfiguration | None] = _unknown,
    ) -> None:
        self._prices = profile.prices
        # most invocations of a function are billed for one of a few durations
        self._dollars = lru_cache(_PRICED)(partial(dollars, profile.prices))
        self._configured = configured
        self._registry = registry = CollectorRegistry()
        self._series: dict[tuple[str, StartKind | None, Status], _Series] = {}
        self._costs: dict[tuple[str, Architecture], Counter] = {}
        self._invocations = Counter(
            "testbed_invocations",
            "Invocations that ended, throttled ones not counted",
            ("function", "start", "status"),
            registry=registry,
        )
        self._errors = Counter(
            "testbed_errors",
            "Invocations that ended in an error",
            ("function", "status"),
            registry=registry,
        )
        self._throttles = Counter(
            "testbed_throttles",
            "Requests that were refused, by the limit that they met",
            ("function", "reason"),
            registry=registry,
        )
        self._cold_starts = Counter(
            "testbed_cold_starts",
            "Invocations that waited for a new sandbox's init",
            ("function",),
            registry=registry,
        )
        self._cost = Counter(
            "testbed_cost_dollars",
            "What the invocations that reached a sandbox would have cost on AWS",
            ("function", "architecture"),
            registry=registry,
        )
        self._init = Histogram(
            "testbed_init_duration_seconds",
            "From a sandbox's first instruction to its first request for work",
            ("function",),
            buckets=_INITS,
            registry=registry,
        )
        self._duration = Histogram(
            "testbed_duration_seconds",
            "From dispatch to response, as REPORT counts it",
            ("function", "start"),
            buckets=_DURATIONS,
            registry=registry,
        )
        registry.register(_Sandboxes(sandboxes))

    def record(self, record: InvocationRecord) -> None:
        """Counts an invocation that ended."""
        if record.status is Status.THROTTLED:
            self._throttles.labels(record.function, record.error_type).inc()
            return
        key = (record.function, record.start, record.status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._series_of(record)
        series.invocations.inc()
        if series.errors is not None:
            series.errors.inc()
        if record.dispatched_at is None:
            return
        series.duration.observe(record.duration)
        self._charge(record)
        if series.cold_starts is not None and series.init is not None:
            series.cold_starts.inc()
            series.init.observe(init_duration(record))

    def _charge(self, record: InvocationRecord) -> None:
        architecture, storage_mb = _UNKNOWN.architecture, _UNKNOWN.storage_mb
        if known := self._configured(f"{record.function}:{record.version}"):
            architecture, storage_mb = known.architecture, known.ephemeral_storage_mb
        cost = self._dollars(
            record.memory_mb,  # what the invocation had; a configuration may since have changed
            billed_duration_ms(self._prices, record),
            architecture=architecture,
            storage_mb=storage_mb,
            provisioned=record.start is StartKind.PROVISIONED,
        )
        if record.start is StartKind.RESTORED:
            cost += restore(self._prices, Size(record.memory_mb, architecture)).dollars
        self._cost_of(record.function, architecture).inc(cost)

    def _cost_of(self, function: str, architecture: Architecture) -> Counter:
        key = (function, architecture)
        if key not in self._costs:
            self._costs[key] = self._cost.labels(function, architecture.value)
        return self._costs[key]

    def render(self) -> tuple[bytes, str]:
        """Returns the metrics in Prometheus' text format, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _series_of(self, record: InvocationRecord) -> _Series:
        function, status = record.function, record.status.value
        start = "none" if record.start is None else record.start.value
        failed = record.status is not Status.OK
        cold = record.start in COLD_STARTS
        return _Series(
            self._invocations.labels(function, start, status),
            self._duration.labels(function, start),
            self._errors.labels(function, status) if failed else None,
            self._cold_starts.labels(function) if cold else None,
            self._init.labels(function) if cold else None,
        )


class _Sandboxes(Collector):
    """Counts sandboxes when metrics are read; a known function's state without sandboxes is 0."""

    def __init__(self, sandboxes: Callable[[], Iterable[Sandbox]]) -> None:
        self._sandboxes = sandboxes
        self._functions: dict[str, None] = {}

    def collect(self) -> Iterator[Metric]:
        found = Tally((sandbox.function.name, sandbox.state) for sandbox in self._sandboxes())
        self._functions.update((function, None) for function, _ in found)
        family = GaugeMetricFamily(
            "testbed_sandboxes", "Sandboxes that are not gone", labels=("function", "state")
        )
        for function in self._functions:
            for state in SandboxState:
                if state is not SandboxState.GONE:
                    family.add_metric((function, state.name.lower()), found[function, state])
        yield family
