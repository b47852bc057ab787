"""Each fact as lines of the function's log and as events; which lines depends on its logging."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.log_configuration import LogConfiguration, LogFormat, SystemLogLevel
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import StartKind
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.records import InitPhase, InitReport, InvocationRecord, Status
from emulator.telemetry import log_lines, platform_events
from emulator.telemetry.platform_events import InitializationType
from emulator.telemetry.platform_log import PlatformLog, Told

if TYPE_CHECKING:
    from emulator.core.profile import Profile
    from emulator.telemetry.platform_events import Event

AT = 1_767_323_045.678
TIME = "2026-01-02T03:04:05.678Z"
REGION = "us-east-1"
FUNCTION = FunctionConfiguration("f", "python3.13", "app.handler", version="7")
DEBUG, INFO, WARN = SystemLogLevel.DEBUG, SystemLogLevel.INFO, SystemLogLevel.WARN
COLD = InvocationRecord(
    "the-id",
    "f",
    "7",
    128,
    requested_at=1.0,
    finished_at=2.25,
    status=Status.OK,
    start=StartKind.COLD,
    sandbox=1,
    dispatched_at=2.0,
    anatomy=Anatomy(connect=0.0625, init=0.125),
    max_memory_mb=36,
)
WARM = structs.replace(COLD, start=StartKind.WARM, anatomy=None)
FAILED = InitReport(1, 1.5, 0.5, InitPhase.INVOKE, "Runtime.ImportModuleError")
OVERLONG = InitReport(1, 1.5, 10.0, InitPhase.INIT, "")


def text(profile: Profile = AWS_2025, *, wanted: bool = True) -> PlatformLog:
    return PlatformLog(FUNCTION, profile, REGION, lambda: wanted)


def in_json(
    level: SystemLogLevel | None = DEBUG, *, wanted: bool = True, provisioned: bool = False
) -> PlatformLog:
    logging = LogConfiguration(LogFormat.JSON, system_level=level)
    function = replace(FUNCTION, logging=logging)
    kind = InitializationType.PROVISIONED_CONCURRENCY if provisioned else None
    return PlatformLog(
        function,
        AWS_2025,
        REGION,
        lambda: wanted,
        initialization=kind or InitializationType.ON_DEMAND,
    )


def kinds(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


def everything(log: PlatformLog) -> list[Told]:
    """A life with an init that went well, two invocations, and an init that failed."""
    return [
        log.init_started(AT, InitPhase.INIT),
        log.init_done(AT, 0.1875, InitPhase.INIT),
        log.started(AT, "the-id"),
        log.closed(AT, COLD, ""),
        log.closed(AT, structs.replace(WARM, status=Status.TIMEOUT, timeout=0.25), ""),
        log.init_started(AT, InitPhase.INVOKE),
        log.init_failed(AT, FAILED),
    ]


# text


def test_text_log_has_the_lines_of_its_profile() -> None:
    log = text()
    version, arn = log_lines.runtime_version("python3.13", REGION)
    assert [told.lines for told in everything(log)] == [
        [f"INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}"],
        [],
        ["START RequestId: the-id Version: 7"],
        log_lines.closing(COLD, AWS_2025, "", TIME),
        log_lines.closing(
            structs.replace(WARM, status=Status.TIMEOUT, timeout=0.25), AWS_2025, "", TIME
        ),
        [],
        [log_lines.init_report(FAILED, AWS_2025)],
    ]


def test_text_log_of_2018_tells_nothing_of_inits() -> None:
    log = text(AWS_2018)
    assert [told.lines for told in everything(log)] == [
        [],
        [],
        ["START RequestId: the-id Version: 7"],
        log_lines.closing(COLD, AWS_2018, "", TIME),
        log_lines.closing(
            structs.replace(WARM, status=Status.TIMEOUT, timeout=0.25), AWS_2018, "", TIME
        ),
        [],
        [],
    ]


def test_text_log_has_the_reason_of_a_runtimes_end() -> None:
    left = structs.replace(WARM, status=Status.EXITED)
    reason = "Runtime exited with error: exit status 3"
    told = text().closed(AT, left, reason)
    assert told.lines == log_lines.closing(left, AWS_2025, reason, TIME)
    assert told.lines[0] == f"RequestId: the-id Error: {reason}"


def test_subscriber_has_the_same_events_whatever_the_logs_format_and_level() -> None:
    events = [told.events for told in everything(in_json(DEBUG))]
    for log in (text(), text(AWS_2025), in_json(INFO), in_json(WARN), in_json(WARN, wanted=False)):
        assert [told.events for told in everything(log)] == events
    assert [kinds(each) for each in events] == [
        ["platform.initStart"],
        ["platform.initRuntimeDone", "platform.initReport"],
        ["platform.start"],
        ["platform.runtimeDone", "platform.report"],
        ["platform.runtimeDone", "platform.report"],
        ["platform.initStart"],
        ["platform.initRuntimeDone", "platform.initReport"],
    ]


def test_invocation_of_a_text_log_is_spared_the_events_that_nobody_wants() -> None:
    log = text(wanted=False)
    assert log.started(AT, "the-id") == Told(["START RequestId: the-id Version: 7"], [])
    assert log.closed(AT, COLD, "") == Told(log_lines.closing(COLD, AWS_2025, "", TIME), [])


def test_tenant_is_in_the_start_and_in_the_report() -> None:
    log = PlatformLog(FUNCTION, AWS_2025, REGION, lambda: True, tenant="blue")
    told = [*log.started(AT, "the-id").events, *log.closed(AT, COLD, "").events]
    assert [(event["type"], event["record"].get("tenantId")) for event in told] == [
        ("platform.start", "blue"),
        ("platform.runtimeDone", None),
        ("platform.report", "blue"),
    ]


def test_end_of_a_runtime_that_was_told_by_itself_is_not_told_again() -> None:
    log = text()
    done = log.runtime_done(AT, "the-id", 0.2)
    assert (done.lines, kinds(done.events)) == ([], ["platform.runtimeDone"])
    assert done.events[0]["record"]["metrics"]["durationMs"] == 200.0
    assert kinds(log.closed(AT, COLD, "", runtime_told=True).events) == ["platform.report"]
    assert text(wanted=False).runtime_done(AT, "the-id", 0.2) == Told([], [])


def test_whether_events_are_wanted_is_asked_each_time() -> None:
    wanted: list[bool] = []
    log = PlatformLog(FUNCTION, AWS_2025, REGION, lambda: bool(wanted))
    assert log.started(AT, "a").events == []
    wanted.append(True)
    assert kinds(log.started(AT, "b").events) == ["platform.start"]


# JSON


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (
            DEBUG,
            [
                "platform.initStart",
                *("platform.initRuntimeDone", "platform.initReport", "platform.start"),
                *("platform.runtimeDone", "platform.report"),
                *("platform.runtimeDone", "platform.report"),
                *("platform.initStart", "platform.initRuntimeDone", "platform.initReport"),
            ],
        ),
        (
            INFO,
            [
                *("platform.initStart", "platform.start", "platform.report"),
                *("platform.runtimeDone", "platform.report"),
                *("platform.initStart", "platform.initRuntimeDone", "platform.initReport"),
            ],
        ),
        (
            WARN,
            [
                *("platform.runtimeDone", "platform.report"),
                *("platform.initRuntimeDone", "platform.initReport"),
            ],
        ),
    ],
)
def test_json_log_has_the_events_that_its_level_lets_through(
    level: SystemLogLevel, shown: list[str]
) -> None:
    told = [line for each in everything(in_json(level, wanted=False)) for line in each.lines]
    assert kinds([json.loads(line) for line in told]) == shown


def test_level_of_a_json_log_is_info_where_none_is_set() -> None:
    assert everything(in_json(None)) == everything(in_json(INFO))


def test_line_of_a_json_log_is_the_event() -> None:
    told = in_json().closed(AT, COLD, "")
    assert told.lines == [platform_events.line(event) for event in told.events]
    assert [json.loads(line) for line in told.lines] == [
        {
            "time": TIME,
            "type": "platform.runtimeDone",
            "record": {
                "requestId": "the-id",
                "status": "success",
                "metrics": {"durationMs": 250.0, "producedBytes": 0},
            },
        },
        {
            "time": TIME,
            "type": "platform.report",
            "record": {
                "requestId": "the-id",
                "status": "success",
                "metrics": {
                    "durationMs": 250.0,
                    "billedDurationMs": 438,
                    "memorySizeMB": 128,
                    "maxMemoryUsedMB": 36,
                    "initDurationMs": 187.5,
                },
            },
        },
    ]


@pytest.mark.parametrize(
    ("status", "error_type", "told"),
    [
        # its runtime answered: "as intended", says AWS in issue 85 of aws-lambda-extensions
        (Status.HANDLER_ERROR, "ValueError", {"status": "success"}),
        (Status.TIMEOUT, "timeout", {"status": "timeout"}),
        (
            Status.INIT_ERROR,
            "Runtime.ImportModuleError",
            {"status": "error", "errorType": "Runtime.ImportModuleError"},
        ),
        # as the REPORT line has it
        (
            Status.EXITED,
            "runtime exited",
            {"status": "error", "errorType": "Runtime.ExitError"},
        ),
        (
            Status.OUT_OF_MEMORY,
            "out of memory",
            {"status": "error", "errorType": "Runtime.OutOfMemory"},
        ),
        (Status.START_FAILED, "", {"status": "failure"}),
    ],
)
def test_events_tell_how_an_invocation_failed(
    status: Status, error_type: str, told: dict[str, str]
) -> None:
    record = structs.replace(WARM, status=status, error_type=error_type)
    for event in in_json().closed(AT, record, "").events:
        assert event["record"].items() >= told.items()
        assert ("errorType" in event["record"]) == ("errorType" in told)
        assert "initDurationMs" not in event["record"]["metrics"]


def test_init_that_took_too_long_is_a_timeout_without_an_error() -> None:
    told = text().init_failed(AT, OVERLONG)
    assert told.lines == ["INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout"]
    done, report = (event["record"] for event in told.events)
    assert done == {"initializationType": "on-demand", "phase": "init", "status": "timeout"}
    assert report == {**done, "metrics": {"durationMs": 10_000.0}}


def test_init_of_a_provisioned_sandbox_is_of_its_kind_and_shown_at_info() -> None:
    told = in_json(INFO, provisioned=True).init_done(AT, 0.5, InitPhase.INIT)
    assert kinds([json.loads(line) for line in told.lines]) == ["platform.initReport"]
    for event in told.events:
        assert event["record"]["initializationType"] == "provisioned-concurrency"


def test_invocation_that_was_never_dispatched_is_not_told() -> None:
    record = structs.replace(WARM, dispatched_at=None, status=Status.THROTTLED)
    for log in (text(), in_json()):
        assert log.closed(AT, record, "") == Told([], [])


# extensions


@dataclass(frozen=True)
class Extension:
    name: str
    state: str
    events: tuple[str, ...]
    error_type: str = ""


def test_extensions_are_told_one_by_one() -> None:
    agents = [Extension("one", "Ready", ("INVOKE",)), Extension("two", "InitError", (), "E")]
    told = text().extensions_ready(AT, agents)
    assert told.lines == [log_lines.of_extension(event) for event in told.events]
    assert [event["record"]["name"] for event in told.events] == ["one", "two"]
    assert in_json(WARN).extensions_ready(AT, agents) == Told(
        [platform_events.line(told.events[1])], told.events
    )


def test_subscription_is_in_the_log_alone() -> None:
    event = platform_events.telemetry_subscription(AT, "one", "Subscribed", ["platform"])
    assert text().subscribed(event) == Told([log_lines.of_subscription(event)], [])
    assert in_json(INFO).subscribed(event) == Told([platform_events.line(event)], [])
