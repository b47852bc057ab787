"""Counts the metrics of AWS/Lambda: a fold over invocations that ended, a distribution a minute.

Source: "Using CloudWatch metrics with Lambda" of the developer guide. A metric's time is the
minute in which the function was invoked, of the wall clock. Durations are the emulated Lambda's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.model import LATEST, StartKind, VersionKey
from emulator.core.records import Status
from emulator.telemetry.metric_data.distribution import Distribution, count, counted, share
from emulator.telemetry.metric_data.metric import Metric, Sample, dimensions, minute_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from emulator.core.open_requests import OpenRequests
    from emulator.core.records import InvocationRecord
    from emulator.telemetry.metric_data.metric import Dimensions

NAMESPACE = "AWS/Lambda"
_Key = tuple[str, str, str, int]
"""A function's scheduled name, the version, the alias, and the epoch second of a minute."""
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


class LambdaMetrics:
    """Counts all functions' invocations.

    `epoch` returns the epoch second of a time on the journal's clock, `requests` what is known of
    requests that have not ended. Functions go by their scheduled names.
    """

    def __init__(
        self,
        epoch: Callable[[float], float],
        requests: Callable[[], OpenRequests],
    ) -> None:
        self._epoch = epoch
        self._requests = requests
        self._minutes: dict[_Key, _Minute] = {}
        self._account: dict[tuple[str, int], dict[float, int]] = defaultdict(dict)
        """Values that belong to no function, by the names of their metrics and minutes."""
        self._observed: dict[tuple[str, str, int], Distribution] = defaultdict(Distribution)
        """Values that no record tells, by function, metric and minute."""
        self.filled: Callable[[], None] = lambda: None
        """Called when there is something to take again."""

    def record(self, record: InvocationRecord) -> None:
        """Counts an invocation that ended."""
        at = minute_of(self._epoch(record.requested_at))
        key = record.function, record.version, record.alias, at
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
            count(minute.durations, round(record.duration * 1000, 2))
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
        merged: dict[tuple[str, Metric, int], Distribution] = defaultdict(Distribution)
        for (function, version, alias, at), minute in minutes.items():
            for name, values in _figures(minute):
                for owner in _owners(function, version, alias, name):
                    merged[function, _metric(name, owner), at].merge(values)
        for (function, name, at), values in observed.items():
            for owner in _owners(function, LATEST, "", name):
                merged[function, _metric(name, owner), at].merge(values)
        for (name, at), counts in account.items():
            merged["", _metric(name, ()), at].merge(counted(counts))
        return [(f, Sample(metric, at, values)) for (f, metric, at), values in merged.items()]

    def _new_minute(self, key: _Key) -> _Minute:
        if not self._minutes and not self._observed:
            self.filled()
        version = VersionKey.of(key[0], key[1])
        minute = _Minute(allocated=self._requests().provisioned.get(version, 0))
        self._minutes[key] = minute
        return minute

    def _count_running(self, function: str, minute: _Minute, at: int) -> None:
        """Notes how many requests were open when one ended, which is when a peak is over."""
        requests = self._requests()
        running, reserved = requests.running, requests.reserved
        # the ended one is not among them any more
        count(minute.running, running.get(function, 0) + 1)
        everywhere = sum(running.values()) + 1
        count(self._account["ConcurrentExecutions", at], everywhere)
        apart = sum(running.get(name, 0) for name in reserved) + (function in reserved)
        count(self._account["UnreservedConcurrentExecutions", at], everywhere - apart)


def _figures(minute: _Minute) -> Iterator[tuple[str, Distribution]]:
    """Yields the metrics of a minute; those that count say 0 where nothing was counted."""
    yield "Throttles", share(minute.throttles, minute.throttles + minute.ended)
    if not minute.ended:
        return
    yield "Invocations", Distribution.of(1.0, minute.ended)
    yield "Errors", share(minute.errors, minute.ended)
    if minute.durations:
        yield "Duration", counted(minute.durations)
    yield "ConcurrentExecutions", counted(minute.running)
    if minute.allocated:
        spilled = minute.ended - minute.provisioned
        used = {
            min(running, minute.allocated) / minute.allocated: times
            for running, times in minute.running.items()
        }
        yield "ProvisionedConcurrencyInvocations", share(minute.provisioned, minute.ended)
        yield "ProvisionedConcurrencySpilloverInvocations", share(spilled, minute.ended)
        yield "ProvisionedConcurrencyUtilization", counted(used)


_OWN_ALONE = frozenset({"ConcurrentExecutions"})
"""Metrics whose values of several functions do not make the account's."""


def _owners(scheduled: str, version: str, alias: str, name: str) -> Iterable[Dimensions]:
    """Returns the dimensions under which a version's metric is kept.

    An alias is a resource of its own, and the version that the alias led to a dimension of it.
    """
    function = scheduled.rpartition("/")[2]
    qualifier = alias or ("" if version == LATEST else version)
    of_function = {"FunctionName": function}
    of_resource = of_function | {"Resource": f"{function}:{qualifier}" if qualifier else function}
    owners = [dimensions(of_function), dimensions(of_resource)]
    if alias:
        owners.append(dimensions(of_resource | {"ExecutedVersion": version}))
    return owners if name in _OWN_ALONE else [(), *owners]


def _metric(name: str, owner: Dimensions) -> Metric:
    return Metric(NAMESPACE, name, owner, _UNITS.get(name, _COUNT))
