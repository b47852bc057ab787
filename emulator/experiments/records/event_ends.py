"""Reads the ends of a run's asynchronous events, and reckons how long each was in the queue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulator.core.asynchronous.ended_event import decode_ended
from emulator.core.model import StartKind
from emulator.core.records import Status
from emulator.errors import RunDirectoryError
from emulator.experiments.records.client_rows import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from emulator.core.asynchronous.ended_event import EndedEvent
    from emulator.core.records import InvocationRecord
    from emulator.experiments.records.client_rows import ClientRow
    from emulator.experiments.records.run_directory import Request, Run

_REFUSED = frozenset({Status.THROTTLED, Status.START_FAILED})
"""Ends of attempts that did not run the function."""


def read_ends(path: Path, missing: list[str]) -> dict[str, EndedEvent]:
    """Returns the ends of events by the request id; tells in `missing` of lines that are not there.

    Raises:
        RunDirectoryError: the file is damaged, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from error
    *lines, rest = text.split("\n")
    if rest:
        missing.append(f"The last line of {path.name} was cut short and is left out.")
    found: dict[str, EndedEvent] = {}
    for number, line in enumerate(lines, 1):
        try:
            ended = decode_ended(line)
        except ValueError as error:
            if lost := _lost(line):
                missing.append(f"{lost} ends of events are missing from {path.name}.")
                continue
            raise RunDirectoryError(f"{path}, line {number}: {error}") from error
        found[ended.invocation] = ended  # after a kill an event may end once more
    return found


def _lost(line: str) -> int:
    """Returns how many lines a full disk has cost, where the line tells that."""
    try:
        raw = json.loads(line)
    except ValueError:
        return 0
    return int(raw.get("lost", 0)) if isinstance(raw, dict) else 0


def aged(
    accepted_at: float, attempts: Iterable[InvocationRecord], until: float, speedup: float
) -> float:
    """Returns how old an event is at a time, in seconds of Lambda's.

    What it spends in the queue goes `speedup` times as fast as in life, an attempt as in life.
    """
    tried = sum(
        max(0.0, min(record.finished_at, until) - record.requested_at) for record in attempts
    )
    return max(0.0, until - accepted_at - tried) * speedup + tried


def event_columns(request: Request, speedup: float) -> dict[str, Any]:
    """Returns the columns of a request table that an asynchronous event alone has."""
    attempts, event = request.attempts, request.event
    ran = [record for record in attempts if record.dispatched_at is not None]
    found: dict[str, Any] = {
        "event_end": None if event is None else event.condition.value,
        "attempts": len(attempts) - sum(record.status in _REFUSED for record in attempts),
        "refusals": sum(record.status in _REFUSED for record in attempts),
        "cold_attempts": sum(record.start is StartKind.COLD for record in attempts),
    }
    if event is not None:
        found["event_age_ms"] = _ms(aged(event.accepted_at, attempts, event.ended_at, speedup))
    accepted_at = event.accepted_at if event else attempts[0].requested_at if attempts else None
    if ran and accepted_at is not None:
        first = ran[0].dispatched_at
        assert first is not None
        found["event_waited_ms"] = _ms(aged(accepted_at, attempts, first, speedup))
    return found


def executed_at(request: Request) -> float | None:
    """Returns when an event's function had run for the last time, on the journal's clock."""
    record = request.record
    if record is None or record.dispatched_at is None:
        return None
    return record.finished_at if record.answered_at is None else record.answered_at


def executions(run: Run, dilation: float) -> list[ClientRow]:
    """Returns a row for each attempt of a run's events, as if its client had waited for it.

    So it is known when the machine was at work for them: the clients themselves had gone on.
    """
    accepted = {row.request_id: row for row in run.clients if row.status == ACCEPTED}
    return [
        replace(
            accepted[record.invocation],
            start=run.info.started_at + record.requested_at * dilation,
            latency_ms=(record.finished_at - record.requested_at) * dilation * 1000,
            start_kind=record.start,
        )
        for record in run.invocations
        if record.invocation in accepted
    ]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 6)
