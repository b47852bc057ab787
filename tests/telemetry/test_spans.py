"""Times, spans and traces as fields of an event."""

from __future__ import annotations

from emulator.telemetry.spans import (
    NO_TRACE,
    Trace,
    invocation_spans,
    milliseconds,
    spans_field,
    timestamp,
    tracing_field,
)


def test_time_is_cut_to_milliseconds() -> None:
    assert timestamp(1_700_000_000.0) == "2023-11-14T22:13:20.000Z"
    assert timestamp(1_700_000_000.9999) == "2023-11-14T22:13:20.999Z"


def test_durations_have_three_decimals() -> None:
    assert milliseconds(0.0111849) == 11.185


def test_spans_of_an_invocation_follow_each_other() -> None:
    spans = invocation_spans(100.0, 100.25, 100.5, 101.0)
    assert [(span.name, span.began_at, span.duration) for span in spans] == [
        ("responseLatency", 100.0, 0.25),
        ("responseDuration", 100.25, 0.25),
        ("runtimeOverhead", 100.5, 0.5),
    ]
    [first, *_] = spans_field(spans)["spans"]
    assert first == {
        "name": "responseLatency",
        "start": "1970-01-01T00:01:40.000Z",
        "durationMs": 250.0,
    }


def test_fields_without_content_are_left_out() -> None:
    assert spans_field(()) == {}
    assert tracing_field(NO_TRACE) == {}


def test_trace_may_lack_its_span() -> None:
    told = {"type": "X-Amzn-Trace-Id", "value": "Root=1-a"}
    assert tracing_field(Trace("Root=1-a")) == {"tracing": told}
    assert tracing_field(Trace("Root=1-a", "54")) == {"tracing": {"spanId": "54", **told}}
