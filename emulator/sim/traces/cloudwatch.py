"""Reads what CloudWatch has of functions: their REPORT lines, from whatever export they stand in.

Each line of a file is looked at by itself, or each event of a JSON document: a REPORT line of text
logs, a `platform.report` of JSON logs, and all others are passed over. So the console's CSV, an
export to S3 (packed or not), `aws logs filter-log-events` and `aws logs tail` are read. A REPORT is
written when its invocation is over: the call came its duration and init earlier. The function is
the log group's where an event names one, else the file's name. Source: Lambda developer guide,
"Lambda function logs"; Telemetry API, schema of `platform.report`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulator.sim.traces.rows import numbered
from emulator.sim.traces.trace import Call, Trace, TracedFunction, kept
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REPORT = re.compile(r"REPORT RequestId: \S+(?:\\t|\s)+Duration: (?P<ms>[\d.]+) ms(?P<rest>.*)")
_INIT = re.compile(r"(?:Init|Restore) Duration: ([\d.]+) ms")
_MEMORY = re.compile(r"Memory Size: (\d+) MB")
_GROUP = re.compile(r"/aws/lambda/([\w-]+)")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*(Z|[+-]\d\d:?\d\d)?")
_EPOCH_MS = re.compile(r"\b(1\d{12})\b")


@dataclass(frozen=True, slots=True)
class _Report:
    """Holds what one REPORT tells."""

    ended: float
    function: str
    duration: float
    init: float
    memory_mb: float | None


def read(path: Path) -> Trace:
    """Reads all reports of a file, in any order.

    Raises:
        TraceError: the file cannot be read, a report has no time, or there is no report.
    """
    reports = sorted(_reports(path), key=lambda each: each.ended - each.duration - each.init)
    if not reports:
        raise TraceError(f"{path.name} has no REPORT line and no platform.report")
    calls = [Call(each.ended - each.duration - each.init, each.function) for each in reports]
    begin = calls[0].at
    from_zero = [
        Call(call.at - begin, call.function, each.duration)
        for call, each in zip(calls, reports, strict=True)
    ]
    functions = {
        each.function: TracedFunction(each.function, memory_mb=each.memory_mb) for each in reports
    }
    return Trace(functions, kept(from_zero))


def _reports(path: Path) -> Iterator[_Report]:
    name = path.name.partition(".")[0]
    lines = list(numbered(path))
    if lines and lines[0][1].lstrip()[0] in "{[" and (events := _events(lines)) is not None:
        for place, event in enumerate(events, 1):
            where = f"{path.name}, event {place}"
            yield from _of_event(event, name, where)
        return
    for number, line in lines:
        yield from _of_text(line, name, f"{path.name}, line {number}")


def _events(lines: list[tuple[int, str]]) -> list[Any] | None:
    """Returns the events of a whole document, or of a document a line; None where neither is."""
    try:
        whole = json.loads("".join(line for _, line in lines))
    except ValueError:
        try:
            return [json.loads(line) for _, line in lines]
        except ValueError:
            return None
    found = whole.get("events", [whole]) if isinstance(whole, dict) else whole
    return found if isinstance(found, list) else None


def _of_event(event: Any, name: str, where: str) -> Iterator[_Report]:
    if not isinstance(event, dict):
        return
    if event.get("type") == "platform.report":
        yield _of_platform(event, name, where)
        return
    message: Any = event.get("message", event.get("@message", ""))
    if isinstance(message, dict):
        yield from _of_event(message, name, where)
        return
    others = " ".join(str(value) for key, value in event.items() if key != "message")
    if isinstance(message, str) and message.lstrip().startswith("{"):
        try:
            yield from _of_event(json.loads(message), _function(others, name), where)
        except ValueError:
            return
        return
    yield from _of_text(f"{others} {message}", name, where)


def _of_text(text: str, name: str, where: str) -> Iterator[_Report]:
    found = _REPORT.search(text)
    if found is None:
        at = text.find('{"time":')
        if at >= 0 and "platform.report" in text:
            yield from _of_event(json.loads(text[at : text.rindex("}") + 1]), name, where)
        return
    before, rest = text[: found.start()], found["rest"]
    inits = sum(float(ms) for ms in _INIT.findall(rest))
    memory = _MEMORY.search(rest)
    yield _Report(
        _time(before, where),
        _function(before, name),
        float(found["ms"]) / 1000,
        inits / 1000,
        float(memory[1]) if memory else None,
    )


def _of_platform(event: dict[str, Any], name: str, where: str) -> _Report:
    try:
        metrics = event["record"]["metrics"]
        init = metrics.get("initDurationMs", 0.0) + metrics.get("restoreDurationMs", 0.0)
        return _Report(
            _time(event["time"], where),
            name,
            metrics["durationMs"] / 1000,
            init / 1000,
            metrics.get("memorySizeMB"),
        )
    except (KeyError, TypeError) as error:
        raise TraceError(f"{where}: a platform.report without {error}") from None


def _function(text: str, name: str) -> str:
    found = _GROUP.search(text)
    return found[1] if found else name


def _time(text: str, where: str) -> float:
    """Returns the last time that a text names, in seconds since 1970."""
    dates = _ISO.findall(text)
    if dates:
        day, clock, zone = dates[-1]
        at = datetime.fromisoformat(f"{day}T{clock}{zone.replace('Z', '+00:00')}")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    stamps = _EPOCH_MS.findall(text)
    if not stamps:
        raise TraceError(f"{where}: a REPORT without a time")
    return int(stamps[0]) / 1000
