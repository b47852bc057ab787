from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.invocation_record import (
    Ended,
    LastAttempt,
    bus_entry,
    dead_letter_attributes,
    invocation_record,
    object_key,
)

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
FAILED = Ended(
    "id-1",
    ARN,
    Condition.RETRIES_EXHAUSTED,
    3,
    b'{"a": 1}',
    LastAttempt(200, "Unhandled", "$LATEST", b'{"errorMessage": "no luck"}'),
)
AT = "2026-11-27T09:30:01.500Z"


def test_record_has_the_form_of_aws() -> None:
    assert invocation_record(FAILED, AT) == {
        "version": "1.0",
        "timestamp": AT,
        "requestContext": {
            "requestId": "id-1",
            "functionArn": f"{ARN}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"a": 1},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": {"errorMessage": "no luck"},
    }


def test_event_that_never_ran_has_no_response() -> None:
    never = replace(FAILED, condition=Condition.EVENT_AGE_EXCEEDED, attempts=0, last=LastAttempt())
    record = invocation_record(never, AT)
    assert "responseContext" not in record
    assert "responsePayload" not in record


def test_success_has_no_error() -> None:
    record = invocation_record(replace(FAILED, last=LastAttempt(payload=b"5")), AT)
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == 5


def test_response_that_is_no_json_is_told_as_text() -> None:
    record = invocation_record(replace(FAILED, last=LastAttempt(payload=b"\xffno")), AT)
    assert record["responsePayload"] == "\ufffdno"


def entry(condition: Condition) -> dict[str, Any]:
    record = invocation_record(replace(FAILED, condition=condition, function_arn=f"{ARN}:7"), AT)
    return bus_entry(record, "arn:aws:events:us-east-1:123456789012:event-bus/b")


def test_bus_is_told_success_from_failure() -> None:
    assert entry(Condition.SUCCESS)["DetailType"].endswith("Result - Success")
    failure = entry(Condition.RETRIES_EXHAUSTED)
    assert failure["DetailType"] == "Lambda Function Invocation Result - Failure"
    assert failure["Source"] == "lambda"
    assert failure["Resources"] == [
        "arn:aws:events:us-east-1:123456789012:event-bus/b",
        f"{ARN}:7",
    ]
    assert json.loads(failure["Detail"])["requestContext"]["functionArn"] == f"{ARN}:7"


def test_object_is_named_by_function_day_and_moment() -> None:
    assert object_key(FAILED, AT, "u") == "aws/lambda/async/f/2026/11/27/2026-11-27T09.30.01-u"


def test_dead_letter_has_three_attributes() -> None:
    assert dead_letter_attributes(FAILED) == {
        "RequestID": {"DataType": "String", "StringValue": "id-1"},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "no luck"},
    }


def test_message_of_a_dead_letter_is_cut_at_a_kilobyte_between_characters() -> None:
    long = json.dumps({"errorMessage": "é" * 600}).encode()
    attributes = dead_letter_attributes(replace(FAILED, last=LastAttempt(payload=long)))
    assert attributes["ErrorMessage"]["StringValue"] == "é" * 512


def test_dead_letter_of_an_event_that_never_ran_says_why() -> None:
    never = replace(FAILED, condition=Condition.EVENT_AGE_EXCEEDED, last=LastAttempt(429))
    attributes = dead_letter_attributes(never)
    assert attributes["ErrorCode"]["StringValue"] == "429"
    assert "maximum age" in attributes["ErrorMessage"]["StringValue"]
