"""Writes the parts of a platform event that tell when something was: its spans, trace and times.

Times come in as epoch seconds and durations as seconds. Source: the developer guide's "Lambda
Telemetry API Event schema reference" (schema version 2022-12-13); that times are cut and durations
have three decimals is in lines that AWS wrote in 2024 and 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import Seconds


@dataclass(frozen=True, slots=True)
class Span:
    """Holds a part of an invocation."""

    name: str
    began_at: Seconds
    """Epoch seconds."""
    duration: Seconds


@dataclass(frozen=True, slots=True)
class Trace:
    """Holds the X-Ray context of an invocation; an empty header stands for none."""

    header: str = ""
    """`Root=…;Parent=…;Sampled=…`."""
    span_id: str = ""


NO_TRACE = Trace()


def invocation_spans(
    began_at: Seconds, responding_at: Seconds, responded_at: Seconds, ready_at: Seconds
) -> tuple[Span, ...]:
    """Returns the spans in `runtimeDone` of an invocation that had a response.

    In epoch seconds: the function began, began to send its response and had sent it, and the
    runtime asked for the next invocation.
    """
    return (
        Span("responseLatency", began_at, responding_at - began_at),
        Span("responseDuration", responding_at, responded_at - responding_at),
        Span("runtimeOverhead", responded_at, ready_at - responded_at),
    )


def timestamp(at_epoch: Seconds) -> str:
    """Returns UTC to the millisecond, cut and not rounded: `2024-05-20T16:29:44.833Z`."""
    moment = datetime.fromtimestamp(at_epoch, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(duration: Seconds) -> float:
    """Returns seconds as milliseconds."""
    return round(duration * 1000, 3)


def tracing_field(trace: Trace) -> dict[str, dict[str, str]]:
    """Returns the field `tracing` of a record; nothing where there is no trace."""
    if not trace.header:
        return {}
    span = {"spanId": trace.span_id} if trace.span_id else {}
    return {"tracing": {**span, "type": "X-Amzn-Trace-Id", "value": trace.header}}


def spans_field(spans: Iterable[Span]) -> dict[str, list[dict[str, Any]]]:
    """Returns the field `spans` of a record; nothing where there are none."""
    told = [
        {
            "name": span.name,
            "start": timestamp(span.began_at),
            "durationMs": milliseconds(span.duration),
        }
        for span in spans
    ]
    return {"spans": told} if told else {}
