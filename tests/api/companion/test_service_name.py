"""Which service a request is for."""

from __future__ import annotations

import pytest

from emulator.api.companion.service_name import addressed_to, signed_for

V4 = "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=host;x-amz-date, Signature=00"


@pytest.mark.parametrize(
    ("authorization", "service"),
    [
        (V4 % "AKID/20261122/us-east-1/s3/aws4_request", "s3"),
        (V4 % "AKID/20261122/us-gov-west-1/sqs/aws4_request", "sqs"),
        (V4 % "a/b/c/20261122/us-east-1/s3/aws4_request", "s3"),
        (V4 % "AKID/20261122/us-east-1/execute-api/aws4_request", "execute-api"),
        (V4.replace(", ", ",") % "AKID/20261122/us-east-1/dynamodb/aws4_request", "dynamodb"),
        ("AWS4-ECDSA-P256-SHA256 Credential=AKID/20261122/s3/aws4_request, Signature=00", "s3"),
        ("AWS AKID:c2lnbmF0dXJl", "s3"),
        (V4 % "AKID/20261122/us-east-1/s3", ""),
        (V4 % "AKID", ""),
        ("AWS4-HMAC-SHA256", ""),
        ("Bearer AKID/20261122/us-east-1/s3/aws4_request", ""),
        ("", ""),
    ],
)
def test_service_of_a_signed_request(authorization: str, service: str) -> None:
    headers = [(b"host", b"localhost:8000"), (b"authorization", authorization.encode())]
    assert signed_for(headers, b"") == service


@pytest.mark.parametrize(
    ("query", "service"),
    [
        (b"X-Amz-Credential=AKID%2F20261122%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=1", "s3"),
        (b"x=1&X-Amz-Credential=AKID/20261122/us-east-1/polly/aws4_request", "polly"),
        (b"AWSAccessKeyId=AKID&Signature=00&Expires=1", "s3"),
        (b"AWSAccessKeyId=AKID", ""),
        (b"NotX-Amz-Credential=AKID/20261122/us-east-1/s3/aws4_request", ""),
        (b"X-Amz-Credential=AKID", ""),
        (b"", ""),
    ],
)
def test_service_of_a_presigned_url(query: bytes, service: str) -> None:
    assert signed_for([(b"host", b"localhost:8000")], query) == service


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("s3.amazonaws.com", "s3"),
        ("bucket.with.dots.s3.eu-west-1.amazonaws.com", "s3"),
        ("bucket.s3-us-west-2.amazonaws.com", "s3"),
        ("bucket.s3.dualstack.eu-west-1.amazonaws.com", "s3"),
        ("s3.cn-north-1.amazonaws.com.cn", "s3"),
        ("BUCKET.S3.localhost:8000", "s3"),
        ("sqs.us-east-1.localhost:8000", "sqs"),
        ("abc.execute-api.us-east-1.amazonaws.com", "execute-api"),
        ("localhost:8000", ""),
        ("127.0.0.1:8000", ""),
        ("us-east-1.amazonaws.com", ""),
        ("s3.example.com", ""),
    ],
)
def test_service_that_a_host_names(host: str, service: str) -> None:
    assert addressed_to([(b"host", host.encode())]) == service


@pytest.mark.parametrize(
    ("target", "service"),
    [
        ("AWSCognitoIdentityProviderService.SignUp", "cognito-idp"),
        ("DynamoDB_20120810.GetItem", "dynamodb"),
        ("Logs_20140328.GetLogEvents", "logs"),
        ("Nobody.Knows", ""),
    ],
)
def test_service_that_a_target_names(target: str, service: str) -> None:
    headers = [(b"host", b"localhost"), (b"x-amz-target", target.encode())]
    assert addressed_to(headers) == service
