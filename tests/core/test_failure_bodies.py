"""Bodies of failed invocations; those of extensions are recordings of AWS, 2023 and 2024."""

from __future__ import annotations

import json

import pytest

from emulator.core.failure_bodies import EXTENSION_CRASH, failure_body
from emulator.core.model import Failure
from emulator.core.profile import AWS_2025


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
