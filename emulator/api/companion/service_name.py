"""Tells which AWS service a request is for, from what an SDK puts into it. Pure.

Services go by the name that stands in the credential scope of a signature: `s3`, `sqs`,
`monitoring` (CloudWatch), `states` (Step Functions).

Sources: "AWS Signature Version 4 for API requests" of the IAM user guide (the scope, in a header
and in a presigned URL), "Signing and authenticating REST requests" of the S3 user guide (version
2), the general reference's service endpoints.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

OWN = frozenset({"lambda", "logs", "monitoring", "execute-api"})
"""Services that the emulator is itself; `execute-api` signs calls of the template's routes."""

# date, region (absent in version 4a), service; the access key before them may hold anything
_SCOPE = re.compile(r"/\d{8}(?:/[a-z0-9-]+)?/([A-Za-z0-9.-]+)/aws4_request(?:,|$)")
_KEY = re.compile(r"Credential=([^/,\s]+)/")
_HOST = re.compile(r"(?P<labels>.+)\.(?:amazonaws\.com(?:\.cn)?|localhost)(?::\d+)?")
_BESIDE_THE_SERVICE = re.compile(r"dualstack|[a-z]{2}(?:-[a-z]+)+-\d")
_TARGETS = {
    "AWSCognitoIdentityProviderService": "cognito-idp",
    "AWSCognitoIdentityService": "cognito-identity",
    "AWSEvents": "events",
    "AWSStepFunctions": "states",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "DynamoDBStreams_20120810": "dynamodb",
    "DynamoDB_20120810": "dynamodb",
    "Firehose_20150804": "firehose",
    "Kinesis_20131202": "kinesis",
    "Logs_20140328": "logs",
    "TrentService": "kms",
    "secretsmanager": "secretsmanager",
}
"""Services by the first part of X-Amz-Target; Cognito's sign-up and the like are never signed."""


def signed_for(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> str:
    """Returns the service in a request's signature; empty where no known signature is there."""
    for name, value in headers:
        if name == b"authorization":
            return _of_authorization(value.decode("latin-1"))
    if b"X-Amz-Credential=" in query:
        return _of_scope(unquote_plus(_parameter(query, b"X-Amz-Credential=")))
    # boto3 still presigns S3 with version 2 where it is not told otherwise
    return "s3" if b"AWSAccessKeyId=" in query and b"Signature=" in query else ""


def access_key_of(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> str:
    """Returns the access key that a request names in its signature; empty for none."""
    for name, value in headers:
        if name == b"authorization":
            found = _KEY.search(value.decode("latin-1"))
            return found[1] if found else ""
    if b"X-Amz-Credential=" in query:
        return unquote_plus(_parameter(query, b"X-Amz-Credential=")).partition("/")[0]
    return ""


def addressed_to(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Returns the service that an unsigned request's target or host names; empty for none."""
    found = dict(headers)
    target = found.get(b"x-amz-target", b"").decode("latin-1").partition(".")[0]
    return _TARGETS.get(target) or _of_host(found.get(b"host", b"").decode("latin-1"))


def _of_authorization(value: str) -> str:
    if value.startswith("AWS4-"):
        return _of_scope(value.partition("Credential=")[2].partition(",")[0].strip())
    return "s3" if value.startswith("AWS ") else ""  # version 2


def _of_scope(credential: str) -> str:
    found = _SCOPE.search(credential)
    return found[1].lower() if found else ""


def _parameter(query: bytes, start: bytes) -> str:
    parts = (part for part in query.split(b"&") if part.startswith(start))
    return next(parts, b"").removeprefix(start).decode("latin-1")


def _of_host(host: str) -> str:
    """Returns the service of `b.s3.eu-west-1.amazonaws.com`, `sqs.localhost` and their like."""
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return ""
    labels = found["labels"].split(".")
    while labels and _BESIDE_THE_SERVICE.fullmatch(labels[-1]):
        labels.pop()
    service = labels[-1] if labels else ""
    return "s3" if service.startswith("s3-") else service
