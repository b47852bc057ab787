"""Serves PutLogEvents.

Source of limits and sentences: the API reference of CloudWatch Logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.cloudwatch.logs.lookup import (
    existing_group,
    existing_stream,
    invalid,
    scope_of,
)
from emulator.live.store.logs.events import NewEvent, StreamName
from emulator.telemetry.line_splitter import EVENT_OVERHEAD

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from emulator.api.services.calls import Call, Operation
    from emulator.live.store.logs.archive import LogArchive

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_MOST_BYTES = 1_048_576
_FUTURE_MS = 2 * _HOUR_MS
_PAST_MS = 14 * _DAY_MS


class WritingOperations:
    """Takes clients' own events into an archive."""

    def __init__(self, archive: LogArchive) -> None:
        self._archive = archive

    def operations(self) -> dict[str, Operation]:
        return {"PutLogEvents": self._put}

    async def _put(self, call: Call) -> Mapping[str, Any]:
        given, scope = call.arguments, scope_of(call)
        name = StreamName(scope, given["logGroupName"], given["logStreamName"])
        events = [NewEvent(one["timestamp"], one["message"]) for one in given["logEvents"]]
        _check(events)

        def work(connection: sqlite3.Connection) -> int | None:
            group = existing_group(connection, scope, name.group)
            existing_stream(connection, group.id, name.stream)
            return group.retention_days

        retention = await self._archive.read(work)
        rejected = _rejected(events, self._archive.now(), retention)
        start = max(
            rejected.get("tooOldLogEventEndIndex", 0), rejected.get("expiredLogEventEndIndex", 0)
        )
        taken = events[start : rejected.get("tooNewLogEventStartIndex")]
        await self._archive.put([(name, event) for event in taken])
        return {
            "nextSequenceToken": f"{self._archive.now():056d}",
            "rejectedLogEventsInfo": rejected or None,
        }


def _check(events: Sequence[NewEvent]) -> None:
    size = sum(len(event.message.encode(errors="replace")) + EVENT_OVERHEAD for event in events)
    if size > _MOST_BYTES:
        invalid(f"Upload too large: {size} bytes exceeds limit of {_MOST_BYTES}")
    times = [event.at for event in events]
    if times != sorted(times):
        invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > _DAY_MS:
        invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 "
            "hours."
        )


def _rejected(events: Sequence[NewEvent], now: int, retention_days: int | None) -> dict[str, int]:
    """Returns the bounds of the events that are too new or too old, as the answer names these."""
    times = [event.at for event in events]
    found = {}
    if (new := next((i for i, at in enumerate(times) if at > now + _FUTURE_MS), None)) is not None:
        found["tooNewLogEventStartIndex"] = new
    if old := sum(at < now - _PAST_MS for at in times):
        found["tooOldLogEventEndIndex"] = old
    if retention_days is not None:
        kept_from = now - retention_days * _DAY_MS
        if expired := sum(at < kept_from for at in times):
            found["expiredLogEventEndIndex"] = expired
    return found
