from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from emulator.core.messages.measurements import Anatomy
from emulator.core.model import StartKind
from emulator.core.profiles import PROFILES
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.records import InitPhase, InitReport, InvocationRecord, Status
from emulator.telemetry import log_lines, platform_events

if TYPE_CHECKING:
    from emulator.core.profile import Profile

WARM = InvocationRecord(
    "the-id",
    "echo",
    "$LATEST",
    128,
    requested_at=10.0,
    finished_at=10.00301,
    status=Status.OK,
    start=StartKind.WARM,
    sandbox=1,
    dispatched_at=10.0,
    max_memory_mb=36,
)
COLD = replace(
    WARM, start=StartKind.COLD, anatomy=Anatomy(create=0.2, start=0.1, connect=0.0101, init=0.1)
)


def test_start_and_end() -> None:
    assert log_lines.start("the-id", "$LATEST") == "START RequestId: the-id Version: $LATEST"
    assert log_lines.end("the-id") == "END RequestId: the-id"


@pytest.mark.parametrize(
    ("runtime", "version"),
    [
        ("python3.13", "python:3.13.v1"),
        ("nodejs22.x", "nodejs:22.v1"),
        ("java21", "java:21.v1"),
        ("provided.al2023", "provided:al2023.v1"),
    ],
)
def test_init_start_names_the_runtime(runtime: str, version: str) -> None:
    digest = hashlib.sha256(version.encode()).hexdigest()
    assert log_lines.init_start(runtime, "us-east-1", AWS_2025) == (
        f"INIT_START Runtime Version: {version}\t"
        f"Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:{digest}"
    )


def test_an_image_and_2018_have_no_init_start() -> None:
    assert log_lines.init_start("", "us-east-1", AWS_2025) == ""
    assert log_lines.init_start("python3.13", "us-east-1", AWS_2018) == ""


def test_report_of_a_warm_start() -> None:
    assert log_lines.report(WARM, AWS_2025) == (
        "REPORT RequestId: the-id\tDuration: 3.01 ms\tBilled Duration: 4 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
    )
    assert log_lines.report(WARM, AWS_2018) == (
        "REPORT RequestId: the-id\tDuration: 3.01 ms\tBilled Duration: 100 ms \t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
    )


def test_report_of_a_cold_start_tells_the_init_and_bills_it_as_the_profile_does() -> None:
    # init is all of the runtime's time, from its first instruction to its first `next`
    assert log_lines.report(COLD, AWS_2025) == (
        "REPORT RequestId: the-id\tDuration: 3.01 ms\tBilled Duration: 114 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
    )
    assert log_lines.report(COLD, AWS_2018) == log_lines.report(WARM, AWS_2018)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (Status.OK, "36 MB\t"),
        (Status.HANDLER_ERROR, "36 MB\t"),
        (Status.TIMEOUT, "36 MB\tStatus: timeout"),
        (Status.EXITED, "36 MB\tStatus: error\tError Type: Runtime.ExitError"),
        (Status.OUT_OF_MEMORY, "36 MB\tStatus: error\tError Type: Runtime.OutOfMemory"),
        (Status.INIT_ERROR, "36 MB\tStatus: error\tError Type: Runtime.ImportModuleError"),
    ],
)
def test_report_ends_in_how_the_invocation_failed(status: Status, ending: str) -> None:
    record = replace(WARM, status=status, error_type="Runtime.ImportModuleError")
    assert log_lines.report(record, AWS_2025).endswith(ending)
    assert log_lines.report(record, AWS_2018).endswith("36 MB\t")


def test_report_of_a_restored_start_tells_the_restore_and_bills_its_hooks() -> None:
    anatomy = Anatomy(create=0.001, start=0.1, connect=0.01, init=0.1041, other=0.0009)
    restored = replace(COLD, start=StartKind.RESTORED, anatomy=anatomy)
    line = log_lines.report(restored, AWS_2025)
    assert "\tRestore Duration: 216.00 ms\tBilled Restore Duration: 115 ms\t" in line
    assert "Init Duration" not in line
    alone = log_lines.report(replace(restored, start=StartKind.WARM, anatomy=None), AWS_2025)
    assert _billed(line) == _billed(alone) + 115


def _billed(report: str) -> int:
    return int(report.partition("Billed Duration: ")[2].partition(" ms")[0])


def test_a_failed_cold_start_has_both_its_init_and_its_status() -> None:
    record = replace(COLD, status=Status.TIMEOUT, finished_at=13.0)
    assert log_lines.report(record, AWS_2025).endswith(
        "Duration: 3000.00 ms\tBilled Duration: 3111 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\tStatus: timeout"
    )


def test_init_report_tells_the_phase_and_how_the_init_failed() -> None:
    failed = InitReport(1, 10.0, 0.15079, InitPhase.INIT, "Runtime.UserCodeSyntaxError")
    assert log_lines.init_report(failed, AWS_2025) == (
        "INIT_REPORT Init Duration: 150.79 ms\tPhase: init\tStatus: error\t"
        "Error Type: Runtime.UserCodeSyntaxError"
    )
    overlong = InitReport(1, 10.0, 9.99979, InitPhase.INVOKE, "")
    assert log_lines.init_report(overlong, AWS_2025) == (
        "INIT_REPORT Init Duration: 9999.79 ms\tPhase: invoke\tStatus: timeout"
    )


def test_2018_has_no_init_report() -> None:
    failed = InitReport(1, 10.0, 0.15079, InitPhase.INIT, "Runtime.UserCodeSyntaxError")
    assert log_lines.init_report(failed, AWS_2018) == ""


# the end of an invocation

TIME = "2026-01-02T03:04:05.678Z"
LEFT, KILLED = (
    "Runtime exited with error: exit status 3",
    "Runtime exited with error: signal: killed",
)
END = "END RequestId: the-id"
REPORT = (
    "REPORT RequestId: the-id\tDuration: 3.01 ms\tBilled Duration: 4 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
)
REPORT_2018 = REPORT.replace("4 ms\t", "100 ms \t")
TIMED_OUT = replace(WARM, status=Status.TIMEOUT, finished_at=13.004, timeout=3.0)
REPORT_TIMED_OUT = REPORT.replace(": 3.01 ms", ": 3000.00 ms").replace(": 4 ms", ": 3000 ms")
ERROR = "Status: error\tError Type: "


@pytest.mark.parametrize(
    ("record", "reason", "told"),
    [
        (WARM, "", [END, REPORT]),
        (replace(WARM, status=Status.HANDLER_ERROR, error_type="E"), "", [END, REPORT]),
        (
            TIMED_OUT,
            "",
            [
                f"{TIME} the-id Task timed out after 3.00 seconds\n",
                END,
                REPORT_TIMED_OUT + "Status: timeout",
            ],
        ),
        (
            replace(WARM, status=Status.EXITED, error_type="runtime exited"),
            LEFT,
            [
                f"RequestId: the-id Error: {LEFT}",
                "Runtime.ExitError",
                END,
                REPORT + ERROR + "Runtime.ExitError",
            ],
        ),
        (
            replace(WARM, status=Status.EXITED, error_type="Extension.Crash"),
            "exit status 3",
            [
                "RequestId: the-id Error: exit status 3",
                "Extension.Crash",
                END,
                REPORT + ERROR + "Extension.Crash",
            ],
        ),
        (
            replace(WARM, status=Status.OUT_OF_MEMORY, error_type="out of memory"),
            KILLED,
            [
                f"RequestId: the-id Error: {KILLED}",
                "Runtime.ExitError",
                END,
                REPORT + ERROR + "Runtime.OutOfMemory",
            ],
        ),
        (
            replace(WARM, status=Status.INIT_ERROR, error_type="Runtime.ImportModuleError"),
            "",
            [END, REPORT + ERROR + "Runtime.ImportModuleError"],
        ),
        (replace(WARM, status=Status.START_FAILED), "", [END, REPORT]),
    ],
    ids=lambda value: str(value.status) if isinstance(value, InvocationRecord) else "",
)
def test_what_went_wrong_is_told_before_end_and_report(
    record: InvocationRecord, reason: str, told: list[str]
) -> None:
    assert log_lines.closing(record, AWS_2025, reason, TIME) == told


@pytest.mark.parametrize(
    ("record", "reason", "told"),
    [
        (WARM, "", [END, REPORT_2018]),
        (replace(WARM, status=Status.HANDLER_ERROR, error_type="E"), "", [END, REPORT_2018]),
        (
            TIMED_OUT,
            "",
            [
                END,
                REPORT_TIMED_OUT.replace("3000 ms\t", "3000 ms \t"),
                f"{TIME} the-id Task timed out after 3.00 seconds",
            ],
        ),
        (
            replace(WARM, status=Status.EXITED),
            LEFT,
            [END, REPORT_2018, "RequestId: the-id Process exited before completing request"],
        ),
        (
            replace(WARM, status=Status.OUT_OF_MEMORY),
            KILLED,
            [END, REPORT_2018, "RequestId: the-id Process exited before completing request"],
        ),
        (replace(WARM, status=Status.INIT_ERROR, error_type="E"), "", [END, REPORT_2018]),
        (replace(WARM, status=Status.START_FAILED), "", [END, REPORT_2018]),
    ],
    ids=lambda value: str(value.status) if isinstance(value, InvocationRecord) else "",
)
def test_what_went_wrong_was_told_after_end_and_report_in_2018(
    record: InvocationRecord, reason: str, told: list[str]
) -> None:
    assert log_lines.closing(record, AWS_2018, reason, TIME) == told


@pytest.mark.parametrize("profile", PROFILES.values())
@pytest.mark.parametrize("status", [Status.THROTTLED, Status.START_FAILED, Status.EXITED])
def test_what_never_was_dispatched_leaves_no_line(status: Status, profile: Profile) -> None:
    record = replace(WARM, start=None, dispatched_at=None, status=status)
    assert log_lines.closing(record, profile, LEFT, TIME) == []


# extensions


def test_extension_is_told_with_its_state_and_its_events() -> None:
    ready = platform_events.extension(0.0, "agent", "Ready", ["INVOKE", "SHUTDOWN"])
    assert log_lines.of_extension(ready) == (
        "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE,SHUTDOWN]"
    )
    failed = platform_events.extension(0.0, "agent", "LaunchError", [], "PermissionDenied")
    assert log_lines.of_extension(failed) == (
        "EXTENSION\tName: agent\tState: LaunchError\tEvents: []\tError Type: PermissionDenied"
    )


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            platform_events.telemetry_subscription(
                0.0, "agent", "Subscribed", ["platform", "extension"]
            ),
            "TELEMETRY\tName: agent\tState: Subscribed\tTypes: [Platform, Extension]",
        ),
        (
            platform_events.logs_subscription(0.0, "agent", "Already subscribed", ["function"]),
            "LOGS\tName: agent\tState: Already subscribed\tTypes: [Function]",
        ),
        (platform_events.logs_dropped(0.0, 1, 2, "full"), ""),
    ],
)
def test_subscription_is_told_by_its_api(event: platform_events.Event, told: str) -> None:
    assert log_lines.of_subscription(event) == told
