"""Tells callers in events: those of URLs and API Gateway, and services that send events. Pure.

Sources: the developer guide, "Invoking Lambda function URLs" (request payload); the API Gateway
developer guide, "Working with AWS Lambda proxy integrations" of HTTP and of REST APIs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.api.auth.principals import Caller


def source_of(event: bytes) -> str:
    """Returns the ARN of the bucket, topic or rule that sends an event; empty where none is named.

    Source: the developer guide's examples of events of S3, SNS and EventBridge.
    """
    try:
        found = json.loads(event)
        records = found.get("Records")
        if records:
            first = records[0]
            return str(first["s3"]["bucket"]["arn"] if "s3" in first else first["Sns"]["TopicArn"])
        return str((found.get("resources") or [""])[0])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ""


def iam_caller(caller: Caller) -> dict[str, Any]:
    """Returns `requestContext.authorizer.iam` of payload format 2.0."""
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "callerId": caller.unique_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.unique_id,
    }


def identity_caller(caller: Caller) -> dict[str, str | None]:
    """Returns what `requestContext.identity` of payload format 1.0 has of a caller."""
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "caller": caller.unique_id,
        "user": caller.unique_id,
        "userArn": caller.arn,
    }
