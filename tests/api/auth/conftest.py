"""An emulator under `--auth strict`: moto has the users, and no sandbox is started."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from emulator.api.auth.authority import Authority
from emulator.api.auth.resources import StoredResources
from emulator.api.companion.route import OtherServices
from emulator.live.companion.process import Companion
from emulator.live.companion.sessions import Sessions
from emulator.live.store.root_key import RootKey, root_key
from tests.api.control.conftest import SOON, create
from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.live.functions.functions import Functions
    from tests.api.services.conftest import ServedApi

ACCOUNT = "123456789012"
REGION = "us-east-1"
FUNCTION = "f"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
LAMBDA_TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Keys:
    """Holds what somebody signs with."""

    access: str
    secret: str
    token: str | None = None


def allowing(*actions: str, resource: Any = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@dataclass
class Strict:
    """Makes users and clients of an emulator under `--auth strict`."""

    api: ServedApi
    companion: Companion
    sessions: Sessions
    root: Keys

    def client(self, service: str, keys: Keys | None = None, **config: Any) -> Any:
        keys = keys or self.root
        return boto3.client(
            service,
            endpoint_url=self.api.url,
            region_name=REGION,
            aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def user(self, *documents: str) -> tuple[str, Keys]:
        """Makes a user with inline policies; returns the name and a key."""
        name, iam = f"user{next(_numbers)}", self.client("iam")
        iam.create_user(UserName=name)
        for number, document in enumerate(documents):
            iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return name, Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def role(self, trust: Any, *documents: str, **more: Any) -> str:
        """Makes a role with inline policies; returns its ARN."""
        name, iam = f"role{next(_numbers)}", self.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **more)
        for number, document in enumerate(documents):
            iam.put_role_policy(RoleName=name, PolicyName=f"p{number}", PolicyDocument=document)
        return str(made["Role"]["Arn"])

    def companion_url(self) -> str:
        return str(self.api.run(self.companion.url()))


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    folder = tmp_path_factory.mktemp("strict")
    companion = Companion(folder / "companion.log", closed=True)
    sessions, key = Sessions(), root_key(folder)

    def authorize(functions: Functions) -> tuple[Authority, OtherServices]:
        authority = Authority.of(
            companion, sessions, ACCOUNT, key, StoredResources(functions.catalog)
        )
        others = OtherServices(
            {}, companion, identities=authority.identities, guard=authority.services
        )
        return authority, others

    with served_api(folder=folder, authorize=authorize) as api:
        try:
            yield _prepared(Strict(api, companion, sessions, _keys(key)))
        finally:
            asyncio.run_coroutine_threadsafe(companion.close(), api.loop).result(60)


def _prepared(strict: Strict) -> Strict:
    role = strict.role(LAMBDA_TRUST)
    create(strict.client("lambda"), FUNCTION, Role=role)
    strict.client("lambda").get_waiter("function_active_v2").wait(
        FunctionName=FUNCTION, WaiterConfig=SOON
    )
    return strict


def _keys(key: RootKey) -> Keys:
    return Keys(key.access_key, key.secret_key)
