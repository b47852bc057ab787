"""Reads API Gateway's access log in JSON: each request is a call.

Whoever sets the log up names its fields; read are those that bear the name of their $context
variable, as AWS's own examples have them: `requestTimeEpoch` (ms) or else `requestTime`, `routeKey`
or else `httpMethod` with `resourcePath` or `path`, and `integrationLatency` (ms, of REST APIs) or
`integration.latency`, which a function's time is. Lines stand by themselves or as `message` of
`aws logs filter-log-events`. Source: API Gateway developer guide, "Variables for access logging".
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.sim.traces.rows import amount, numbered
from emulator.sim.traces.trace import Call, Trace, TracedFunction, kept
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TIME = "%d/%b/%Y:%H:%M:%S %z"
_LATENCIES = ("integrationLatency", "integration.latency")
_ABSENT = ("", "-", None)
"""What API Gateway writes for a variable that has no value."""


def read(path: Path) -> Trace:
    """Reads all requests of a log, in any order.

    Raises:
        TraceError: the file cannot be read, a line is no JSON or lacks the time or the route.
    """
    calls = sorted((_call(*found) for found in _lines(path)), key=lambda call: call.at)
    if not calls:
        raise TraceError(f"{path.name} has no request")
    begin = calls[0].at
    from_zero = [Call(call.at - begin, call.function, call.duration) for call in calls]
    names = sorted({call.function for call in calls})
    return Trace({name: TracedFunction(name) for name in names}, kept(from_zero))


def _lines(path: Path) -> Iterator[tuple[Any, str]]:
    """Yields each line of the log as JSON has it, and where the line stands."""
    lines = list(numbered(path))
    try:
        whole = json.loads("".join(line for _, line in lines))
    except ValueError:
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("events"), list):
        for place, event in enumerate(whole["events"], 1):
            where = f"{path.name}, event {place}"
            yield _json(event.get("message", ""), where), where
        return
    for number, line in lines:
        where = f"{path.name}, line {number}"
        yield _json(line, where), where


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise TraceError(f"{where}: no JSON") from None


def _call(fields: Any, where: str) -> Call:
    if not isinstance(fields, dict):
        raise TraceError(f"{where}: no JSON object")
    try:
        told = [fields[name] for name in _LATENCIES if fields.get(name) not in _ABSENT]
        duration = amount(str(told[0])) / 1000 if told else None
        return Call(_at(fields), _route(fields), duration)
    except (KeyError, ValueError) as error:
        raise TraceError(f"{where}: {error}") from None


def _at(fields: dict[str, Any]) -> float:
    epoch = fields.get("requestTimeEpoch")
    if epoch not in _ABSENT:
        return amount(str(epoch)) / 1000
    if "requestTime" not in fields:
        raise ValueError("neither requestTimeEpoch nor requestTime")
    return datetime.strptime(fields["requestTime"], _TIME).timestamp()  # noqa: DTZ007  # has a zone


def _route(fields: dict[str, Any]) -> str:
    route = fields.get("routeKey")
    if route not in _ABSENT:
        return str(route)
    path = next((fields[n] for n in ("resourcePath", "path") if fields.get(n) not in _ABSENT), None)
    if path is None:
        raise ValueError("neither routeKey, resourcePath nor path")
    return f"{fields.get('httpMethod', '')} {path}".strip()
