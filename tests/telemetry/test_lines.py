from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from emulator.core.messages import Anatomy
from emulator.core.model import StartKind
from emulator.core.profile import AWS_2018, AWS_2025, PROFILES
from emulator.core.records import InvocationRecord, Status
from emulator.telemetry import lines

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


def test_every_profile_has_a_format() -> None:
    assert set(lines.FORMATS) == set(PROFILES)


def test_start_and_end() -> None:
    assert lines.start("the-id", "$LATEST") == "START RequestId: the-id Version: $LATEST"
    assert lines.end("the-id") == "END RequestId: the-id"


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
    assert lines.init_start(runtime, "us-east-1", AWS_2025) == (
        f"INIT_START Runtime Version: {version}\t"
        f"Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:{digest}"
    )


def test_an_image_and_2018_have_no_init_start() -> None:
    assert lines.init_start("", "us-east-1", AWS_2025) == ""
    assert lines.init_start("python3.13", "us-east-1", AWS_2018) == ""


def test_report_of_a_warm_start() -> None:
    assert lines.report(WARM, AWS_2025) == (
        "REPORT RequestId: the-id\tDuration: 3.01 ms\tBilled Duration: 4 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
    )
    assert lines.report(WARM, AWS_2018) == (
        "REPORT RequestId: the-id\tDuration: 3.01 ms\tBilled Duration: 100 ms \t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
    )


def test_report_of_a_cold_start_tells_the_init_and_bills_it_as_the_profile_does() -> None:
    # init is all of the runtime's time, from its first instruction to its first `next`
    assert lines.report(COLD, AWS_2025) == (
        "REPORT RequestId: the-id\tDuration: 3.01 ms\tBilled Duration: 114 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
    )
    assert lines.report(COLD, AWS_2018) == lines.report(WARM, AWS_2018)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (Status.OK, "36 MB\t"),
        (Status.HANDLER_ERROR, "36 MB\t"),
        (Status.TIMEOUT, "36 MB\tStatus: timeout"),
        (Status.EXITED, "36 MB\tStatus: error\tError Type: Runtime.ExitError"),
        (Status.OUT_OF_MEMORY, "36 MB\tStatus: error\tError Type: Runtime.OutOfMemory"),
    ],
)
def test_report_ends_in_how_the_invocation_failed(status: Status, ending: str) -> None:
    record = replace(WARM, status=status)
    assert lines.report(record, AWS_2025).endswith(ending)
    assert lines.report(record, AWS_2018).endswith("36 MB\t")


def test_a_failed_cold_start_has_both_its_init_and_its_status() -> None:
    record = replace(COLD, status=Status.TIMEOUT, finished_at=13.0)
    assert lines.report(record, AWS_2025).endswith(
        "Duration: 3000.00 ms\tBilled Duration: 3111 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\tStatus: timeout"
    )


def test_init_report() -> None:
    assert lines.init_report(0.15079, "init", "Runtime.UserCodeSyntaxError") == (
        "INIT_REPORT Init Duration: 150.79 ms\tPhase: init\tStatus: error\t"
        "Error Type: Runtime.UserCodeSyntaxError"
    )
    assert lines.init_report(9.99979, "invoke", "") == (
        "INIT_REPORT Init Duration: 9999.79 ms\tPhase: invoke\tStatus: timeout"
    )


def test_an_invocation_closes_with_end_and_report() -> None:
    assert lines.closing(WARM, AWS_2025) == (lines.end("the-id"), lines.report(WARM, AWS_2025))


def test_a_failed_init_closes_with_its_report() -> None:
    failed = replace(
        WARM,
        start=None,
        dispatched_at=None,
        queued=0.5,
        finished_at=11.0,
        status=Status.INIT_ERROR,
        error_type="Runtime.ImportModuleError",
    )
    report = lines.init_report(0.5, "init", "Runtime.ImportModuleError")
    assert lines.closing(failed, AWS_2025) == (report,)
    timed_out = replace(failed, status=Status.INIT_TIMEOUT, error_type="init timeout")
    assert lines.closing(timed_out, AWS_2025) == (lines.init_report(0.5, "init", ""),)
    assert lines.closing(failed, AWS_2018) == ()


@pytest.mark.parametrize("status", [Status.THROTTLED, Status.START_FAILED])
def test_what_never_reached_a_sandbox_leaves_no_line(status: Status) -> None:
    record = replace(WARM, start=None, dispatched_at=None, status=status)
    assert lines.closing(record, AWS_2025) == ()
