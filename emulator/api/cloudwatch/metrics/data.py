"""Serves GetMetricData: several metrics at once, and math over them.

Source of limits, orders and sentences: the API reference of CloudWatch.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from emulator.api.cloudwatch.metrics.query import MetricName, Periods, by_unit, together
from emulator.api.services.calls import ServiceError
from emulator.core.function_names import Scope
from emulator.telemetry.metric_data.expression import ExpressionError, computed
from emulator.telemetry.metric_data.statistic import statistic

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.metrics.archive import MetricArchive
    from emulator.telemetry.metric_data.expression import Series

_MOST_QUERIES = 500
_MOST_POINTS = 100_800
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
_DEEPEST = 20
"""Expressions that refer to each other, one within another."""
_ASCENDING = "TimestampAscending"


class DataOperations:
    """Answers with the series of metrics and of expressions."""

    def __init__(self, archive: MetricArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {"GetMetricData": self._get}

    async def _get(self, call: Call) -> Mapping[str, Any]:
        given, scope = call.arguments, Scope(call.account, call.region)
        queries: Sequence[Mapping[str, Any]] = given["MetricDataQueries"]
        _check(queries)
        start, end = given["StartTime"], given["EndTime"]
        metrics = {
            query["Id"]: _Wanted.of(scope, query["MetricStat"], number, start, end)
            for number, query in enumerate(queries, 1)
            if "MetricStat" in query
        }

        def work(connection: sqlite3.Connection) -> dict[str, Series]:
            return {name: wanted.series(connection) for name, wanted in metrics.items()}

        series = await self._archive.read(work)
        math = _Math(queries, metrics, series, (start, end))
        order = given.get("ScanBy") == _ASCENDING
        limit = min(given.get("MaxDatapoints", _MOST_POINTS), _MOST_POINTS)
        results = [
            _result(query, math.series(query["Id"]), ascending=order, limit=limit)
            for query in queries
            if query.get("ReturnData", True)
        ]
        return {"MetricDataResults": results, "Messages": []}


class _Wanted(NamedTuple):
    """Holds one metric that a call asks for."""

    metric: MetricName
    statistic: str
    unit: str | None
    periods: Periods

    @classmethod
    def of(
        cls, scope: Scope, stated: Mapping[str, Any], number: int, start: datetime, end: datetime
    ) -> _Wanted:
        """Reads a metric that a query names.

        Raises:
            ServiceError: there is no such statistic or period.
        """
        name = stated["Stat"]
        if statistic(name) is None:
            _refuse(
                f"The value {name} for parameter MetricDataQueries.member.{number}.MetricStat.Stat "
                "is not supported."
            )
        metric = MetricName.of(scope, stated["Metric"])
        return cls(metric, name, stated.get("Unit"), Periods.of(start, end, stated["Period"]))

    def series(self, connection: sqlite3.Connection) -> Series:
        """Returns the values of a query by the query's id."""
        found = by_unit(connection, self.metric, self.periods)
        values = together(found.values()) if self.unit is None else found.get(self.unit, {})
        compute = statistic(self.statistic)
        assert compute is not None
        return {at: value for at, one in values.items() if (value := compute(one)) is not None}


class _Math:
    """Computes the expressions of a call, each once and after what it refers to."""

    def __init__(
        self,
        queries: Sequence[Mapping[str, Any]],
        metrics: Mapping[str, _Wanted],
        series: dict[str, Series],
        bounds: tuple[datetime, datetime],
    ) -> None:
        self._expressions = {
            query["Id"]: query for query in queries if query.get("Expression") is not None
        }
        self._metrics = metrics
        self._series = series
        self._bounds = bounds
        self._under_way: list[str] = []

    def series(self, name: str) -> Series:
        """Returns the values of a query, by the query's id.

        Raises:
            ServiceError: an expression cannot be computed.
        """
        if name in self._series:
            return self._series[name]
        if name not in self._expressions:
            raise ExpressionError(f"There is no query '{name}'.")
        if name in self._under_way:
            _refuse(f"Error in expression '{name}': it refers to itself.")
        if len(self._under_way) == _DEEPEST:
            _refuse(f"Error in expression '{name}': too many expressions refer to each other.")
        self._under_way.append(name)
        try:
            made = computed(
                self._expressions[name]["Expression"],
                self.series,
                list(self._metrics),
                self._times(self._expressions[name]),
            )
        except ExpressionError as error:
            _refuse(f"Error in expression '{name}': {error}")
        self._under_way.pop()
        self._series[name] = made
        return made

    def _times(self, query: Mapping[str, Any]) -> Sequence[int]:
        """Returns the periods that FILL fills: the expression's own, or the longest metric's."""
        lengths = [wanted.periods.length for wanted in self._metrics.values()]
        length = query.get("Period") or max(lengths, default=60)
        times = Periods.of(*self._bounds, length).times
        if len(times) > _MOST_POINTS:
            _refuse(f"The expression has more than {_MOST_POINTS} periods.")
        return times


def _check(queries: Sequence[Mapping[str, Any]]) -> None:
    if len(queries) > _MOST_QUERIES:
        _refuse(
            f"The collection MetricDataQueries must not have a size greater than {_MOST_QUERIES}."
        )
    seen: set[str] = set()
    for number, query in enumerate(queries, 1):
        name = query["Id"]
        if not _ID.fullmatch(name):
            _refuse(
                f"The value {name} for parameter MetricDataQueries.member.{number}.Id is not "
                "matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
            )
        if name in seen:
            _refuse(f"The values for parameter id in MetricDataQueries are not unique: {name}.")
        seen.add(name)
        if ("MetricStat" in query) == (query.get("Expression") is not None):
            _refuse(f"MetricDataQueries.member.{number} must have either MetricStat or Expression.")


def _result(
    query: Mapping[str, Any], series: Series, *, ascending: bool, limit: int
) -> dict[str, Any]:
    times = sorted(series, reverse=not ascending)[:limit]
    stated = query.get("MetricStat")
    default = query["Id"] if stated is None else stated["Metric"]["MetricName"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label", default),
        "Timestamps": [datetime.fromtimestamp(at, UTC) for at in times],
        "Values": [series[at] for at in times],
        "StatusCode": "PartialData" if len(times) < len(series) else "Complete",
    }


def _refuse(sentence: str) -> NoReturn:
    """Refuses a call as CloudWatch does.

    Raises:
        ServiceError: always; the model has no name for the error.
    """
    raise ServiceError("ValidationError", sentence, 400)
