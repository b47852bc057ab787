"""Bodies of failed invocations; those of extensions are recordings of AWS, 2023 and 2024."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.core.failure_bodies import EXTENSION_CRASH, failure_body
from emulator.core.model import Failure
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025

if TYPE_CHECKING:
    from emulator.core.profile import Profile


@pytest.mark.parametrize(
    ("error_type", "exit_code", "told", "words"),
    [
        ("", 0, "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("", 3, "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("", 139, "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"),
        (EXTENSION_CRASH, 0, "Extension.Crash", "exit code 0"),
        (EXTENSION_CRASH, 1, "Extension.Crash", "exit status 1"),
        (EXTENSION_CRASH, 137, "Extension.Crash", "signal: killed"),
    ],
)
def test_body_tells_what_ended_and_how(
    error_type: str, exit_code: int, told: str, words: str
) -> None:
    body = failure_body(
        AWS_2025,
        Failure.EXITED,
        "the-id",
        3.0,
        exit_code=exit_code,
        timestamp="",
        error_type=error_type,
    )
    message = f"RequestId: the-id Error: {words}"
    assert json.loads(body) == {"errorType": told, "errorMessage": message}


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.INIT_TIMEOUT])
@pytest.mark.parametrize(
    ("profile", "body"),
    [
        (AWS_2018, {"errorMessage": "<time> the-id Task timed out after 3.00 seconds"}),
        (
            AWS_2025,
            {
                "errorType": "Sandbox.Timedout",
                "errorMessage": "RequestId: the-id Error: Task timed out after 3.00 seconds",
            },
        ),
    ],
)
def test_timeout_is_told_as_at_the_profiles_date(
    profile: Profile, body: dict[str, str], failure: Failure
) -> None:
    told = failure_body(profile, failure, "the-id", 3.0, exit_code=None, timestamp="<time>")
    assert json.loads(told) == body


def test_ended_runtime_had_no_reason_in_2018() -> None:
    told = failure_body(AWS_2018, Failure.EXITED, "the-id", 3.0, exit_code=3, timestamp="<time>")
    message = "RequestId: the-id Process exited before completing request"
    assert json.loads(told) == {"errorMessage": message}
