"""Counts the metrics of AWS/Lambda: a fold over invocations that ended, a distribution a minute.

Source: "Using CloudWatch metrics with Lambda" of the developer guide. A metric's time is the
minute in which the function was invoked, of the wall clock. Durations are the emulated Lambda's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.model import LATEST, StartKind
from emulator.core.records import Status
from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.metric import Metric, Sample, dimensions, minute_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.records import InvocationRecord
    from emulator.telemetry.metric_data.metric import Dimensions

NAMESPACE = "AWS/Lambda"
_COUNT, _MILLISECONDS, _NONE = "Count", "Milliseconds", "None"
_UNITS = {
    "Duration": _MILLISECONDS,
    "AsyncEventAge": _MILLISECONDS,
    "IteratorAge": _MILLISECONDS,
    "ProvisionedConcurrencyUtilization": _NONE,
}
"""Units of the metrics that do not count."""


@dataclass(slots=True)
class _Minute:
    """Holds what the invocations of one version in one minute add up to."""

    ended: int = 0
    errors: int = 0
    throttles: int = 0
    provisioned: int = 0
    allocated: int = 0
    """Provisioned concurrency; 0 where there is none."""
    durations: dict[float, int] = field(default_factory=dict)
    """How often each duration came, in milliseconds."""
    running: dict[float, int] = field(default_factory=dict)
    """How often so many requests of the function were open when one of them ended."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Holds what is asked of a function's configuration."""

    is_reserved: bool
    allocated: int


class LambdaMetrics:
    """Counts all functions' invocations.

    `epoch` returns the epoch second of a time on the journal's clock, `running` how many requests
    of each function are open, `configured` the configuration of a function's version, by its key.
    """

    def __init__(
        self,
        epoch: Callable[[float], float],
        running: Callable[[], Mapping[str, int]],
        configured: Callable[[str], FunctionConfiguration | None],
    ) -> None:
        self._epoch = epoch
        self._running = running
        self._configured = configured
        self._minutes: dict[tuple[str, str, int], _Minute] = {}
        self._known: dict[str, _Known] = {}
        """By the key of a version; asked for again in each batch."""
        self._account: dict[tuple[str, int], dict[float, int]] = defaultdict(dict)
        """Values that belong to no function, by the names of their metrics and minutes."""
        self._observed: dict[tuple[str, str, int], Distribution] = defaultdict(Distribution)
        """Values that no record tells, by function, metric and minute."""
        self.filled: Callable[[], None] = lambda: None
        """Called when there is something to take again."""

    def record(self, record: InvocationRecord) -> None:
        """Counts an invocation that ended."""
        at = minute_of(self._epoch(record.requested_at))
        key = record.function, record.version, at
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._new_minute(key)
        if record.status is Status.THROTTLED:
            minute.throttles += 1
            return
        minute.ended += 1
        minute.errors += record.status is not Status.OK
        minute.provisioned += record.start is StartKind.PROVISIONED
        if record.dispatched_at is not None:
            _count(minute.durations, round(record.duration * 1000, 2))
        self._count_running(record.function, minute, at)

    def observe(self, function: str, name: str, value: float, at_epoch: float) -> None:
        """Takes a value that no record tells, such as an event's age (`AsyncEventAge`)."""
        if not self._minutes and not self._observed:
            self.filled()
        self._observed[function, name, minute_of(at_epoch)].add(value)

    def take(self) -> list[tuple[str, Sample]]:
        """Returns what came since the last call, by function; empty for an account's own."""
        minutes, self._minutes = self._minutes, {}
        account, self._account = self._account, defaultdict(dict)
        observed, self._observed = self._observed, defaultdict(Distribution)
        self._known = {}
        merged: dict[tuple[str, Metric, int], Distribution] = defaultdict(Distribution)
        for (function, version, at), minute in minutes.items():
            for name, values in _figures(minute):
                for owner in _owners(function, version, name):
                    merged[function, _metric(name, owner), at].merge(values)
        for (function, name, at), values in observed.items():
            for owner in _owners(function, LATEST, name):
                merged[function, _metric(name, owner), at].merge(values)
        for (name, at), counts in account.items():
            merged["", _metric(name, ()), at].merge(_distribution(counts))
        return [(f, Sample(metric, at, values)) for (f, metric, at), values in merged.items()]

    def _new_minute(self, key: tuple[str, str, int]) -> _Minute:
        if not self._minutes and not self._observed:
            self.filled()
        allocated = self._of(f"{key[0]}:{key[1]}").allocated
        minute = self._minutes[key] = _Minute(allocated=allocated)
        return minute

    def _count_running(self, function: str, minute: _Minute, at: int) -> None:
        """Notes how many requests were open when one ended, which is when a peak is over."""
        running = self._running()
        # the ended one is not among them any more
        _count(minute.running, running.get(function, 0) + 1)
        everywhere = sum(running.values()) + 1
        _count(self._account["ConcurrentExecutions", at], everywhere)
        reserved = sum(count for name, count in running.items() if self._is_reserved(name))
        reserved += self._is_reserved(function)
        _count(self._account["UnreservedConcurrentExecutions", at], everywhere - reserved)

    def _is_reserved(self, function: str) -> bool:
        known = self._known.get(function)
        return (self._of(function) if known is None else known).is_reserved

    def _of(self, name: str) -> _Known:
        """Returns what is known of a function, or of a version by its key."""
        found = self._configured(name if ":" in name else f"{name}:{LATEST}")
        known = self._known[name] = (
            _Known(is_reserved=False, allocated=0)
            if found is None
            else _Known(found.reserved_concurrency is not None, found.provisioned_concurrency or 0)
        )
        return known


def _count(counts: dict[float, int], value: float) -> None:
    counts[value] = counts.get(value, 0) + 1


def _distribution(counts: Mapping[float, int]) -> Distribution:
    found = Distribution()
    for value, times in counts.items():
        found.add(value, times)
    return found


def _figures(minute: _Minute) -> Iterator[tuple[str, Distribution]]:
    """Yields the metrics of a minute; those that count say 0 where nothing was counted."""
    yield "Throttles", _share(minute.throttles, minute.throttles + minute.ended)
    if not minute.ended:
        return
    yield "Invocations", Distribution.of(1.0, minute.ended)
    yield "Errors", _share(minute.errors, minute.ended)
    if minute.durations:
        yield "Duration", _distribution(minute.durations)
    yield "ConcurrentExecutions", _distribution(minute.running)
    if minute.allocated:
        spilled = minute.ended - minute.provisioned
        used = {
            min(running, minute.allocated) / minute.allocated: times
            for running, times in minute.running.items()
        }
        yield "ProvisionedConcurrencyInvocations", _share(minute.provisioned, minute.ended)
        yield "ProvisionedConcurrencySpilloverInvocations", _share(spilled, minute.ended)
        yield "ProvisionedConcurrencyUtilization", _distribution(used)


def _share(counted: int, of: int) -> Distribution:
    """Returns a 1 for each that was counted, and a 0 for each other."""
    found = Distribution()
    if counted:
        found.add(1.0, counted)
    if of > counted:
        found.add(0.0, of - counted)
    return found


_OWN_ALONE = frozenset({"ConcurrentExecutions"})
"""Metrics whose values of several functions do not make the account's."""


def _owners(function: str, version: str, name: str) -> Iterable[Dimensions]:
    """Returns the dimensions under which a version's metric is kept."""
    resource = function if version == LATEST else f"{function}:{version}"
    own = dimensions({"FunctionName": function})
    owners = [own, dimensions({"FunctionName": function, "Resource": resource})]
    return owners if name in _OWN_ALONE else [(), *owners]


def _metric(name: str, owner: Dimensions) -> Metric:
    return Metric(NAMESPACE, name, owner, _UNITS.get(name, _COUNT))
