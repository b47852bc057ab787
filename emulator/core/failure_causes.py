"""Finds in an event why an invocation or an init failed, for the records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.messages.events import InitFailed, RuntimeExited
from emulator.core.model import Failure, StopReason

if TYPE_CHECKING:
    from emulator.core.messages.commands import Fail
    from emulator.core.messages.events import Event

_TOLD = (Failure.INIT_ERROR, Failure.EXITED, Failure.OUT_OF_MEMORY)
"""Failures that a sandbox's event brings; deadlines bring the others, before the event."""
INIT_TIMEOUTS = (Failure.INIT_TIMEOUT, StopReason.INIT_TIMED_OUT)


def tells_of(event: InitFailed | RuntimeExited, command: Fail) -> bool:
    """Returns whether the event of a sandbox is what a request failed by."""
    return event.sandbox == command.sandbox and command.failure in _TOLD


def error_type_of(event: Event, command: Fail) -> str:
    """Returns the error type that the sandbox itself gave, if any."""
    if isinstance(event, InitFailed | RuntimeExited) and tells_of(event, command):
        return event.error_type
    return ""


def init_error(event: Event, sandbox: int) -> str:
    """Returns the error type of an init that the event ended; empty where a deadline did."""
    match event:
        case InitFailed(of, error_type) if of == sandbox:
            return error_type or "Runtime.Unknown"
        case RuntimeExited() if event.sandbox == sandbox:
            killed = "Runtime.OutOfMemory" if event.out_of_memory else "Runtime.ExitError"
            return event.error_type or killed
        case _:
            return ""
