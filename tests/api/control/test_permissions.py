"""Policies of functions and of layers, through boto3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.control.conftest import zipped
from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.control.made import Made

S3 = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
NO_POLICY = "No policy is associated with the given resource."
NOTHING_TO_SHOW = "The resource you requested does not exist."


def add(made: Made, sid: str, **more: Any) -> Any:
    return made.client.add_permission(FunctionName=made.name, StatementId=sid, **(S3 | more))


def policy(made: Made, **more: Any) -> Any:
    found = made.client.get_policy(FunctionName=made.name, **more)
    return json.loads(found["Policy"]), found["RevisionId"]


def test_statements_are_added_shown_and_removed(made: Made) -> None:
    first = json.loads(add(made, "one")["Statement"])
    assert first == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": made.arn,
    }
    add(made, "two")
    document, revision = policy(made)
    assert document == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [first, first | {"Sid": "two"}],
    }
    made.client.remove_permission(FunctionName=made.name, StatementId="one", RevisionId=revision)
    assert [each["Sid"] for each in policy(made)[0]["Statement"]] == ["two"]
    made.client.remove_permission(FunctionName=made.name, StatementId="two")
    with refused("ResourceNotFoundException", NOTHING_TO_SHOW, 404):
        policy(made)


@pytest.mark.parametrize(
    ("named", "written"),
    [
        ("210987654321", {"AWS": "arn:aws:iam::210987654321:root"}),
        ("arn:aws:iam::210987654321:role/r", {"AWS": "arn:aws:iam::210987654321:role/r"}),
        ("apigateway.amazonaws.com", {"Service": "apigateway.amazonaws.com"}),
        ("*", "*"),
    ],
)
def test_principal_is_an_account_an_identity_a_service_or_everybody(
    made: Made, named: str, written: Any
) -> None:
    statement = json.loads(add(made, "one", Principal=named)["Statement"])
    assert statement["Principal"] == written


def test_principal_that_can_be_none_is_refused(made: Made) -> None:
    sentence = "The provided principal was invalid. Please check the principal and try again."
    with refused("InvalidParameterValueException", sentence):
        add(made, "one", Principal="nobody")


@pytest.mark.parametrize(
    ("member", "condition"),
    [
        ({"SourceArn": "arn:aws:s3:::b"}, {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}),
        (
            {"SourceAccount": "123456789012"},
            {"StringEquals": {"AWS:SourceAccount": "123456789012"}},
        ),
        ({"EventSourceToken": "t"}, {"StringEquals": {"lambda:EventSourceToken": "t"}}),
        (
            {"PrincipalOrgID": "o-aabbccddee"},
            {"StringEquals": {"aws:PrincipalOrgID": "o-aabbccddee"}},
        ),
        (
            {"FunctionUrlAuthType": "NONE", "Action": "lambda:InvokeFunctionUrl"},
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
        ({"InvokedViaFunctionUrl": True}, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
    ],
)
def test_conditions_are_written_as_iam_reads_them(
    made: Made, member: dict[str, Any], condition: dict[str, Any]
) -> None:
    assert json.loads(add(made, "one", **member)["Statement"])["Condition"] == condition


def test_auth_type_is_for_urls_alone(made: Made) -> None:
    sentence = "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
    with refused("InvalidParameterValueException", sentence):
        add(made, "one", FunctionUrlAuthType="NONE")


def test_statement_that_is_there_already_is_refused(made: Made) -> None:
    add(made, "one")
    sentence = (
        "The statement id (one) provided already exists. Please provide a new statement id, or "
        "remove the existing statement."
    )
    with refused("ResourceConflictException", sentence, 409):
        add(made, "one")


def test_statement_that_is_not_there_is_not_found(made: Made) -> None:
    add(made, "one")
    with refused(
        "ResourceNotFoundException", "Statement two is not found in resource policy.", 404
    ):
        made.client.remove_permission(FunctionName=made.name, StatementId="two")


def test_other_revision_than_the_policys_is_refused(made: Made) -> None:
    add(made, "one")
    sentence = (
        "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to "
        "retrieve the latest Revision Id"
    )
    with refused("PreconditionFailedException", sentence, 412):
        add(made, "two", RevisionId="0")
    with refused("PreconditionFailedException", sentence, 412):
        made.client.remove_permission(FunctionName=made.name, StatementId="one", RevisionId="0")


def test_function_version_and_alias_have_policies_of_their_own(made: Made) -> None:
    version = made.publish()
    made.alias("live", version)
    for qualifier in (version, "live"):
        statement = json.loads(add(made, qualifier, Qualifier=qualifier)["Statement"])
        assert statement["Resource"] == f"{made.arn}:{qualifier}"
    assert [each["Sid"] for each in policy(made, Qualifier="live")[0]["Statement"]] == ["live"]
    with refused("ResourceNotFoundException", NOTHING_TO_SHOW, 404):
        policy(made)
    sentence = "We currently do not support adding policies for $LATEST."
    with refused("InvalidParameterValueException", sentence):
        add(made, "one", Qualifier="$LATEST")


def test_policy_has_a_largest_size(made: Made) -> None:
    more = {"SourceArn": "arn:aws:s3:::" + "b" * 9000}
    add(made, "one", **more)
    add(made, "two", **more)
    with refused("PolicyLengthExceededException"):
        add(made, "three", **more)


# whole policies


def document(made: Made, *sids: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": made.arn,
            }
            for sid in sids
        ],
    }


def test_whole_policy_replaces_what_was_granted(made: Made) -> None:
    add(made, "one")
    put = made.client.put_resource_policy(
        ResourceArn=made.arn, Policy=json.dumps(document(made, "two"))
    )
    assert json.loads(put["Policy"]) == document(made, "two")
    assert policy(made) == (document(made, "two"), put["RevisionId"])
    add(made, "three")
    shown = made.client.get_resource_policy(ResourceArn=made.arn)
    assert json.loads(shown["Policy"]) == document(made, "two", "three")
    with refused("PreconditionFailedException", status=412):
        made.client.delete_resource_policy(ResourceArn=made.arn, RevisionId=put["RevisionId"])
    made.client.delete_resource_policy(ResourceArn=made.arn, RevisionId=shown["RevisionId"])
    with refused("ResourceNotFoundException", NOTHING_TO_SHOW, 404):
        made.client.get_resource_policy(ResourceArn=made.arn)


@pytest.mark.parametrize("text", ["{", "{}", '{"Statement": [{"Effect": "Perhaps"}]}'])
def test_document_that_is_no_policy_is_refused(made: Made, text: str) -> None:
    with refused("InvalidParameterValueException"):
        made.client.put_resource_policy(ResourceArn=made.arn, Policy=text)


def test_single_statement_is_a_list_of_one(made: Made) -> None:
    one = document(made, "one")
    made.client.put_resource_policy(
        ResourceArn=made.arn, Policy=json.dumps(one | {"Statement": one["Statement"][0]})
    )
    add(made, "two")
    assert [each["Sid"] for each in policy(made)[0]["Statement"]] == ["one", "two"]


# layers


def layer(made: Made) -> tuple[str, int]:
    name = f"{made.name}-layer"
    made.client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped()})
    return name, 1


def test_layers_policy_is_added_to_shown_and_removed(made: Made) -> None:
    name, number = layer(made)
    asked = {"LayerName": name, "VersionNumber": number}
    granted = made.client.add_layer_version_permission(
        **asked,
        StatementId="all",
        Action="lambda:GetLayerVersion",
        Principal="*",
        OrganizationId="o-aabbccddee",
    )
    statement = json.loads(granted["Statement"])
    arn = f"arn:aws:lambda:us-east-1:123456789012:layer:{name}:1"
    assert statement == {
        "Sid": "all",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-aabbccddee"}},
    }
    shown = made.client.get_layer_version_policy(**asked)
    assert json.loads(shown["Policy"])["Statement"] == [statement]
    assert shown["RevisionId"] == granted["RevisionId"]
    made.client.remove_layer_version_permission(
        **asked, StatementId="all", RevisionId=shown["RevisionId"]
    )
    with refused("ResourceNotFoundException", NO_POLICY, 404):
        made.client.get_layer_version_policy(**asked)


def test_version_of_a_layer_that_is_not_there_is_not_found(made: Made) -> None:
    sentence = "Layer version arn:aws:lambda:us-east-1:123456789012:layer:none:3 does not exist."
    with refused("ResourceNotFoundException", sentence, 404):
        made.client.get_layer_version_policy(LayerName="none", VersionNumber=3)
