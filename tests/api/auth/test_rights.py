"""Rights that calls need, after the Service Authorization Reference."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.api.auth.companion_rights import AMBIGUOUS, asked
from emulator.api.auth.rights import Right, rights
from emulator.api.auth.s3_rights import asked_of_s3
from emulator.api.services.calls import Call
from emulator.api.services.request import ApiRequest

ACCOUNT, REGION = "123456789012", "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"


def needed(operation: str, service: str = "lambda", **arguments: Any) -> list[Right]:
    call = Call(service, operation, arguments, REGION, ACCOUNT, None, "", "")
    return list(rights(call))


@pytest.mark.parametrize(
    ("operation", "arguments", "action", "resource"),
    [
        ("Invoke", {"FunctionName": "f"}, "lambda:InvokeFunction", FUNCTION),
        ("Invoke", {"FunctionName": "f:1"}, "lambda:InvokeFunction", f"{FUNCTION}:1"),
        ("Invoke", {"FunctionName": FUNCTION}, "lambda:InvokeFunction", FUNCTION),
        ("Invoke", {"FunctionName": f"{ACCOUNT}:f"}, "lambda:InvokeFunction", FUNCTION),
        (
            "InvokeWithResponseStream",
            {"FunctionName": "f", "Qualifier": "prod"},
            "lambda:InvokeFunction",
            f"{FUNCTION}:prod",
        ),
        ("GetFunction", {"FunctionName": "f"}, "lambda:GetFunction", FUNCTION),
        ("ListFunctions", {}, "lambda:ListFunctions", "*"),
        ("GetAccountSettings", {}, "lambda:GetAccountSettings", "*"),
        ("ListLayers", {}, "lambda:ListLayers", "*"),
        ("PublishLayerVersion", {"LayerName": "l"}, "lambda:PublishLayerVersion", LAYER),
        (
            "DeleteLayerVersion",
            {"LayerName": "l", "VersionNumber": 3},
            "lambda:DeleteLayerVersion",
            f"{LAYER}:3",
        ),
        ("GetLayerVersionByArn", {"Arn": f"{LAYER}:3"}, "lambda:GetLayerVersion", f"{LAYER}:3"),
        ("TagResource", {"Resource": FUNCTION}, "lambda:TagResource", FUNCTION),
        (
            "DeleteEventSourceMapping",
            {"UUID": "u"},
            "lambda:DeleteEventSourceMapping",
            f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:u",
        ),
        ("CreateAlias", {"FunctionName": "f", "Name": "a"}, "lambda:CreateAlias", FUNCTION),
        # a name that no function can have is the operation's own matter
        ("GetFunction", {"FunctionName": "a b"}, "lambda:GetFunction", f"{FUNCTION[:-1]}a b"),
    ],
)
def test_action_and_resource_of_an_operation(
    operation: str, arguments: dict[str, Any], action: str, resource: str
) -> None:
    found = needed(operation, **arguments)
    assert [(right.action, right.resource) for right in found] == [(action, resource)]


def test_creation_needs_the_role_and_the_layers() -> None:
    found = needed(
        "CreateFunction", FunctionName="f", Role=ROLE, Layers=[f"{LAYER}:1"], Tags={"team": "core"}
    )
    assert found == [
        Right(
            "lambda:CreateFunction",
            FUNCTION,
            {
                "aws:requesttag/team": ("core",),
                "aws:tagkeys": ("team",),
                "lambda:layer": (f"{LAYER}:1",),
            },
        ),
        Right("iam:PassRole", ROLE, {"iam:passedtoservice": ("lambda.amazonaws.com",)}),
        Right("lambda:GetLayerVersion", f"{LAYER}:1"),
    ]


def test_event_source_is_told_by_its_function() -> None:
    created = needed("CreateEventSourceMapping", FunctionName="f", EventSourceArn="arn:aws:sqs:x")
    assert created == [
        Right("lambda:CreateEventSourceMapping", "*", {"lambda:functionarn": (FUNCTION,)})
    ]


def test_permission_is_told_by_what_it_grants() -> None:
    (right,) = needed(
        "AddPermission",
        FunctionName="f",
        Principal="*",
        FunctionUrlAuthType="NONE",
        InvokedViaFunctionUrl=True,
    )
    assert right.context == {
        "lambda:principal": ("*",),
        "lambda:functionurlauthtype": ("NONE",),
        "lambda:invokedviafunctionurl": ("true",),
    }


@pytest.mark.parametrize(
    ("operation", "arguments", "resource"),
    [
        (
            "FilterLogEvents",
            {"logGroupName": "/aws/lambda/f"},
            f"{GROUP}:/aws/lambda/f:log-stream:",
        ),
        ("PutLogEvents", {"logGroupName": "g", "logStreamName": "s"}, f"{GROUP}:g:log-stream:s"),
        ("FilterLogEvents", {"logGroupIdentifier": f"{GROUP}:g"}, f"{GROUP}:g:log-stream:"),
        ("StartQuery", {"logGroupNames": ["g", "h"]}, f"{GROUP}:g:log-stream:"),
        ("TagResource", {"resourceArn": f"{GROUP}:g:*"}, f"{GROUP}:g:log-stream:"),
        ("DescribeLogGroups", {}, f"{GROUP}::log-stream:"),
        ("GetQueryResults", {"queryId": "q"}, "*"),
    ],
)
def test_resource_of_logs(operation: str, arguments: dict[str, Any], resource: str) -> None:
    (right,) = needed(operation, "logs", **arguments)
    assert (right.action, right.resource) == (f"logs:{operation}", resource)


def test_metrics_have_no_resource() -> None:
    assert needed("GetMetricData", "monitoring") == [Right("cloudwatch:GetMetricData", "*")]


# the companion's services


def of_s3(method: str, target: str, host: str = "localhost:8000", **headers: str) -> Any:
    path, _, query = target.partition("?")
    named = [(b"host", host.encode())]
    named += [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    found = asked_of_s3(ApiRequest(method, path, query, named))
    return [
        (each.action.removeprefix("s3:"), each.resource.removeprefix("arn:aws:s3:::"))
        for each in found
    ]


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/", ("ListAllMyBuckets", "*")),
        ("GET", "/b", ("ListBucket", "b")),
        ("HEAD", "/b/", ("ListBucket", "b")),
        ("GET", "/b?list-type=2&prefix=x", ("ListBucket", "b")),
        ("PUT", "/b", ("CreateBucket", "b")),
        ("DELETE", "/b", ("DeleteBucket", "b")),
        ("GET", "/b/a/k%20ey", ("GetObject", "b/a/k ey")),
        ("HEAD", "/b/k", ("GetObject", "b/k")),
        ("GET", "/b/k?versionId=1", ("GetObjectVersion", "b/k")),
        ("PUT", "/b/k?partNumber=1&uploadId=u", ("PutObject", "b/k")),
        ("POST", "/b/k?uploads", ("PutObject", "b/k")),
        ("DELETE", "/b/k?uploadId=u", ("AbortMultipartUpload", "b/k")),
        ("GET", "/b/k?uploadId=u", ("ListMultipartUploadParts", "b/k")),
        ("GET", "/b?uploads", ("ListBucketMultipartUploads", "b")),
        ("GET", "/b?versions", ("ListBucketVersions", "b")),
        ("DELETE", "/b/k", ("DeleteObject", "b/k")),
        ("DELETE", "/b/k?versionId=1", ("DeleteObjectVersion", "b/k")),
        ("POST", "/b?delete", ("DeleteObject", "b/*")),
        ("GET", "/b?policy", ("GetBucketPolicy", "b")),
        ("DELETE", "/b?policy", ("DeleteBucketPolicy", "b")),
        ("PUT", "/b?notification", ("PutBucketNotification", "b")),
        ("DELETE", "/b?cors", ("PutBucketCORS", "b")),
        ("GET", "/b?lifecycle", ("GetLifecycleConfiguration", "b")),
        ("PUT", "/b/k?tagging", ("PutObjectTagging", "b/k")),
        ("PATCH", "/b/k", ("Other", "b/k")),
    ],
)
def test_actions_of_s3(method: str, target: str, expected: tuple[str, str]) -> None:
    assert of_s3(method, target) == [expected]


def test_bucket_in_the_host_is_the_one_that_is_meant() -> None:
    assert of_s3("GET", "/k", "b.s3.eu-west-1.amazonaws.com") == [("GetObject", "b/k")]
    assert of_s3("GET", "/b/k", "s3.amazonaws.com") == [("GetObject", "b/k")]


def test_copy_needs_the_source_too() -> None:
    assert of_s3("PUT", "/b/k", x_amz_copy_source="/c/a%20b?versionId=1") == [
        ("PutObject", "b/k"),
        ("GetObject", "c/a b"),
    ]


FORM = "application/x-www-form-urlencoded; charset=utf-8"


def of(service: str, body: str, query: str = "", **headers: str) -> tuple[str, str]:
    named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    found = asked(service, ApiRequest("POST", "/", query, named, body.encode()), REGION, ACCOUNT)
    return found.action, found.resource


@pytest.mark.parametrize(
    ("service", "target", "body", "expected"),
    [
        (
            "sqs",
            "AmazonSQS.SendMessage",
            '{"QueueUrl": "http://x/1/q"}',
            f"sqs:{REGION}:{ACCOUNT}:q",
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.PutItem",
            '{"TableName": "t"}',
            f"dynamodb:{REGION}:{ACCOUNT}:table/t",
        ),
        (
            "ssm",
            "AmazonSSM.GetParameter",
            '{"Name": "/a/b"}',
            f"ssm:{REGION}:{ACCOUNT}:parameter/a/b",
        ),
        (
            "kinesis",
            "Kinesis_20131202.PutRecord",
            '{"StreamName": "s"}',
            f"kinesis:{REGION}:{ACCOUNT}:stream/s",
        ),
    ],
)
def test_resource_of_json_services(service: str, target: str, body: str, expected: str) -> None:
    operation = target.partition(".")[2]
    assert of(service, body, x_amz_target=target) == (
        f"{service}:{operation}",
        f"arn:aws:{expected}",
    )


def test_resource_of_forms() -> None:
    role = "Action=GetRole&RoleName=r&Version=1"
    assert of("iam", role, content_type=FORM) == ("iam:GetRole", ROLE)
    assert of("iam", "", query=role) == ("iam:GetRole", ROLE)
    topic = "arn:aws:sns:us-east-1:123456789012:t"
    assert of("sns", f"Action=Publish&TopicArn={topic}", content_type=FORM) == (
        "sns:Publish",
        topic,
    )


@pytest.mark.parametrize(
    ("body", "query", "headers"),
    [
        ("Action=A&Action=B", "", {"content_type": FORM}),
        ("Action=A", "Action=B", {"content_type": FORM}),
        ("Action=A", "", {"content_type": FORM, "x_amz_target": "X.B"}),
        ("{}", "Action=B", {"x_amz_target": "X.A"}),
        ("{}", "", {"x_amz_target": "X.A.B"}),
        ("Name=x", "", {"content_type": FORM}),
    ],
)
def test_what_could_be_read_in_two_ways_is_nothing(
    body: str, query: str, headers: dict[str, str]
) -> None:
    assert of("iam", body, query, **headers) == (f"iam:{AMBIGUOUS}", "*")
