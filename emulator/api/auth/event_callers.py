"""Tells a verified caller as events of function URLs and API Gateway have them. Pure.

Sources: the developer guide, "Invoking Lambda function URLs" (request payload); the API Gateway
developer guide, "Working with AWS Lambda proxy integrations" of HTTP and of REST APIs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.api.auth.principals import Caller


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
