"""Users, roles and keys of `--auth strict` are there again after a kill right behind an answer."""

from __future__ import annotations

import configparser
import json
import signal
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.api.auth.study_by_api import ACCOUNT, REGION, Keys, zipped
from tests.emulator_process import Emulator

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com", "AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        },
    }
)
LOGS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
CODE = b"def handler(event, context): return event"


def up(folder: Path) -> Emulator:
    options = ("--backend", "process", "--auth", "strict")
    return Emulator("none", folder / "state", *options)  # type: ignore[arg-type]


def client(emulator: Emulator, service: str, keys: Keys) -> Any:
    return boto3.client(
        service,
        endpoint_url=emulator.url,
        region_name=REGION,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        aws_session_token=keys.token,
        config=Config(retries={"max_attempts": 0}),
    )


def root(folder: Path) -> Keys:
    read = configparser.ConfigParser(interpolation=None)
    read.read(folder / "state" / "credentials")
    found = read["default"]
    return Keys(found["aws_access_key_id"], found["aws_secret_access_key"])


def allowing(action: str, resource: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def make_function(emulator: Emulator, keys: Keys, role: str) -> None:
    functions = client(emulator, "lambda", keys)
    functions.create_function(
        FunctionName="hello",
        Runtime="python3.13",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": zipped({"app.py": CODE})},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="hello")


def test_user_whose_emulator_was_killed_after_the_key_was_made_invokes(tmp_path: Path) -> None:
    with up(tmp_path) as emulator:
        iam = client(emulator, "iam", root(tmp_path))
        role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        iam.attach_role_policy(RoleName="worker", PolicyArn=LOGS)
        make_function(emulator, root(tmp_path), role)
        iam.create_group(GroupName="callers")
        policy = iam.create_policy(
            PolicyName="call", PolicyDocument=allowing("lambda:InvokeFunction", FUNCTION)
        )["Policy"]["Arn"]
        iam.attach_group_policy(GroupName="callers", PolicyArn=policy)
        iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "a"}])
        iam.add_user_to_group(GroupName="callers", UserName="ann")
        made = iam.create_access_key(UserName="ann")["AccessKey"]
        emulator.end(signal.SIGKILL)
    ann = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    with up(tmp_path) as emulator:
        functions = client(emulator, "lambda", ann)
        assert json.load(functions.invoke(FunctionName="hello", Payload="7")["Payload"]) == 7
        with pytest.raises(ClientError, match="user/ann is not authorized to perform"):
            functions.delete_function(FunctionName="hello")
        iam = client(emulator, "iam", root(tmp_path))
        assert iam.list_user_tags(UserName="ann")["Tags"] == [{"Key": "team", "Value": "a"}]
        attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
        assert [each["PolicyArn"] for each in attached] == [LOGS]
        iam.detach_group_policy(GroupName="callers", PolicyArn=policy)
        emulator.end(signal.SIGKILL)
    with up(tmp_path) as emulator, pytest.raises(ClientError, match="user/ann is not authorized"):
        client(emulator, "lambda", ann).invoke(FunctionName="hello")


def test_session_of_a_role_goes_on_after_a_restart(tmp_path: Path) -> None:
    with up(tmp_path) as emulator:
        iam = client(emulator, "iam", root(tmp_path))
        role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        sts = client(emulator, "sts", root(tmp_path))
        made = sts.assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]
        emulator.end(signal.SIGKILL)
    keys = Keys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    with up(tmp_path) as emulator:
        told = client(emulator, "sts", keys).get_caller_identity()["Arn"]
    assert told == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/night"
