"""A resource of a stack takes the rights of its service's actions."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.live.companion.stack_rights import Place, StackRight, Step, stack_rights

PLACE = Place("123456789012", "eu-west-1")
IAM = "arn:aws:iam::123456789012"


def asked(kind: str, step: Step = Step.MAKE, name: str = "x", **properties: Any) -> list[str]:
    return [
        f"{right.action} {right.resource}"
        for right in stack_rights(f"AWS::{kind}", step, name, properties, PLACE)
    ]


def test_function_is_asked_about_elsewhere() -> None:
    assert asked("Lambda::Function") == []


@pytest.mark.parametrize(
    ("kind", "rights"),
    [
        ("SQS::Queue", "sqs:CreateQueue arn:aws:sqs:eu-west-1:123456789012:x"),
        ("S3::Bucket", "s3:CreateBucket arn:aws:s3:::x"),
        ("DynamoDB::Table", "dynamodb:CreateTable arn:aws:dynamodb:eu-west-1:123456789012:table/x"),
        ("StepFunctions::Activity", "states:CreateActivity *"),
        ("EC2::VPC", "ec2:CreateVPC *"),
        ("ApiGateway::RestApi", "apigateway:POST *"),
        ("New::Thing", "new:CreateThing *"),
    ],
)
def test_type_names_service_action_and_resource(kind: str, rights: str) -> None:
    assert asked(kind) == [rights]


def test_steps_take_different_rights() -> None:
    assert asked("RDS::DBInstance", Step.CHANGE) == ["rds:ModifyDBInstance *"]
    queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"
    assert asked("SQS::Queue", Step.REMOVE, queue) == [
        "sqs:DeleteQueue arn:aws:sqs:eu-west-1:123456789012:jobs"
    ]


def test_role_takes_the_rights_of_all_its_parts() -> None:
    role = {"Path": "/a/", "Policies": [{}], "ManagedPolicyArns": ["p"], "Tags": [{}]}
    assert asked("IAM::Role", **role, PermissionsBoundary="b") == [
        f"iam:{action} {IAM}:role/a/x"
        for action in (
            *("CreateRole", "PutRolePolicy", "AttachRolePolicy"),
            *("PutRolePermissionsBoundary", "TagRole"),
        )
    ]
    assert asked("IAM::Role", Step.REMOVE, **role) == [f"iam:DeleteRole {IAM}:role/a/x"]


def test_policy_takes_the_rights_to_those_who_get_it() -> None:
    assert asked("IAM::Policy", Roles=["r"], Users=["u"], Groups=["g"]) == [
        f"iam:PutRolePolicy {IAM}:role/r",
        f"iam:PutUserPolicy {IAM}:user/u",
        f"iam:PutGroupPolicy {IAM}:group/g",
    ]
    assert asked("IAM::Policy", Step.REMOVE, Roles=[{"Ref": "R"}]) == [
        f"iam:DeleteRolePolicy {IAM}:role/*"
    ]
    assert asked("IAM::ManagedPolicy", Roles=["r"]) == [
        f"iam:CreatePolicy {IAM}:policy/x",
        f"iam:AttachRolePolicy {IAM}:role/r",
    ]


def test_role_that_a_resource_is_given_is_passed_on_to_its_service() -> None:
    properties = {"Targets": [{"RoleArn": f"{IAM}:role/r"}], "Name": "x"}
    rights = stack_rights("AWS::Events::Rule", Step.MAKE, "x", properties, PLACE)
    assert rights[-1] == StackRight("iam:PassRole", f"{IAM}:role/r", "events.amazonaws.com")
    trust = {"AssumeRolePolicyDocument": {"Principal": {"AWS": f"{IAM}:role/r"}}}
    assert asked("IAM::Role", **trust) == [f"iam:CreateRole {IAM}:role/x"]


def test_custom_resource_takes_a_right_to_all() -> None:
    rights = stack_rights("Custom::Thing", Step.MAKE, "x", {}, PLACE)
    assert rights == [StackRight("cloudformation:CreateThing", "*")]
