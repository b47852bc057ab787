"""Keeps metrics and their values: plain functions of a connection, for the database to run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from emulator.telemetry.metric_data.distribution import Distribution

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from emulator.core.function_names import Scope
    from emulator.telemetry.metric_data.metric import Dimensions, Metric, Sample

KEPT = 15 * 86_400
"""Seconds for which values are kept: CloudWatch keeps those of minutes for 15 days."""


class Reading(NamedTuple):
    """Holds the values of one unit in the period that begins at a time."""

    at: int
    unit: str
    values: Distribution


class Listed(NamedTuple):
    """Names a metric that has values."""

    namespace: str
    name: str
    dimensions: Dimensions
    last: int
    """Epoch second at which the newest of its periods began."""


def add(connection: sqlite3.Connection, scope: Scope, samples: Iterable[Sample]) -> None:
    """Adds values to those that are there for the same metric and period."""
    known: dict[Metric, int] = {}
    for metric, at, values in samples:
        if metric not in known:
            known[metric] = _id(connection, scope, metric, at)
        _merge(connection, known[metric], at, values)


def read(
    connection: sqlite3.Connection,
    scope: Scope,
    namespace: str,
    name: str,
    dimensions: Dimensions,
    *,
    start: int,
    end: int,
) -> list[Reading]:
    """Returns a metric's values from `start` to before `end`, in epoch seconds, of every unit."""
    rows = connection.execute(
        "SELECT at, unit, distribution FROM metric_values JOIN metrics ON metric = id"
        " WHERE account = ? AND region = ? AND namespace = ? AND name = ? AND dimensions = ?"
        " AND at >= ? AND at < ? ORDER BY at",
        (scope.account, scope.region, namespace, name, json.dumps(dimensions), start, end),
    )
    return [Reading(at, unit, Distribution.decode(text)) for at, unit, text in rows]


def list_metrics(connection: sqlite3.Connection, scope: Scope, since: int) -> list[Listed]:
    """Returns the metrics that have values since then, in the order of their names."""
    rows = connection.execute(
        "SELECT namespace, name, dimensions, max(last) FROM metrics"
        " WHERE account = ? AND region = ? GROUP BY namespace, name, dimensions"
        " HAVING max(last) >= ?",
        (scope.account, scope.region, since),
    )
    return sorted(
        Listed(namespace, name, _dimensions(dimensions), last)
        for namespace, name, dimensions, last in rows
    )


def expire(connection: sqlite3.Connection, now: int) -> None:
    """Deletes values that are older than they are kept, and metrics that have none left."""
    connection.execute("DELETE FROM metric_values WHERE at < ?", (now - KEPT,))
    connection.execute("DELETE FROM metrics WHERE last < ?", (now - KEPT,))


def _id(connection: sqlite3.Connection, scope: Scope, metric: Metric, at: int) -> int:
    row = connection.execute(
        "INSERT INTO metrics (account, region, namespace, name, dimensions, unit, last)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, namespace, name, dimensions, unit)"
        " DO UPDATE SET last = max(last, excluded.last) RETURNING id",
        (
            scope.account,
            scope.region,
            metric.namespace,
            metric.name,
            json.dumps(metric.dimensions),
            metric.unit,
            at,
        ),
    ).fetchone()
    found: int = row[0]
    return found


def _merge(connection: sqlite3.Connection, metric: int, at: int, values: Distribution) -> None:
    row = connection.execute(
        "SELECT distribution FROM metric_values WHERE metric = ? AND at = ?", (metric, at)
    ).fetchone()
    if row is not None:
        earlier = Distribution.decode(row[0])
        earlier.merge(values)
        values = earlier
    connection.execute(
        "INSERT OR REPLACE INTO metric_values VALUES (?, ?, ?)", (metric, at, values.encode())
    )


def _dimensions(text: str) -> Dimensions:
    return tuple((name, value) for name, value in json.loads(text))
