"""The lines that Lambda itself writes to a function's log, letter by letter.

Sources: log lines of real AWS of 2018 (aws-2018: a space after Billed Duration, and neither
INIT lines nor Init Duration, which Lambda began to report in 2019) and of 2025 (aws-2025).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.billing import billed_ms
from emulator.core.records import Status

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.profile import Profile
    from emulator.core.records import InvocationRecord


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How the lines of one profile differ from those of another."""

    init: bool
    """INIT_START, INIT_REPORT and Init Duration are told."""
    status: bool
    """REPORT tells how an invocation failed."""
    after_billed: str
    """Between Billed Duration and its tab."""


FORMATS = {
    "aws-2018": LineFormat(init=False, status=False, after_billed=" "),
    "aws-2025": LineFormat(init=True, status=True, after_billed=""),
}
"""By the profile's name."""

_ERROR_TYPES = {
    Status.EXITED: "Runtime.ExitError",
    Status.OUT_OF_MEMORY: "Runtime.OutOfMemory",
}
_RUNTIME = re.compile(r"([a-z]+)(.*)")


def init_duration(record: InvocationRecord) -> Seconds:
    """How long the runtime took from its first instruction to its first `next`; 0 when warm."""
    return 0.0 if record.anatomy is None else record.anatomy.connect + record.anatomy.init


def init_start(runtime: str, region: str, profile: Profile) -> str:
    """A new sandbox's first line, for a runtime such as `python3.13`.

    Empty where there is none: the profile has none, or the function is an image, whose runtime
    Lambda does not know.
    """
    name = _RUNTIME.fullmatch(runtime)
    if name is None or not FORMATS[profile.name].init:
        return ""
    version = f"{name[1]}:{name[2].removeprefix('.').removesuffix('.x')}.v1"
    # the real one is a hash of the runtime's image, which is not ours
    arn = f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(version.encode()).hexdigest()}"
    return f"INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}"


def init_report(duration: Seconds, phase: str, error_type: str) -> str:
    """Of an init that failed, or (no error type) ran out of time; phase is `init` or `invoke`."""
    status = f"error\tError Type: {error_type}" if error_type else "timeout"
    return f"INIT_REPORT Init Duration: {_ms(duration)}\tPhase: {phase}\tStatus: {status}"


def start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}"


def report(record: InvocationRecord, profile: Profile) -> str:
    """The REPORT line of an invocation that a sandbox took."""
    form = FORMATS[profile.name]
    init = init_duration(record)
    billed = billed_ms(profile.prices, record.duration, init)
    fields = [
        f"REPORT RequestId: {record.invocation}",
        f"Duration: {_ms(record.duration)}",
        f"Billed Duration: {billed} ms{form.after_billed}",
        f"Memory Size: {record.memory_mb} MB",
        f"Max Memory Used: {record.max_memory_mb} MB",
    ]
    if init and form.init:
        fields.append(f"Init Duration: {_ms(init)}")
    # every field ends in a tab but for a status, which ends the line
    return "\t".join([*fields, _status(record) if form.status else ""])


def closing(record: InvocationRecord, profile: Profile) -> tuple[str, ...]:
    """What Lambda writes when an invocation ends; nothing where no sandbox came to run."""
    if record.dispatched_at is not None:
        return end(record.invocation), report(record, profile)
    failed = record.status in (Status.INIT_ERROR, Status.INIT_TIMEOUT)
    if not failed or not FORMATS[profile.name].init:
        return ()
    # the journal has no time of the runtime's start, so that creating the sandbox counts too
    duration = record.latency - record.queued
    error_type = record.error_type if record.status is Status.INIT_ERROR else ""
    return (init_report(duration, "init", error_type),)


def _status(record: InvocationRecord) -> str:
    if record.status is Status.TIMEOUT:
        return "Status: timeout"
    error_type = _ERROR_TYPES.get(record.status)
    return f"Status: error\tError Type: {error_type}" if error_type else ""


def _ms(duration: Seconds) -> str:
    return f"{duration * 1000:.2f} ms"
