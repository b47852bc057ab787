"""Writes what destinations and dead-letter queues are sent about an event, in AWS's form. Pure.

Source: the developer guide, "Capturing records of Lambda asynchronous invocations" (H), and
"Adding a dead-letter queue".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.core.asynchronous.attempts import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping

_LATEST = "$LATEST"
_MOST_MESSAGE = 1024
"""Bytes of the error message that a dead letter has ("the first 1 KB")."""
_ARN_OF_FUNCTION = 7
"""Parts of a function's ARN without a qualifier."""
_OK = 200


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """Holds what the last attempt of an event came to; nothing where there was none."""

    status: int = _OK
    function_error: str = ""
    version: str = _LATEST
    payload: bytes | None = None
    """None where the function did not run."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Holds an event that has ended."""

    request_id: str
    function_arn: str
    condition: Condition
    attempts: int
    payload: bytes
    last: LastAttempt


def invocation_record(ended: Ended, timestamp: str) -> dict[str, Any]:
    """Returns the record that a destination gets; `timestamp` is ISO 8601 with milliseconds."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": timestamp,
        "requestContext": {
            "requestId": ended.request_id,
            "functionArn": qualified(ended.function_arn),
            "condition": ended.condition.value,
            "approximateInvokeCount": ended.attempts,
        },
        "requestPayload": parsed(ended.payload),
    }
    if ended.last.payload is None:
        return record
    context: dict[str, Any] = {
        "statusCode": ended.last.status,
        "executedVersion": ended.last.version,
    }
    if ended.last.function_error:
        context["functionError"] = ended.last.function_error
    record["responseContext"] = context
    record["responsePayload"] = parsed(ended.last.payload)
    return record


def bus_entry(record: Mapping[str, Any], bus_arn: str) -> dict[str, Any]:
    """Returns the entry of PutEvents that carries a record to an EventBridge bus."""
    succeeded = record["requestContext"]["condition"] == Condition.SUCCESS.value
    kind = "Success" if succeeded else "Failure"
    return {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {kind}",
        "Resources": [bus_arn, record["requestContext"]["functionArn"]],
        "Detail": json.dumps(record),
        "EventBusName": bus_arn,
    }


def object_key(ended: Ended, timestamp: str, unique: str) -> str:
    """Returns the key under which S3 gets the record of a failure."""
    day, _, time = timestamp.partition("T")
    moment = f"{day}T{time[:8].replace(':', '.')}"
    name = ended.function_arn.split(":")[6]
    return f"aws/lambda/async/{name}/{day.replace('-', '/')}/{moment}-{unique}"


def dead_letter_attributes(ended: Ended) -> dict[str, dict[str, str]]:
    """Returns the message attributes of a dead letter, whose body is the event itself."""
    found = {"RequestID": {"DataType": "String", "StringValue": ended.request_id}}
    found["ErrorCode"] = {"DataType": "Number", "StringValue": str(ended.last.status)}
    if message := _error_message(ended):
        found["ErrorMessage"] = {"DataType": "String", "StringValue": message}
    return found


def qualified(function_arn: str) -> str:
    """Returns an ARN with its qualifier, be it $LATEST."""
    unqualified = function_arn.count(":") + 1 == _ARN_OF_FUNCTION
    return f"{function_arn}:{_LATEST}" if unqualified else function_arn


def parsed(payload: bytes) -> Any:
    """Returns JSON's value; what is no JSON is its text, and nothing is null."""
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return payload.decode(errors="replace")


def _error_message(ended: Ended) -> str:
    body = parsed(ended.last.payload or b"")
    message = body.get("errorMessage") if isinstance(body, dict) else None
    text = message if isinstance(message, str) else ""
    text = text or _REASONS.get(ended.condition, "")
    return text.encode()[:_MOST_MESSAGE].decode(errors="ignore")


_REASONS = {
    Condition.EVENT_AGE_EXCEEDED: "The event was kept for longer than its maximum age.",
    Condition.ZERO_RESERVED_CONCURRENCY: "The function's reserved concurrency is 0.",
    Condition.LOOP: "Lambda has detected that the function is being invoked in a recursive loop.",
}
"""What a dead letter says where the function said nothing (AWS's words are not recorded)."""
