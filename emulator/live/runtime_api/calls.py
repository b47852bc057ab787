"""Reads and writes the calls of Lambda's Runtime API as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.failure_bodies import RESPONSE_TOO_LARGE
from emulator.live.runtime_api.error_report import reported_error, type_alone
from emulator.live.runtime_api.http import JSON, response
from emulator.live.runtime_api.runtime_state import RuntimeCall

if TYPE_CHECKING:
    from emulator.live.runtime_api.connection import Connection
    from emulator.live.runtime_api.interface import Work


_PREFIX = b"/2018-06-01/runtime/"
NEXT = _PREFIX + b"invocation/next"
INIT_ERROR = _PREFIX + b"init/error"
RESTORE_NEXT = _PREFIX + b"restore/next"
RESTORE_ERROR = _PREFIX + b"restore/error"
INVOCATION = _PREFIX + b"invocation/"
RESULTS = {"response": RuntimeCall.RESPONSE, "error": RuntimeCall.ERROR}


def invocation_of(path: bytes) -> tuple[str, str]:
    """Returns the request id and the verb in the path of a result."""
    request_id, _, verb = path[len(INVOCATION) :].decode("latin-1").partition("/")
    return request_id, verb


def error_of(connection: Connection) -> tuple[str, bytes]:
    """Returns the type and the body of a reported error; of a body that was cut only the type."""
    if connection.body_was_cut:
        error_type = reported_error(connection.error_type, b"")
        return error_type, type_alone(error_type or RESPONSE_TOO_LARGE)
    body = bytes(connection.body)
    return reported_error(connection.error_type, body), body


def next_response(work: Work) -> bytes:
    """Returns the answer to a request for `next`: the invocation that is to run."""
    headers = [
        JSON,
        f"Lambda-Runtime-Aws-Request-Id: {work.request_id}",
        f"Lambda-Runtime-Deadline-Ms: {work.deadline_ms}",
        f"Lambda-Runtime-Invoked-Function-Arn: {work.function_arn}",
    ]
    if work.trace_id:
        headers.append(f"Lambda-Runtime-Trace-Id: {work.trace_id}")
    if work.client_context:
        headers.append(f"Lambda-Runtime-Client-Context: {work.client_context}")
    if work.tenant:
        headers.append(f"Lambda-Runtime-Aws-Tenant-Id: {work.tenant}")
    return response(200, headers, work.payload)
