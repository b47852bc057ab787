"""Stacks of the companion's CloudFormation, whose functions are the emulator's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator.live.companion.process import Companion
from tests.api.services.conftest import ServedApi, served_api

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "arn:aws:iam::123456789012:role/any"
SAM = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Parameters": {"Memory": {"Type": "Number", "Default": 128}},
    "Resources": {
        "Hello": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "FunctionName": "hello-sam",
                "InlineCode": "def handler(event, context): return event",
                "Handler": "index.handler",
                "Runtime": "python3.13",
                "MemorySize": {"Ref": "Memory"},
                "AutoPublishAlias": "live",
            },
        }
    },
}


def plain(**more: Any) -> dict[str, Any]:
    """Returns a template of a function and what belongs to it."""
    function = {
        "FunctionName": "hello",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": ROLE,
        "Code": {"ZipFile": "def handler(event, context): return event"},
        "MemorySize": "256",
        "Tags": [{"Key": "team", "Value": "a"}],
    }
    return {
        "Resources": {
            "Hello": {"Type": "AWS::Lambda::Function", "Properties": function | more},
            "One": {
                "Type": "AWS::Lambda::Version",
                "Properties": {"FunctionName": {"Ref": "Hello"}},
            },
            "Live": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "FunctionName": {"Ref": "Hello"},
                    "FunctionVersion": {"Fn::GetAtt": ["One", "Version"]},
                    "Name": "live",
                },
            },
            "Allowed": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": {"Fn::GetAtt": ["Hello", "Arn"]},
                    "Action": "lambda:InvokeFunction",
                    "Principal": "s3.amazonaws.com",
                },
            },
            "Address": {
                "Type": "AWS::Lambda::Url",
                "Properties": {"TargetFunctionArn": {"Ref": "Hello"}, "AuthType": "NONE"},
            },
            "Log": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": "/aws/lambda/hello", "RetentionInDays": 7},
            },
        },
        "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["Address", "FunctionUrl"]}}},
    }


class Stacks:
    def __init__(self, api: ServedApi, url: str) -> None:
        self.api = api
        self.functions = api.client("lambda")
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        self.client = boto3.client(
            "cloudformation", endpoint_url=url, region_name="us-east-1", **keys
        )


@pytest.fixture
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    folder = tmp_path_factory.mktemp("state")
    with served_api(folder=folder) as api:
        companion = Companion(folder / "companion.log", gateway=api.url)
        try:
            yield Stacks(api, api.run(companion.url()))
        finally:
            api.run(companion.close())


def test_stack_makes_changes_and_deletes_functions_of_the_emulator(stacks: Stacks) -> None:
    functions = stacks.functions
    stacks.client.create_stack(StackName="s", TemplateBody=json.dumps(plain()))
    found = functions.get_function(FunctionName="hello")
    assert found["Configuration"]["MemorySize"] == 256
    assert found["Tags"]["team"] == "a"
    assert functions.get_alias(FunctionName="hello", Name="live")["FunctionVersion"] == "1"
    assert "s3.amazonaws.com" in functions.get_policy(FunctionName="hello")["Policy"]
    groups = stacks.api.client("logs").describe_log_groups()["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [7]
    (described,) = stacks.client.describe_stacks(StackName="s")["Stacks"]
    url = functions.get_function_url_config(FunctionName="hello")["FunctionUrl"]
    assert described["Outputs"][0]["OutputValue"] == url

    stacks.client.update_stack(StackName="s", TemplateBody=json.dumps(plain(MemorySize=512)))
    assert functions.get_function_configuration(FunctionName="hello")["MemorySize"] == 512

    stacks.client.delete_stack(StackName="s")
    assert functions.list_functions()["Functions"] == []


def test_template_of_sam_is_translated(stacks: Stacks) -> None:
    stacks.client.create_stack(
        StackName="s",
        TemplateBody=json.dumps(SAM),
        Parameters=[{"ParameterKey": "Memory", "ParameterValue": "192"}],
    )
    found = stacks.functions.get_function(FunctionName="hello-sam", Qualifier="live")
    assert found["Configuration"]["MemorySize"] == 192
    assert ":role/s-HelloRole-" in found["Configuration"]["Role"]


def test_refusal_of_the_emulator_is_told(stacks: Stacks) -> None:
    template = json.dumps(plain(MemorySize=99_999))
    with pytest.raises(ClientError, match="Member must have value less than or equal to"):
        stacks.client.create_stack(StackName="s", TemplateBody=template)
