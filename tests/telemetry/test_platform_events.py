"""Events as AWS wrote them: most expectations are lines of its JSON logs of 2024 and 2026."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.telemetry import platform_events as made
from emulator.telemetry.event_schemas import category, in_schema
from emulator.telemetry.platform_events import (
    InitializationType,
    InitPhase,
    RunStatus,
    line,
    system_log_level,
)
from emulator.telemetry.spans import Trace, invocation_spans

AT = 1_716_222_584.833
TIME = "2024-05-20T16:29:44.833Z"
ID = "4b142fc3-17b8-4cdb-a46b-a8dbe7918715"
ON_DEMAND = InitializationType.ON_DEMAND
INIT = InitPhase.INIT
OK = RunStatus.SUCCESS
REPORTED = made.report(
    AT, ID, OK, duration=0.011642, billed_ms=12, memory_mb=128, max_memory_mb=67, init=0.174055
)


def record(event: dict[str, Any]) -> Any:
    assert event["time"] == TIME
    return event["record"]


def test_init_start_is_the_line_that_aws_writes() -> None:
    event = made.init_start(
        AT,
        ON_DEMAND,
        INIT,
        "f",
        "$LATEST",
        runtime_version="nodejs:18.v28",
        runtime_version_arn="arn:aws:lambda:eu-west-3::runtime:b4",
    )
    assert line(event) == (
        '{"time":"2024-05-20T16:29:44.833Z","type":"platform.initStart","record":{'
        '"initializationType":"on-demand","phase":"init","runtimeVersion":"nodejs:18.v28",'
        '"runtimeVersionArn":"arn:aws:lambda:eu-west-3::runtime:b4","functionName":"f",'
        '"functionVersion":"$LATEST"}}'
    )


def test_the_runtime_of_an_image_is_not_told() -> None:
    event = made.init_start(AT, ON_DEMAND, InitPhase.INVOKE, "f", "1")
    assert record(event) == {
        "initializationType": "on-demand",
        "phase": "invoke",
        "functionName": "f",
        "functionVersion": "1",
    }


def test_end_of_init_is_the_lines_that_aws_writes() -> None:
    assert line(made.init_runtime_done(AT, ON_DEMAND, INIT, OK)) == (
        '{"time":"2024-05-20T16:29:44.833Z","type":"platform.initRuntimeDone","record":{'
        '"initializationType":"on-demand","phase":"init","status":"success"}}'
    )
    assert line(made.init_report(AT, ON_DEMAND, INIT, OK, duration=0.173778)) == (
        '{"time":"2024-05-20T16:29:44.833Z","type":"platform.initReport","record":{'
        '"initializationType":"on-demand","phase":"init","status":"success",'
        '"metrics":{"durationMs":173.778}}}'
    )


def test_failed_init_tells_its_error() -> None:
    provisioned = InitializationType.PROVISIONED_CONCURRENCY
    error_type = "Runtime.ImportModuleError"
    done = made.init_runtime_done(AT, provisioned, INIT, RunStatus.ERROR, error_type)
    assert record(done) == {
        "initializationType": "provisioned-concurrency",
        "phase": "init",
        "status": "error",
        "errorType": error_type,
    }
    report = made.init_report(
        AT, provisioned, INIT, RunStatus.ERROR, duration=1.0, error_type=error_type
    )
    assert record(report) == {**record(done), "metrics": {"durationMs": 1000.0}}


def test_start_is_the_line_that_aws_writes() -> None:
    assert line(made.start(AT, ID, "$LATEST")) == (
        '{"time":"2024-05-20T16:29:44.833Z","type":"platform.start","record":{'
        f'"requestId":"{ID}","version":"$LATEST"}}}}'
    )


def test_trace_is_told_where_there_is_one() -> None:
    event = made.start(AT, ID, "1", Trace("Root=1-a;Sampled=1", "54565fb41ac79632"))
    assert record(event)["tracing"] == {
        "spanId": "54565fb41ac79632",
        "type": "X-Amzn-Trace-Id",
        "value": "Root=1-a;Sampled=1",
    }
    assert "spanId" not in record(made.start(AT, ID, "1", Trace("Root=1-a")))["tracing"]


def test_runtime_done_is_the_line_that_aws_writes() -> None:
    spans = invocation_spans(AT, AT + 0.002215, AT + 0.002271, AT + 0.010957)
    event = made.runtime_done(AT, ID, OK, 0.011185, 40, spans=spans)
    assert line(event) == (
        '{"time":"2024-05-20T16:29:44.833Z","type":"platform.runtimeDone","record":{'
        f'"requestId":"{ID}","status":"success","spans":['
        '{"name":"responseLatency","start":"2024-05-20T16:29:44.833Z","durationMs":2.215},'
        '{"name":"responseDuration","start":"2024-05-20T16:29:44.835Z","durationMs":0.056},'
        '{"name":"runtimeOverhead","start":"2024-05-20T16:29:44.835Z","durationMs":8.686}],'
        '"metrics":{"durationMs":11.185,"producedBytes":40}}}'
    )


def test_timeout_has_neither_spans_nor_an_error_type() -> None:
    event = made.runtime_done(AT, ID, RunStatus.TIMEOUT, 5.001182)
    assert record(event) == {
        "requestId": ID,
        "status": "timeout",
        "metrics": {"durationMs": 5001.182, "producedBytes": 0},
    }


def test_report_is_the_line_that_aws_writes() -> None:
    assert line(REPORTED) == (
        '{"time":"2024-05-20T16:29:44.833Z","type":"platform.report","record":{'
        f'"requestId":"{ID}","status":"success","metrics":{{"durationMs":11.642,'
        '"billedDurationMs":12,"memorySizeMB":128,"maxMemoryUsedMB":67,'
        '"initDurationMs":174.055}}}'
    )


def test_report_of_a_warm_start_that_failed() -> None:
    event = made.report(
        AT,
        ID,
        RunStatus.ERROR,
        duration=0.8,
        billed_ms=800,
        memory_mb=128,
        max_memory_mb=128,
        error_type="Runtime.OutOfMemory",
    )
    assert record(event) == {
        "requestId": ID,
        "status": "error",
        "errorType": "Runtime.OutOfMemory",
        "metrics": {
            "durationMs": 800.0,
            "billedDurationMs": 800,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 128,
        },
    }


def test_events_of_extensions() -> None:
    assert record(made.extension(AT, "agent", "Ready", ("INVOKE", "SHUTDOWN"))) == {
        "name": "agent",
        "state": "Ready",
        "events": ["INVOKE", "SHUTDOWN"],
    }
    failed = made.extension(AT, "agent", "InitError", (), "Extension.Oops")
    assert record(failed)["errorType"] == "Extension.Oops"
    subscribed = made.telemetry_subscription(AT, "agent", "Subscribed", ("platform",))
    assert subscribed["type"] == "platform.telemetrySubscription"
    assert record(subscribed) == {"name": "agent", "state": "Subscribed", "types": ["platform"]}
    assert record(made.logs_dropped(AT, 123, 12345, "why")) == {
        "droppedBytes": 12345,
        "droppedRecords": 123,
        "reason": "why",
    }


def test_line_keeps_what_a_function_wrote() -> None:
    assert json.loads(line(made.function_log(AT, "é ☃\n"))) == {
        "time": TIME,
        "type": "function",
        "record": "é ☃\n",
    }
    assert "é ☃" in line(made.function_log(AT, {"message": "é ☃"}))
    assert "\n" not in line(made.extension_log(AT, "one\ntwo\n"))


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (made.init_start(AT, ON_DEMAND, INIT, "f", "1", runtime_version="python:3.13.v1"), "INFO"),
        (made.init_start(AT, ON_DEMAND, INIT, "f", "1"), "DEBUG"),
        (made.init_runtime_done(AT, ON_DEMAND, INIT, OK), "DEBUG"),
        (made.init_runtime_done(AT, ON_DEMAND, INIT, RunStatus.ERROR), "WARN"),
        (made.init_report(AT, ON_DEMAND, INIT, OK, duration=1), "DEBUG"),
        (made.init_report(AT, InitializationType.SNAP_START, INIT, OK, duration=1), "INFO"),
        (made.init_report(AT, ON_DEMAND, INIT, RunStatus.TIMEOUT, duration=1), "WARN"),
        (made.start(AT, ID, "1"), "INFO"),
        (made.runtime_done(AT, ID, OK, 1), "DEBUG"),
        (made.runtime_done(AT, ID, RunStatus.TIMEOUT, 1), "WARN"),
        (REPORTED, "INFO"),
        (made.extension(AT, "agent", "Ready", ()), "INFO"),
        (made.extension(AT, "agent", "ExitError", (), "Extension.Oops"), "WARN"),
        (made.telemetry_subscription(AT, "agent", "Subscribed", ()), "INFO"),
        (made.logs_dropped(AT, 1, 1, "why"), "WARN"),
        (made.fault(AT, "RequestId: …"), "WARN"),
    ],
)
def test_level_in_the_system_log(event: dict[str, Any], level: str) -> None:
    assert system_log_level(event) == level


# the older schemas


@pytest.mark.parametrize("version", ["2022-12-13", "2025-01-29"])
def test_newer_schemas_have_it_all(version: str) -> None:
    assert in_schema(REPORTED, version) == (REPORTED,)


def test_first_telemetry_schema_tells_less_of_init() -> None:
    def kept(event: dict[str, Any]) -> set[str]:
        [reduced] = in_schema(event, "2022-07-01")
        assert (reduced["type"], reduced["time"]) == (event["type"], TIME)
        return set(reduced["record"])

    start = made.init_start(AT, ON_DEMAND, INIT, "f", "1", runtime_version="python:3.13.v1")
    assert kept(start) == {"initializationType", "phase", "runtimeVersion"}
    assert kept(made.init_runtime_done(AT, ON_DEMAND, INIT, OK)) == {
        "initializationType",
        "status",
    }
    assert kept(made.init_report(AT, ON_DEMAND, INIT, OK, duration=1)) == {
        "initializationType",
        "phase",
        "metrics",
    }
    assert in_schema(REPORTED, "2022-07-01") == (REPORTED,)


def test_logs_api_has_an_end_before_each_report() -> None:
    end, report = in_schema(REPORTED, "2020-08-15")
    assert end == {"time": TIME, "type": "platform.end", "record": {"requestId": ID}}
    assert report["type"] == "platform.report"
    assert report["record"] == {"requestId": ID, "metrics": REPORTED["record"]["metrics"]}


@pytest.mark.parametrize(
    ("status", "told"),
    [("success", "success"), ("error", "failure"), ("failure", "failure"), ("timeout", "timeout")],
)
def test_newer_logs_api_tells_when_the_runtime_is_done(status: str, told: str) -> None:
    event = made.runtime_done(AT, ID, RunStatus(status), 1.0, error_type="Runtime.ExitError")
    [reduced] = in_schema(event, "2021-03-18")
    assert reduced["record"] == {"requestId": ID, "status": told}
    assert in_schema(event, "2020-08-15") == ()


def test_each_api_has_events_that_the_other_lacks() -> None:
    fault = made.fault(AT, "RequestId: … Process exited before completing request")
    logs = made.logs_subscription(AT, "agent", "Subscribed", ("platform",))
    telemetry = made.telemetry_subscription(AT, "agent", "Subscribed", ("platform",))
    init = made.init_report(AT, ON_DEMAND, INIT, OK, duration=1)
    for event in (fault, logs):
        assert (in_schema(event, "2020-08-15"), in_schema(event, "2022-12-13")) == ((event,), ())
    for event in (telemetry, init):
        assert (in_schema(event, "2020-08-15"), in_schema(event, "2022-12-13")) == ((), (event,))


def test_category_is_what_one_subscribes_to() -> None:
    events = (REPORTED, made.function_log(AT, "x"), made.extension_log(AT, "x"))
    assert [category(event) for event in events] == ["platform", "function", "extension"]
