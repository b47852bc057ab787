"""Stacks under `--auth strict`: a stack makes functions with its caller's rights, or its role's."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.api.auth.authority import Authority
from emulator.api.auth.resources import StoredResources
from emulator.api.companion.route import OtherServices
from emulator.live.companion.acting import RIGHTS
from emulator.live.companion.process import Companion
from emulator.live.companion.sessions import Sessions
from emulator.live.store.root_key import root_key
from tests.api.auth.conftest import ACCOUNT, LAMBDA_TRUST, Keys, Strict, allowing
from tests.api.auth.test_strict_services import send
from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.live.functions.functions import Functions

pytest.importorskip("samtranslator")
pytest.importorskip("openapi_spec_validator")  # of moto[cloudformation]

STACKS = allowing("cloudformation:*")
STACK_TRUST = json.loads(json.dumps(LAMBDA_TRUST).replace("lambda", "cloudformation"))
TEMPLATE = """
Resources:
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: {name}
      Runtime: python3.13
      Handler: index.handler
      Role: {role}
      Code: {{ZipFile: "def handler(event, context): return event"}}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    folder = tmp_path_factory.mktemp("stacks")
    # as `testbed up` does, but the port is known only when the emulator serves
    companion = Companion(
        folder / "companion.log",
        closed=True,
        gateway="http://127.0.0.1:1",
        identities=folder / "identities.json",
    )
    sessions, key = Sessions(), root_key(folder)

    def authorize(functions: Functions) -> tuple[Authority, OtherServices]:
        authority = Authority.of(
            companion, sessions, ACCOUNT, key, StoredResources(functions.catalog)
        )
        identities, services = authority.identities, authority.services
        return authority, OtherServices({}, companion, identities=identities, guard=services)

    with served_api(folder=folder, authorize=authorize) as api:
        companion._own["TESTBED_GATEWAY"] = api.url
        try:
            yield Strict(api, companion, sessions, Keys(key.access_key, key.secret_key))
        finally:
            asyncio.run_coroutine_threadsafe(companion.close(), api.loop).result(60)


def worker(here: Strict) -> str:
    """Makes the role that a function of a stack has."""
    return here.role(LAMBDA_TRUST)


def make(here: Strict, name: str, keys: Keys | None, role: str, **more: Any) -> None:
    template = TEMPLATE.format(name=name, role=role)
    stacks = here.client("cloudformation", keys)
    stacks.create_stack(StackName=name, TemplateBody=template, **more)


def refused(here: Strict, name: str, keys: Keys | None, role: str, **more: Any) -> str:
    try:
        make(here, name, keys, role, **more)
    except ClientError as error:
        told = str(error)
    else:
        told = reason(here, name)
    assert name not in names(here)
    return told


def reason(here: Strict, stack: str) -> str:
    """Returns why a stack was rolled back, which its events say."""
    stacks = here.client("cloudformation")
    found = stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    assert found == "ROLLBACK_COMPLETE"
    events = stacks.describe_stack_events(StackName=stack)["StackEvents"]
    (failed,) = (event for event in events if event["ResourceStatus"] == "CREATE_FAILED")
    return str(failed["ResourceStatusReason"])


def names(here: Strict) -> list[str]:
    listed = here.client("lambda").list_functions()["Functions"]
    return [function["FunctionName"] for function in listed]


def test_root_makes_a_stack(here: Strict) -> None:
    make(here, "by-root", None, worker(here))
    assert "by-root" in names(here)


def test_right_to_make_stacks_is_none_to_make_functions(here: Strict) -> None:
    ann, keys = here.user(STACKS)
    told = refused(here, "by-ann", keys, worker(here))
    assert f":user/{ann} is not authorized to perform: lambda:CreateFunction" in told


def test_caller_with_the_rights_to_what_is_in_a_stack_makes_and_ends_that(here: Strict) -> None:
    role = worker(here)
    _, keys = here.user(STACKS, allowing("lambda:*"), allowing("iam:PassRole", resource=role))
    make(here, "by-bob", keys, role)
    assert "by-bob" in names(here)
    here.client("cloudformation", keys).delete_stack(StackName="by-bob")
    assert "by-bob" not in names(here)


def test_stack_acts_in_the_role_that_its_caller_passes_and_keeps_it(here: Strict) -> None:
    role = worker(here)
    rights = allowing("lambda:*"), allowing("iam:PassRole", resource=role)
    stack_role = here.role(STACK_TRUST, *rights)
    _, keys = here.user(STACKS, allowing("iam:PassRole", resource=stack_role))
    make(here, "by-role", keys, role, RoleARN=stack_role)
    assert "by-role" in names(here)
    here.client("cloudformation", keys).delete_stack(StackName="by-role")
    assert "by-role" not in names(here)


def test_change_set_acts_in_the_role_that_it_was_made_with(here: Strict) -> None:
    role = worker(here)
    rights = allowing("lambda:*"), allowing("iam:PassRole", resource=role)
    stack_role = here.role(STACK_TRUST, *rights)
    _, keys = here.user(STACKS, allowing("iam:PassRole", resource=stack_role))
    stacks = here.client("cloudformation", keys)
    named = {"StackName": "by-set", "ChangeSetName": "first"}
    template = TEMPLATE.format(name="by-set", role=role)
    stacks.create_change_set(
        **named, TemplateBody=template, ChangeSetType="CREATE", RoleARN=stack_role
    )
    stacks.execute_change_set(**named)
    assert "by-set" in names(here)


def test_role_has_no_more_rights_in_a_stack_than_elsewhere(here: Strict) -> None:
    stack_role = here.role(STACK_TRUST, allowing("lambda:GetFunction"))
    _, keys = here.user(STACKS, allowing("lambda:*"), allowing("iam:PassRole"))
    told = refused(here, "poor", keys, worker(here), RoleARN=stack_role)
    assert "/AWSCloudFormation is not authorized to perform: lambda:CreateFunction" in told


def test_role_is_passed_by_those_who_may_and_to_cloudformation(here: Strict) -> None:
    stack_role = here.role(STACK_TRUST, allowing("lambda:*", "iam:PassRole"))
    _, keys = here.user(STACKS)
    told = refused(here, "stolen", keys, worker(here), RoleARN=stack_role)
    assert "is not authorized to perform: iam:PassRole" in told
    _, passing = here.user(STACKS, allowing("iam:PassRole"))
    told = refused(here, "strange", passing, worker(here), RoleARN=here.role(LAMBDA_TRUST))
    assert "is invalid or cannot be assumed" in told


def test_role_that_is_stated_twice_is_refused(here: Strict) -> None:
    stack_role = here.role(STACK_TRUST, allowing("lambda:*", "iam:PassRole"))
    _, keys = here.user(STACKS)
    body = f"Action=CreateStack&StackName=twice&RoleARN=&RoleARN={stack_role}".encode()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    status, _ = send(here, keys, "cloudformation", body=body, headers=kind)
    assert status == 400


ROLE = """
Resources:
  Admin:
    Type: AWS::IAM::Role
    Properties:
      RoleName: {name}
      AssumeRolePolicyDocument: {trust}
      ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess]
      Policies: [{{PolicyName: all, PolicyDocument: {all}}}]
  Jobs: {{Type: AWS::SQS::Queue, Properties: {{QueueName: {name}}}}}
"""


def make_role(here: Strict, name: str, keys: Keys | None) -> None:
    trust = json.dumps(LAMBDA_TRUST)
    body = ROLE.format(name=name, trust=trust, all=allowing("*"))
    here.client("cloudformation", keys).create_stack(StackName=name, TemplateBody=body)


def roles(here: Strict) -> list[str]:
    return [role["RoleName"] for role in here.client("iam").list_roles()["Roles"]]


def test_who_may_make_stacks_alone_makes_no_role_by_one(here: Strict) -> None:
    ann, keys = here.user(STACKS)
    make_role(here, "escalated", keys)
    assert reason(here, "escalated").startswith(
        f"API: iam:CreateRole User: arn:aws:iam::{ACCOUNT}:user/{ann} is not authorized to perform:"
        f" iam:CreateRole on resource: arn:aws:iam::{ACCOUNT}:role/escalated"
    )
    assert "escalated" not in roles(here)


@pytest.mark.parametrize("missing", ["iam:AttachRolePolicy", "iam:PutRolePolicy"])
def test_role_of_a_stack_takes_the_rights_to_its_policies(here: Strict, missing: str) -> None:
    name = missing.partition(":")[2]
    rights = {"iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"} - {missing}
    _, keys = here.user(STACKS, allowing(*sorted(rights)))
    make_role(here, name, keys)
    assert f"API: {missing} " in reason(here, name)
    assert name not in roles(here)


def test_what_was_made_before_a_refusal_is_taken_away(here: Strict) -> None:
    _, keys = here.user(STACKS, allowing("iam:*", resource=f"arn:aws:iam::{ACCOUNT}:role/half"))
    make_role(here, "half", keys)
    assert "API: sqs:CreateQueue " in reason(here, "half")
    assert "half" not in roles(here)


def test_caller_with_the_rights_makes_and_ends_a_role_by_a_stack(here: Strict) -> None:
    _, keys = here.user(STACKS, allowing("iam:*"), allowing("sqs:*"))
    make_role(here, "whole", keys)
    attached = here.client("iam").list_attached_role_policies(RoleName="whole")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AdministratorAccess"]
    _, other = here.user(STACKS)
    here.client("cloudformation", other).delete_stack(StackName="whole")
    stacks = here.client("cloudformation")
    last = stacks.describe_stack_events(StackName="whole")["StackEvents"][0]
    assert last["ResourceStatus"] == "DELETE_FAILED"
    assert "whole" in roles(here)
    here.client("cloudformation", keys).delete_stack(StackName="whole")
    assert "whole" not in roles(here)


def test_only_the_companion_is_told_of_rights(here: Strict) -> None:
    _, keys = here.user(allowing("*"))
    _, answer = send(here, keys, "lambda", target=RIGHTS, body=b'{"region": "r", "rights": []}')
    assert "Only the companion asks here" in str(answer)


def test_stack_of_a_run_that_ended_is_made_again_over_its_roles(here: Strict) -> None:
    make_role(here, "again", None)
    here.api.run(here.companion.close())
    assert "again" in roles(here)
    make_role(here, "again", None)
    stacks = here.client("cloudformation").describe_stacks(StackName="again")["Stacks"]
    assert stacks[0]["StackStatus"] == "CREATE_COMPLETE"
    assert roles(here).count("again") == 1


def test_function_of_a_run_that_ended_makes_way_and_one_of_this_run_does_not(here: Strict) -> None:
    role = worker(here)
    make(here, "earlier", None, role)
    here.api.run(here.companion.close())
    make(here, "earlier", None, role)
    assert "Function already exist: earlier" in reason(here, "earlier")
    here.companion._own["TESTBED_BEGAN"] = repr(time.time() + 1)
    here.api.run(here.companion.close())
    make(here, "earlier", None, role)
    stacks = here.client("cloudformation").describe_stacks(StackName="earlier")["Stacks"]
    assert stacks[0]["StackStatus"] == "CREATE_COMPLETE"
