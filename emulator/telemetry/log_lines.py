"""Writes the lines that Lambda itself writes to a function's log, letter by letter.

Pure: where a line goes is not known here. Sources: log lines of real AWS of 2018 (aws-2018: a space
after Billed Duration, and neither INIT lines nor Init Duration, which Lambda began to report in
2019) and of 2025 (aws-2025).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from emulator.core.billing import billed_ms
from emulator.core.failure_bodies import EXIT_ERROR, EXTENSION_CRASH
from emulator.core.model import COLD_STARTS, StartKind
from emulator.core.records import Status

if TYPE_CHECKING:
    from emulator.core.messages.measurements import Anatomy
    from emulator.core.model import Seconds
    from emulator.core.prices import Prices
    from emulator.core.profile import LogLines, Profile
    from emulator.core.records import InitReport, InvocationRecord
    from emulator.telemetry.platform_events import Event


_ERROR_TYPES = {
    Status.EXITED: EXIT_ERROR,
    Status.OUT_OF_MEMORY: "Runtime.OutOfMemory",
}
_RUNTIME = re.compile(r"([a-z]+)(.*)")


def init_duration(record: InvocationRecord) -> Seconds:
    """Returns the time from the runtime's first instruction to its first `next`; 0 when warm."""
    return 0.0 if record.anatomy is None else record.anatomy.connect + record.anatomy.init


def restore_duration(anatomy: Anatomy) -> Seconds:
    """Returns the time from the decision to start a sandbox to the end of its after-restore hooks.

    The guide counts the time outside the sandbox as well ("Monitoring for Lambda SnapStart").
    """
    return anatomy.create + anatomy.start + anatomy.connect + anatomy.init + anatomy.other


def restore_start(runtime: str, region: str) -> str:
    """Returns the first line of a sandbox that comes of a snapshot; empty of an image's."""
    version, arn = runtime_version(runtime, region)
    return f"RESTORE_START Runtime Version: {version}\tRuntime Version ARN: {arn}" if arn else ""


def restore_report(duration: Seconds, status: str = "") -> str:
    """Returns the line at the end of a restore; `status` says how one failed."""
    told = f"\tStatus: {status}" if status else ""
    return f"RESTORE_REPORT Restore Duration: {_ms(duration)}{told}"


def snapshot_report(duration: Seconds, error_type: str) -> str:
    """Returns the line of an init of which a snapshot was taken, or was to be."""
    told = f"\tPhase: init\tStatus: error\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {_ms(duration)}{told}"


def init_start(runtime: str, region: str, profile: Profile) -> str:
    """Returns a new sandbox's first line, for a runtime such as `python3.13`.

    Empty where the profile has no such line, or the function is an image, whose runtime Lambda does
    not know.
    """
    version, arn = runtime_version(runtime, region)
    if not version or not profile.log_lines.init:
        return ""
    return f"INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}"


def runtime_version(runtime: str, region: str) -> tuple[str, str]:
    """Returns a runtime's version and its ARN; both are empty of an image."""
    name = _RUNTIME.fullmatch(runtime)
    if name is None:
        return "", ""
    version = f"{name[1]}:{name[2].removeprefix('.').removesuffix('.x')}.v1"
    # the real one is a hash of the runtime's image, which is not ours
    digest = hashlib.sha256(version.encode()).hexdigest()
    return version, f"arn:aws:lambda:{region}::runtime:{digest}"


def init_report(report: InitReport, profile: Profile) -> str:
    """Returns the line of an init that failed; empty where the profile has no such line."""
    if not profile.log_lines.init:
        return ""
    status = f"error\tError Type: {report.error_type}" if report.error_type else "timeout"
    return (
        f"INIT_REPORT Init Duration: {_ms(report.duration)}\tPhase: {report.phase}\t"
        f"Status: {status}"
    )


def of_extension(event: Event) -> str:
    """Returns the line of a `platform.extension` event."""
    record = event["record"]
    line = (
        f"EXTENSION\tName: {record['name']}\tState: {record['state']}\t"
        f"Events: [{','.join(record['events'])}]"
    )
    return f"{line}\tError Type: {record['errorType']}" if "errorType" in record else line


def of_subscription(event: Event) -> str:
    """Returns the line of a subscription to the Telemetry or the Logs API.

    Empty of any other event of these.
    """
    kind = _SUBSCRIPTIONS.get(event["type"])
    if kind is None:
        return ""
    record = event["record"]
    types = ", ".join(str(one).capitalize() for one in record["types"])
    return f"{kind}\tName: {record['name']}\tState: {record['state']}\tTypes: [{types}]"


_SUBSCRIPTIONS = {
    "platform.telemetrySubscription": "TELEMETRY",
    "platform.logsSubscription": "LOGS",
}


def start(request_id: str, version: str) -> str:
    """Writes the line that begins an invocation."""
    return f"START RequestId: {request_id} Version: {version}"


def end(request_id: str) -> str:
    """Writes the line that ends an invocation."""
    return f"END RequestId: {request_id}"


def billed_duration_ms(prices: Prices, record: InvocationRecord) -> int:
    """Returns REPORT's Billed Duration, with the billed part of an init or of a restore.

    A restore's part is rounded up by itself: 13.82 ms and a restore of 115 make 129 in AWS's log.
    """
    init = init_duration(record) if record.start in COLD_STARTS else 0.0
    if record.start is StartKind.RESTORED and init:
        return billed_ms(prices, record.duration) + billed_ms(prices, init)
    return billed_ms(prices, record.duration, init)


def report(record: InvocationRecord, profile: Profile) -> str:
    """Returns the REPORT line of an invocation that a sandbox took."""
    form = profile.log_lines
    init = init_duration(record)
    billed = billed_duration_ms(profile.prices, record)
    fields = [
        f"REPORT RequestId: {record.invocation}",
        f"Duration: {_ms(record.duration)}",
        f"Billed Duration: {billed} ms{form.after_billed}",
        f"Memory Size: {record.memory_mb} MB",
        f"Max Memory Used: {record.max_memory_mb} MB",
    ]
    if record.start is StartKind.RESTORED and record.anatomy is not None:
        fields.append(f"Restore Duration: {_ms(restore_duration(record.anatomy))}")
        fields.append(f"Billed Restore Duration: {billed_ms(profile.prices, init)} ms")
    elif init and form.init:
        fields.append(f"Init Duration: {_ms(init)}")
    # every field ends in a tab but for a status, which ends the line
    return "\t".join([*fields, _status(record) if form.status else ""])


def closing(record: InvocationRecord, profile: Profile, reason: str, time: str) -> list[str]:
    """Returns the lines at the end of an invocation; none where no sandbox came to run.

    `reason` is how the runtime ended, where it did (`failure_bodies.exit_reason`), `time` the ISO
    time of the end. In 2018 a failure was told after REPORT, since then before END.
    """
    if record.dispatched_at is None:
        return []
    ends = [end(record.invocation), report(record, profile)]
    lines = profile.log_lines
    failure = _failure(record, lines, reason, time)
    return [*failure, *ends] if lines.failure_before_end else [*ends, *failure]


def _failure(record: InvocationRecord, lines: LogLines, reason: str, time: str) -> list[str]:
    """Returns the lines about a timeout or an end of the runtime; none where all went well."""
    request_id = record.invocation
    if record.status is Status.TIMEOUT:
        return [lines.timeout.format(time=time, request_id=request_id, seconds=record.duration)]
    if not reason:
        return []
    error_type = EXTENSION_CRASH if record.error_type == EXTENSION_CRASH else EXIT_ERROR
    return [
        line.format(request_id=request_id, reason=reason, error_type=error_type)
        for line in lines.exit
    ]


def error_type(record: InvocationRecord) -> str:
    """Returns the error type in REPORT of an invocation that failed; empty where it has none."""
    if record.status is Status.INIT_ERROR or record.error_type == EXTENSION_CRASH:
        return record.error_type
    return _ERROR_TYPES.get(record.status, "")


def _status(record: InvocationRecord) -> str:
    if record.status is Status.TIMEOUT:
        return "Status: timeout"
    wrong = error_type(record)
    return f"Status: error\tError Type: {wrong}" if wrong else ""


def _ms(duration: Seconds) -> str:
    return f"{duration * 1000:.2f} ms"
