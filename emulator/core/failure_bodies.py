"""Writes the bodies that a caller gets when an invocation ended without its handler's answer.

How a body looks at a date is the profile's; this module asks for no date. Sources: recordings of
AWS, 2018 (the study's time) and 2024 to 2026.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from emulator.core.model import Failure

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.profile import Profile

EXTENSION_CRASH = "Extension.Crash"
"""Error type of an extension whose process ended before the sandbox."""
EXIT_ERROR = "Runtime.ExitError"
TIMED_OUT = "Sandbox.Timedout"
RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"
_SIGNALLED = 128


def failure_body(
    profile: Profile,
    failure: Failure,
    request_id: str,
    limit: Seconds,
    *,
    exit_code: int | None,
    timestamp: str,
    error_type: str = "",
) -> bytes:
    """Returns the JSON body that Invoke returns with `X-Amz-Function-Error: Unhandled`.

    `limit` is the timeout in seconds that was overrun, `timestamp` the ISO time of the end;
    `error_type` is given where something other than the runtime ended.
    """
    bodies = profile.failure_bodies
    if failure in (Failure.TIMEOUT, Failure.INIT_TIMEOUT):
        told = TIMED_OUT
        message = bodies.timeout.format(time=timestamp, request_id=request_id, seconds=limit)
    else:
        told = error_type or EXIT_ERROR
        reason = exit_reason(failure, exit_code, error_type)
        message = bodies.exit.format(request_id=request_id, reason=reason)
    if bodies.error_type:
        return _body(errorType=told, errorMessage=message)
    return _body(errorMessage=message)


def too_large_body(limit: int) -> bytes:
    """Returns the body for a response of more than `limit` bytes."""
    message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    return _body(errorType=RESPONSE_TOO_LARGE, errorMessage=message)


def extension_failure_body(error_type: str, phase: str) -> bytes:
    """Returns the body for an error that an extension reported in phase `init` or `exit`."""
    return _body(errorType=error_type, errorMessage=f"Extension {phase} error")


def exit_reason(failure: Failure, exit_code: int | None, error_type: str = "") -> str:
    """Returns how a runtime ended, or an extension (EXTENSION_CRASH), as body and log say so."""
    if error_type == EXTENSION_CRASH:
        return _status(exit_code) if exit_code else "exit code 0"
    if failure is Failure.OUT_OF_MEMORY:
        return "Runtime exited with error: signal: killed"
    if not exit_code:
        return "Runtime exited without providing a reason"
    return f"Runtime exited with error: {_status(exit_code)}"


def _status(exit_code: int) -> str:
    if exit_code > _SIGNALLED:
        number = exit_code - _SIGNALLED
        return f"signal: {_SIGNAL_NAMES.get(number, number)}"
    return f"exit status {exit_code}"


_SIGNAL_NAMES = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}
"""Go's names of Linux's signals, by number: Lambda's supervisor is written in Go."""


def _body(**members: str) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
