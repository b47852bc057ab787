"""Translates a platform event into the schema that a subscriber asked for.

Events are made in the newest schema (`platform_events`); here older schemas lose the fields that
they do not have, and the Logs API's events get their own names. Who subscribes is not known here.
Sources: the developer guide's "Using the Lambda Logs API" (2020-08-15, 2021-03-18) and its "Event
schema reference"; what 2022-07-01 lacks is from events that AWS sent in October 2022.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.telemetry.platform_events import RunStatus

if TYPE_CHECKING:
    from emulator.telemetry.platform_events import Event

TELEMETRY_SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
"""Schema versions, oldest first; the newest differs on Lambda Managed Instances only."""
LOGS_SCHEMAS = ("2020-08-15", "2021-03-18")

_NOT_IN_2022_07_01 = {
    "platform.initStart": ("functionName", "functionVersion"),
    "platform.initRuntimeDone": ("phase",),
    "platform.initReport": ("status", "errorType"),
}
_TELEMETRY_ONLY = frozenset(
    {
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.telemetrySubscription",
    }
)
_LOGS_ONLY = frozenset({"platform.logsSubscription", "platform.fault"})
_FAILED = frozenset({RunStatus.ERROR, RunStatus.FAILURE})


def category(event: Event) -> str:
    """Returns the type to which an extension subscribes: `platform`, `function`, `extension`."""
    kind: str = event["type"]
    return kind.partition(".")[0]


def in_schema(event: Event, version: str) -> tuple[Event, ...]:
    """Returns the events that stand for this one in a schema version: mostly one, or none."""
    if version in LOGS_SCHEMAS:
        return _of_logs_api(event, version)
    if event["type"] in _LOGS_ONLY:
        return ()
    missing = _NOT_IN_2022_07_01.get(event["type"], ())
    if version != TELEMETRY_SCHEMAS[0] or not missing:
        return (event,)
    kept = {name: value for name, value in event["record"].items() if name not in missing}
    return ({**event, "record": kept},)


def _of_logs_api(event: Event, version: str) -> tuple[Event, ...]:
    kind, record = event["type"], event["record"]
    if kind in _TELEMETRY_ONLY:
        return ()
    if kind == "platform.runtimeDone":
        if version != LOGS_SCHEMAS[1]:
            return ()
        status = RunStatus.FAILURE if record["status"] in _FAILED else record["status"]
        return ({**event, "record": {"requestId": record["requestId"], "status": str(status)}},)
    if kind == "platform.report":
        kept = {
            name: record[name] for name in ("requestId", "metrics", "tracing") if name in record
        }
        end = {**event, "type": "platform.end", "record": {"requestId": record["requestId"]}}
        return (end, {**event, "record": kept})
    return (event,)
