"""Lambda's platform events, as its Telemetry API sends them and as a JSON log shows them.

Pure: times come in as epoch seconds, durations as seconds, and an event goes out as the document
that is sent. Sources: the developer guide's "Lambda Telemetry API Event schema reference" (schema
version 2022-12-13), its "Log-level filtering" (the system log's levels), and lines that AWS wrote
in 2024 and 2026, from which the order of the fields and the three decimals of durations are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import Seconds

Event: TypeAlias = dict[str, Any]
"""`time`, `type` and `record`; JSON."""


class RunStatus(StrEnum):
    """How an init or an invocation ended."""

    SUCCESS = "success"
    ERROR = "error"
    """The runtime ended or ran out of memory, as a REPORT line's `Status: error` says; or its
    init failed."""
    FAILURE = "failure"
    """The reference has it beside `error`, and does not say how they differ."""
    TIMEOUT = "timeout"


class InitPhase(StrEnum):
    """When the function was initialised."""

    INIT = "init"
    INVOKE = "invoke"
    """Again, within an invocation: a suppressed init."""


class InitializationType(StrEnum):
    ON_DEMAND = "on-demand"
    PROVISIONED_CONCURRENCY = "provisioned-concurrency"
    SNAP_START = "snap-start"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an invocation: when it began (epoch seconds), and how long it took."""

    name: str
    began_at: Seconds
    duration: Seconds


@dataclass(frozen=True, slots=True)
class Trace:
    """The invocation's X-Ray context; an empty header stands for none."""

    header: str = ""
    """`Root=…;Parent=…;Sampled=…`."""
    span_id: str = ""


NO_TRACE = Trace()


def timestamp(at_epoch: Seconds) -> str:
    """UTC to the millisecond, cut and not rounded: `2024-05-20T16:29:44.833Z`."""
    moment = datetime.fromtimestamp(at_epoch, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invocation_spans(
    began_at: Seconds, responding_at: Seconds, responded_at: Seconds, ready_at: Seconds
) -> tuple[Span, ...]:
    """What `runtimeDone` tells of an invocation that had a response; all in epoch seconds.

    The function began, began to send its response and had sent it, and the runtime asked for the
    next invocation.
    """
    return (
        Span("responseLatency", began_at, responding_at - began_at),
        Span("responseDuration", responding_at, responded_at - responding_at),
        Span("runtimeOverhead", responded_at, ready_at - responded_at),
    )


def init_start(
    at_epoch: Seconds,
    initialization_type: InitializationType,
    phase: InitPhase,
    function: str,
    version: str,
    *,
    runtime_version: str = "",
    runtime_version_arn: str = "",
) -> Event:
    """An image's runtime is not known to Lambda, and then neither of the last two is told."""
    runtime = {"runtimeVersion": runtime_version, "runtimeVersionArn": runtime_version_arn}
    record = {
        "initializationType": initialization_type.value,
        "phase": phase.value,
        **{name: value for name, value in runtime.items() if value},
        "functionName": function,
        "functionVersion": version,
    }
    return _event(at_epoch, "platform.initStart", record)


def init_runtime_done(
    at_epoch: Seconds,
    initialization_type: InitializationType,
    phase: InitPhase,
    status: RunStatus,
    error_type: str = "",
) -> Event:
    record = _init(initialization_type, phase, status, error_type)
    return _event(at_epoch, "platform.initRuntimeDone", record)


def init_report(
    at_epoch: Seconds,
    initialization_type: InitializationType,
    phase: InitPhase,
    status: RunStatus,
    *,
    duration: Seconds,
    error_type: str = "",
) -> Event:
    record = _init(initialization_type, phase, status, error_type)
    record["metrics"] = {"durationMs": _ms(duration)}
    return _event(at_epoch, "platform.initReport", record)


def start(at_epoch: Seconds, request_id: str, version: str, trace: Trace = NO_TRACE) -> Event:
    record = {"requestId": request_id, "version": version, **_tracing(trace)}
    return _event(at_epoch, "platform.start", record)


def runtime_done(
    at_epoch: Seconds,
    request_id: str,
    status: RunStatus,
    duration: Seconds,
    produced_bytes: int = 0,
    *,
    spans: Iterable[Span] = (),
    error_type: str = "",
    trace: Trace = NO_TRACE,
) -> Event:
    """`duration` is from the dispatch to the runtime's next `next`, or to its end."""
    record = {
        "requestId": request_id,
        **_status(status, error_type),
        **_tracing(trace),
        **_spans(spans),
        "metrics": {"durationMs": _ms(duration), "producedBytes": produced_bytes},
    }
    return _event(at_epoch, "platform.runtimeDone", record)


def report(
    at_epoch: Seconds,
    request_id: str,
    status: RunStatus,
    *,
    duration: Seconds,
    billed_ms: int,
    memory_mb: int,
    max_memory_mb: int,
    init: Seconds | None = None,
    error_type: str = "",
    trace: Trace = NO_TRACE,
) -> Event:
    """`init` is told of a cold start only."""
    metrics: dict[str, float] = {
        "durationMs": _ms(duration),
        "billedDurationMs": billed_ms,
        "memorySizeMB": memory_mb,
        "maxMemoryUsedMB": max_memory_mb,
    }
    if init is not None:
        metrics["initDurationMs"] = _ms(init)
    record = {
        "requestId": request_id,
        **_status(status, error_type),
        "metrics": metrics,
        **_tracing(trace),
    }
    return _event(at_epoch, "platform.report", record)


def extension(
    at_epoch: Seconds, name: str, state: str, events: Iterable[str], error_type: str = ""
) -> Event:
    """One for each extension at the end of init; its state is `Ready` unless it failed."""
    record = {"name": name, "state": state, "events": list(events)}
    if error_type:
        record["errorType"] = error_type
    return _event(at_epoch, "platform.extension", record)


def telemetry_subscription(at_epoch: Seconds, name: str, state: str, types: Iterable[str]) -> Event:
    """The state is `Subscribed`, or `Already subscribed`."""
    record = {"name": name, "state": state, "types": list(types)}
    return _event(at_epoch, "platform.telemetrySubscription", record)


def logs_subscription(at_epoch: Seconds, name: str, state: str, types: Iterable[str]) -> Event:
    """As `telemetry_subscription`, of the Logs API."""
    record = {"name": name, "state": state, "types": list(types)}
    return _event(at_epoch, "platform.logsSubscription", record)


def logs_dropped(at_epoch: Seconds, records: int, size: int, reason: str) -> Event:
    """`size` is in bytes."""
    record = {"droppedBytes": size, "droppedRecords": records, "reason": reason}
    return _event(at_epoch, "platform.logsDropped", record)


def fault(at_epoch: Seconds, text: str) -> Event:
    """Of the Logs API alone: what CloudWatch shows of an invocation whose runtime ended."""
    return _event(at_epoch, "platform.fault", text)


def function_log(at_epoch: Seconds, record: str | dict[str, Any]) -> Event:
    """What the function wrote: a line with its end, or the object that a JSON log's line is."""
    return _event(at_epoch, "function", record)


def extension_log(at_epoch: Seconds, record: str | dict[str, Any]) -> Event:
    return _event(at_epoch, "extension", record)


def line(event: Event) -> str:
    """The event as a line of the function's log where that is in JSON."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def system_log_level(event: Event) -> str:
    """The level that SystemLogLevel is compared with: DEBUG, INFO or WARN (the default is INFO)."""
    kind, record = event["type"], event["record"]
    if kind == "platform.logsDropped" or _failed(record):
        return "WARN"
    if kind in ("platform.initRuntimeDone", "platform.runtimeDone"):
        return "DEBUG"
    if kind == "platform.initStart":
        return "INFO" if "runtimeVersion" in record else "DEBUG"
    if kind == "platform.initReport":
        on_demand = record["initializationType"] == InitializationType.ON_DEMAND
        return "DEBUG" if on_demand else "INFO"
    return "INFO"


def _failed(record: Any) -> bool:
    if not isinstance(record, dict):
        return True  # a fault
    return record.get("status", RunStatus.SUCCESS) != RunStatus.SUCCESS or "errorType" in record


def _event(at_epoch: Seconds, kind: str, record: Any) -> Event:
    return {"time": timestamp(at_epoch), "type": kind, "record": record}


def _init(
    initialization_type: InitializationType, phase: InitPhase, status: RunStatus, error_type: str
) -> dict[str, Any]:
    return {
        "initializationType": initialization_type.value,
        "phase": phase.value,
        **_status(status, error_type),
    }


def _status(status: RunStatus, error_type: str) -> dict[str, str]:
    told = {"status": status.value}
    if error_type:
        told["errorType"] = error_type
    return told


def _tracing(trace: Trace) -> dict[str, dict[str, str]]:
    if not trace.header:
        return {}
    span = {"spanId": trace.span_id} if trace.span_id else {}
    return {"tracing": {**span, "type": "X-Amzn-Trace-Id", "value": trace.header}}


def _spans(spans: Iterable[Span]) -> dict[str, list[dict[str, Any]]]:
    told = [
        {"name": span.name, "start": timestamp(span.began_at), "durationMs": _ms(span.duration)}
        for span in spans
    ]
    return {"spans": told} if told else {}


def _ms(duration: Seconds) -> float:
    return round(duration * 1000, 3)
