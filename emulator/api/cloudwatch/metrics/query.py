"""Reads a metric's values and gathers them by the periods that a call asks for.

Source: the API reference of GetMetricData and GetMetricStatistics: a start is rounded down to its
minute, and to its period where that is shorter; periods count from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from emulator.api.services.calls import ServiceError
from emulator.live.store.metrics.tables import read
from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.metric import MINUTE, dimensions

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import NoReturn

    from emulator.core.function_names import Scope
    from emulator.telemetry.metric_data.metric import Dimensions

_SHORT_PERIODS = (1, 5, 10, 20, 30)
"""Periods under a minute, for metrics of high resolution."""


class Periods(NamedTuple):
    """Holds periods of equal length one after another, in epoch seconds."""

    start: int
    end: int
    """The second after the last period, which may be cut short there."""
    length: int

    @classmethod
    def of(cls, start: datetime, end: datetime, length: int) -> Periods:
        """Returns the periods of a length between two times.

        Raises:
            ServiceError: there are no such periods.
        """
        if length not in _SHORT_PERIODS and length % MINUTE:
            combination_refused(f"Invalid Period {length}: it must be 1, 5, 10, 20, 30 or n * 60.")
        if start >= end:
            value_refused("The parameter StartTime must be less than the parameter EndTime.")
        step = min(length, MINUTE)
        return cls(int(start.timestamp()) // step * step, -int(-end.timestamp() // 1), length)

    def begin_of(self, at: int) -> int:
        """Returns the start of the period that a time is in."""
        return at - (at - self.start) % self.length

    @property
    def times(self) -> range:
        """Returns the starts of all periods."""
        return range(self.start, self.end, self.length)


class MetricName(NamedTuple):
    """Names a metric in one scope."""

    scope: Scope
    namespace: str
    name: str
    dimensions: Dimensions

    @classmethod
    def of(cls, scope: Scope, named: Mapping[str, Any]) -> MetricName:
        """Returns the metric of the members `Namespace`, `MetricName` and `Dimensions`."""
        pairs = {one["Name"]: one["Value"] for one in named.get("Dimensions", ())}
        return cls(scope, named["Namespace"], named["MetricName"], dimensions(pairs))


def by_unit(
    connection: sqlite3.Connection, metric: MetricName, periods: Periods
) -> dict[str, dict[int, Distribution]]:
    """Returns a metric's values by unit, then by the start of their period."""
    found: dict[str, dict[int, Distribution]] = {}
    for at, unit, values in read(connection, *metric, start=periods.start, end=periods.end):
        merged = found.setdefault(unit, {}).setdefault(periods.begin_of(at), Distribution())
        merged.merge(values)
    return found


def together(series: Iterable[Mapping[int, Distribution]]) -> dict[int, Distribution]:
    """Returns the values of several units as one."""
    found: dict[int, Distribution] = {}
    for one in series:
        for at, values in one.items():
            found.setdefault(at, Distribution()).merge(values)
    return found


def value_refused(sentence: str) -> NoReturn:
    """Refuses a call for the value of a parameter.

    Raises:
        ServiceError: always.
    """
    raise ServiceError("InvalidParameterValue", sentence)


def combination_refused(sentence: str) -> NoReturn:
    """Refuses a call for parameters that do not go together.

    Raises:
        ServiceError: always.
    """
    raise ServiceError("InvalidParameterCombination", sentence)
