"""Makes Lambda's platform events, as its Telemetry API sends them and as a JSON log shows them.

Pure: times come in as epoch seconds, durations as seconds, and an event goes out as the document
that is sent. Who wants an event is not known here. Sources: the developer guide's "Lambda Telemetry
API Event schema reference" (schema version 2022-12-13), its "Log-level filtering" (the system log's
levels), and lines that AWS wrote in 2024 and 2026, from which the order of the fields is.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from emulator.telemetry.spans import (
    NO_TRACE,
    milliseconds,
    spans_field,
    timestamp,
    tracing_field,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import Seconds
    from emulator.telemetry.spans import Span, Trace

Event: TypeAlias = dict[str, Any]
"""A JSON object of `time`, `type` and `record`."""


class RunStatus(StrEnum):
    """Lists how an init or an invocation can end."""

    SUCCESS = "success"
    ERROR = "error"
    """The runtime ended or ran out of memory, as a REPORT line's `Status: error` says; or its
    init failed."""
    FAILURE = "failure"
    """Another word for an error: the reference does not say how they differ."""
    TIMEOUT = "timeout"


class InitPhase(StrEnum):
    """Lists when a function is initialised."""

    INIT = "init"
    INVOKE = "invoke"
    """Once more, within an invocation: a suppressed init."""


class InitializationType(StrEnum):
    """Lists why a sandbox is made."""

    ON_DEMAND = "on-demand"
    PROVISIONED_CONCURRENCY = "provisioned-concurrency"
    SNAP_START = "snap-start"


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
    """Makes `platform.initStart`.

    An image's runtime is not known to Lambda, so the version of a runtime and its ARN are left out.
    """
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
    """Returns `platform.initRuntimeDone`."""
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
    """Returns `platform.initReport`."""
    record = _init(initialization_type, phase, status, error_type)
    record["metrics"] = {"durationMs": milliseconds(duration)}
    return _event(at_epoch, "platform.initReport", record)


def restore_start(
    at_epoch: Seconds,
    function: str,
    version: str,
    runtime_version: str = "",
    runtime_version_arn: str = "",
) -> Event:
    """Makes `platform.restoreStart`, of a sandbox that comes of a snapshot."""
    runtime = {"runtimeVersion": runtime_version, "runtimeVersionArn": runtime_version_arn}
    record = {
        **{name: value for name, value in runtime.items() if value},
        "functionName": function,
        "functionVersion": version,
    }
    return _event(at_epoch, "platform.restoreStart", record)


def restore_runtime_done(at_epoch: Seconds, status: RunStatus, error_type: str = "") -> Event:
    """Returns `platform.restoreRuntimeDone`."""
    return _event(at_epoch, "platform.restoreRuntimeDone", _status(status, error_type))


def restore_report(
    at_epoch: Seconds, status: RunStatus, duration: Seconds, error_type: str = ""
) -> Event:
    """Returns `platform.restoreReport`."""
    metrics = {"durationMs": milliseconds(duration)}
    record = {**_status(status, error_type), "metrics": metrics}
    return _event(at_epoch, "platform.restoreReport", record)


def start(
    at_epoch: Seconds, request_id: str, version: str, trace: Trace = NO_TRACE, *, tenant: str = ""
) -> Event:
    """Returns `platform.start`."""
    record = {
        "requestId": request_id,
        "version": version,
        **_tenant_field(tenant),
        **tracing_field(trace),
    }
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
    """Makes `platform.runtimeDone`; `duration` is from the dispatch to the runtime's next `next`.

    Where the runtime has ended, `duration` is until then.
    """
    record = {
        "requestId": request_id,
        **_status(status, error_type),
        **tracing_field(trace),
        **spans_field(spans),
        "metrics": {"durationMs": milliseconds(duration), "producedBytes": produced_bytes},
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
    restore: Seconds | None = None,
    billed_restore_ms: int = 0,
    error_type: str = "",
    tenant: str = "",
    trace: Trace = NO_TRACE,
) -> Event:
    """Makes `platform.report`; `init` is given of a cold start, `restore` of a restored one."""
    metrics: dict[str, float] = {
        "durationMs": milliseconds(duration),
        "billedDurationMs": billed_ms,
        "memorySizeMB": memory_mb,
        "maxMemoryUsedMB": max_memory_mb,
    }
    if init is not None:
        metrics["initDurationMs"] = milliseconds(init)
    if restore is not None:
        metrics["restoreDurationMs"] = milliseconds(restore)
        metrics["billedRestoreDurationMs"] = billed_restore_ms
    record = {
        "requestId": request_id,
        **_status(status, error_type),
        "metrics": metrics,
        **_tenant_field(tenant),
        **tracing_field(trace),
    }
    return _event(at_epoch, "platform.report", record)


def _tenant_field(tenant: str) -> dict[str, str]:
    """Returns the field that the guide's "Monitoring Lambda functions with tenant isolation" has.

    Its place among the others is not recorded.
    """
    return {"tenantId": tenant} if tenant else {}


def extension(
    at_epoch: Seconds, name: str, state: str, events: Iterable[str], error_type: str = ""
) -> Event:
    """Makes `platform.extension`, which each extension has at the end of init.

    The state is `Ready` unless the extension failed.
    """
    record = {"name": name, "state": state, "events": list(events)}
    if error_type:
        record["errorType"] = error_type
    return _event(at_epoch, "platform.extension", record)


def telemetry_subscription(at_epoch: Seconds, name: str, state: str, types: Iterable[str]) -> Event:
    """Makes `platform.telemetrySubscription`.

    The state is `Subscribed`, or `Already subscribed`.
    """
    record = {"name": name, "state": state, "types": list(types)}
    return _event(at_epoch, "platform.telemetrySubscription", record)


def logs_subscription(at_epoch: Seconds, name: str, state: str, types: Iterable[str]) -> Event:
    """Makes the counterpart of `platform.telemetrySubscription` for the Logs API."""
    record = {"name": name, "state": state, "types": list(types)}
    return _event(at_epoch, "platform.logsSubscription", record)


def logs_dropped(at_epoch: Seconds, records: int, size: int, reason: str) -> Event:
    """Makes `platform.logsDropped`; `size` is in bytes."""
    record = {"droppedBytes": size, "droppedRecords": records, "reason": reason}
    return _event(at_epoch, "platform.logsDropped", record)


def fault(at_epoch: Seconds, text: str) -> Event:
    """Makes `platform.fault`, which the Logs API alone has.

    The text is what CloudWatch shows of an invocation whose runtime ended.
    """
    return _event(at_epoch, "platform.fault", text)


def function_log(at_epoch: Seconds, record: str | dict[str, Any]) -> Event:
    """Makes an event of a line with its end, or of the object that a JSON log's line is."""
    return _event(at_epoch, "function", record)


def extension_log(at_epoch: Seconds, record: str | dict[str, Any]) -> Event:
    """Returns a line that an extension wrote, or the object where logs are JSON."""
    return _event(at_epoch, "extension", record)


def line(event: Event) -> str:
    """Returns the event as a line of a function's log in JSON."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def system_log_level(event: Event) -> str:
    """Returns DEBUG, INFO or WARN, with which a function's SystemLogLevel is compared."""
    kind, record = event["type"], event["record"]
    if kind == "platform.logsDropped" or _failed(record):
        return "WARN"
    if kind in ("platform.initRuntimeDone", "platform.runtimeDone", "platform.restoreRuntimeDone"):
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
