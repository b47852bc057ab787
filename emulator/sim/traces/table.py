"""Reads a CSV table of one's own: `at` in seconds, `function`, `duration` and `tenant` where known.

A function that has a tenant with any call is isolated by tenant, and needs one with each.

The names of columns that a CloudWatch Logs Insights or an API Gateway export has are taken as well:
`@timestamp` or `requestTime` (a date, or milliseconds since 1970) for the time,
`@duration` (ms) for the duration; without a function's column all calls are of one function.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import structs

from emulator.sim.traces.rows import amount, head, parsed
from emulator.sim.traces.trace import Call, Trace, TracedFunction, isolated, kept
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_TIMES = ("at", "@timestamp", "timestamp", "requestTime", "time")
_FUNCTIONS = ("function", "functionName", "@entity.KeyAttributes.Name", "resourcePath", "path")
_DURATIONS = {"duration": 1.0, "duration_s": 1.0, "@duration": 0.001, "responseLatency": 0.001}
"""Columns of durations, and the seconds of their unit."""
_TENANT = "tenant"
_ONLY = "function"
_EPOCH_MS = 1e11
"""Numbers above are milliseconds since 1970; as seconds they would be the year 5138."""


def read(path: Path) -> Trace:
    """Reads a whole table, in any order of its rows.

    Raises:
        TraceError: there is no column of times, a line is wrong, or a function has a tenant with
            some of its calls alone.
    """
    columns = head(path)
    time_column = next((name for name in _TIMES if name in columns), None)
    if time_column is None:
        raise TraceError(f"{path.name}, line 1: there is no column {' or '.join(_TIMES)}")
    rows = parsed(path, (time_column,), _parser(time_column, columns))
    calls = sorted(rows, key=lambda call: (call.at, call.function))
    begin = 0.0 if time_column == "at" or not calls else calls[0].at
    apart = isolated(calls)
    if at_odds := apart & {call.function for call in calls if not call.tenant}:
        raise TraceError(f"{path.name}: {min(at_odds)} is called with a tenant and without one")
    from_zero = [structs.replace(call, at=call.at - begin) for call in calls]
    names = {call.function for call in calls}
    functions = {name: TracedFunction(name, per_tenant=name in apart) for name in sorted(names)}
    return Trace(functions, kept(from_zero))


def _parser(time_column: str, head: list[str]) -> Callable[[Mapping[str, str]], Call]:
    function = next((name for name in _FUNCTIONS if name in head), None)
    duration = next((name for name in _DURATIONS if name in head), None)

    def parse(row: Mapping[str, str]) -> Call:
        lasted = (
            amount(row[duration]) * _DURATIONS[duration] if duration and row[duration] else None
        )
        name = row[function] if function else _ONLY
        return Call(_time(row[time_column]), name, lasted, row.get(_TENANT) or "")

    return parse


def _time(text: str) -> float:
    try:
        number = amount(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is neither seconds nor a time of day") from None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return number / 1000 if number > _EPOCH_MS else number
