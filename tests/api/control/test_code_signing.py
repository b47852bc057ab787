"""Code signing configurations, through boto3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.control.conftest import made as create
from tests.api.control.conftest import zipped
from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.control.made import Made

PROFILE = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/p/abc"
NONE = "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-" + "0" * 17


def config(made: Made, policy: str | None = None) -> dict[str, Any]:
    policies = {"UntrustedArtifactOnDeployment": policy}
    more = {} if policy is None else {"CodeSigningPolicies": policies}
    found: dict[str, Any] = made.client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [PROFILE]}, **more
    )["CodeSigningConfig"]
    return found


def test_config_is_made_shown_changed_listed_and_taken_away(made: Made) -> None:
    made_config = config(made)
    arn = made_config["CodeSigningConfigArn"]
    assert re.fullmatch(r"csc-[a-z0-9]{17}", made_config["CodeSigningConfigId"])
    assert arn.endswith(f":code-signing-config:{made_config['CodeSigningConfigId']}")
    assert made_config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    shown = made.client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]
    assert shown == made_config
    changed = made.client.update_code_signing_config(
        CodeSigningConfigArn=arn,
        Description="strict",
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )["CodeSigningConfig"]
    assert changed["Description"] == "strict"
    assert changed["AllowedPublishers"] == {"SigningProfileVersionArns": [PROFILE]}
    listed = made.client.list_code_signing_configs()["CodeSigningConfigs"]
    assert changed in listed
    made.client.delete_code_signing_config(CodeSigningConfigArn=arn)
    with refused(
        "ResourceNotFoundException",
        f"The Lambda code signing configuration {arn} can not be found.",
        404,
    ):
        made.client.get_code_signing_config(CodeSigningConfigArn=arn)


def test_function_uses_a_config_until_it_does_not(made: Made) -> None:
    arn = config(made)["CodeSigningConfigArn"]
    used = {"FunctionName": made.name}
    put = made.client.put_function_code_signing_config(**used, CodeSigningConfigArn=arn)
    shown = made.client.get_function_code_signing_config(**used)
    for answer in (put, shown):
        assert (answer["CodeSigningConfigArn"], answer["FunctionName"]) == (arn, made.name)
    functions = made.client.list_functions_by_code_signing_config
    assert functions(CodeSigningConfigArn=arn)["FunctionArns"] == [made.arn]
    with refused("ResourceConflictException", status=409):
        made.client.delete_code_signing_config(CodeSigningConfigArn=arn)
    made.client.delete_function_code_signing_config(**used)
    assert "CodeSigningConfigArn" not in made.client.get_function_code_signing_config(**used)
    assert functions(CodeSigningConfigArn=arn)["FunctionArns"] == []


def test_config_that_is_not_there_cannot_be_used(made: Made) -> None:
    with refused("CodeSigningConfigNotFoundException", status=404):
        made.client.put_function_code_signing_config(
            FunctionName=made.name, CodeSigningConfigArn=NONE
        )


@pytest.mark.parametrize(("policy", "deployed"), [("Warn", True), ("Enforce", False)])
def test_code_is_deployed_unsigned_unless_a_config_enforces_signatures(
    made: Made, policy: str, deployed: bool
) -> None:
    arn = config(made, policy)["CodeSigningConfigArn"]
    made.client.put_function_code_signing_config(FunctionName=made.name, CodeSigningConfigArn=arn)
    name = f"{made.name}-signed"
    if deployed:
        made.client.update_function_code(
            FunctionName=made.name, ZipFile=zipped({"app.py": "# other"})
        )
        create(made.client, name, CodeSigningConfigArn=arn)
        shown = made.client.get_function_code_signing_config(FunctionName=name)
        assert shown["CodeSigningConfigArn"] == arn
        return
    with refused("CodeVerificationFailedException"):
        made.client.update_function_code(
            FunctionName=made.name, ZipFile=zipped({"app.py": "# other"})
        )
    with refused("CodeVerificationFailedException"):
        create(made.client, name, CodeSigningConfigArn=arn)
