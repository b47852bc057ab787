"""Serves GetMetricStatistics.

Source of limits and sentences: the API reference of CloudWatch.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.metrics.query import (
    MetricName,
    Periods,
    by_unit,
    combination_refused,
    value_refused,
)
from emulator.api.services.calls import ServiceError
from emulator.core.function_names import Scope
from emulator.telemetry.metric_data.statistic import statistic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.metrics.archive import MetricArchive
    from emulator.telemetry.metric_data.distribution import Distribution

_MOST_POINTS = 1440


class StatisticsOperations:
    """Answers with a metric's statistics."""

    def __init__(self, archive: MetricArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {"GetMetricStatistics": self._get}

    async def _get(self, call: Call) -> Mapping[str, Any]:
        given = call.arguments
        simple, extended = given.get("Statistics", ()), given.get("ExtendedStatistics", ())
        if not simple and not extended:
            sentence = "At least one of the parameters Statistics and ExtendedStatistics is needed."
            raise ServiceError("MissingParameter", sentence)
        _check(extended)
        periods = Periods.of(given["StartTime"], given["EndTime"], given["Period"])
        if (points := len(periods.times)) > _MOST_POINTS:
            combination_refused(
                f"You have requested up to {points:,} datapoints, which exceeds the limit of "
                f"{_MOST_POINTS:,}. You may reduce the datapoints requested by increasing Period, "
                "or decreasing the time range."
            )
        metric = MetricName.of(Scope(call.account, call.region), given)
        found = await self._archive.read(lambda connection: by_unit(connection, metric, periods))
        wanted = given.get("Unit")
        points_found = [
            _point(at, unit, values, simple, extended)
            for unit, series in found.items()
            if wanted in (None, unit)
            for at, values in series.items()
        ]
        return {"Label": given["MetricName"], "Datapoints": points_found}


def _check(extended: Iterable[str]) -> None:
    for name in extended:
        if statistic(name) is None:
            value_refused(f"The value {name} for parameter ExtendedStatistics is not supported.")


def _point(
    at: int, unit: str, values: Distribution, simple: Iterable[str], extended: Iterable[str]
) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(at, UTC), "Unit": unit}
    point |= _computed(values, simple)
    if more := _computed(values, extended):
        point["ExtendedStatistics"] = more
    return point


def _computed(values: Distribution, names: Iterable[str]) -> dict[str, float]:
    found = {}
    for name in names:
        compute = statistic(name)
        if compute is not None and (value := compute(values)) is not None:
            found[name] = value
    return found
