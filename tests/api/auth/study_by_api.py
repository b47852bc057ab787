"""The study's parts under `--auth strict`, made by boto3 alone: roles, a bucket, a function."""

from __future__ import annotations

import configparser
import io
import json
import time
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import WaiterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ACCOUNT, REGION = "123456789012", "us-east-1"
BUCKET = "study"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/study-function"
_BOUND = 60.0


@dataclass(frozen=True)
class Keys:
    """Holds what somebody signs with."""

    access: str
    secret: str
    token: str | None = None


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


class Study:
    """Calls one emulator as its root, and as the roles that the root makes."""

    def __init__(self, url: str, state: Path) -> None:
        self.url = url
        self.credentials = state / "credentials"
        read = configparser.ConfigParser()
        read.read(self.credentials)
        section = read["default"]
        self._root = Keys(section["aws_access_key_id"], section["aws_secret_access_key"])

    def client(self, service: str, keys: Keys | None = None) -> Any:
        keys = keys or self._root
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
            config=Config(retries={"max_attempts": 0}, read_timeout=300),
        )

    def prepare(self, **objects: bytes) -> None:
        """Makes the function's role and the bucket, with objects by their keys."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for key, content in objects.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        self._make_role(
            "study-function",
            {"Service": "lambda.amazonaws.com"},
            _statement(["s3:GetObject"], f"arn:aws:s3:::{BUCKET}/*"),
        )

    def deploy(self, name: str, code: str, **more: Any) -> None:
        """Makes a function of the code under a key of the bucket, and waits until it is Active."""
        source = {"S3Bucket": BUCKET, "S3Key": code}
        self._deploy(name, Runtime="python3.13", Handler="app.handler", Code=source, **more)

    def deploy_image(self, name: str, image: str, **more: Any) -> None:
        """Makes a function of an image, and waits until it is Active."""
        self._deploy(name, PackageType="Image", Code={"ImageUri": image}, **more)

    def _deploy(self, name: str, **more: Any) -> None:
        client = self.client("lambda")
        client.create_function(FunctionName=name, Role=EXECUTION_ROLE, **more)
        waiter = client.get_waiter("function_active_v2")
        try:
            waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
        except WaiterError:
            found = client.get_function_configuration(FunctionName=name)
            raise AssertionError(found.get("StateReason", found["State"])) from None

    def role(self, name: str, *statements: dict[str, Any]) -> Keys:
        """Makes a role of the account, and returns the keys of a session that a user has of it."""
        arn = self._make_role(name, {"AWS": ACCOUNT}, *statements)
        iam, user = self.client("iam"), f"of-{name}"
        iam.create_user(UserName=user)
        policy = _document(_statement(["sts:AssumeRole"], arn))
        iam.put_user_policy(UserName=user, PolicyName="assume", PolicyDocument=policy)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        own = Keys(key["AccessKeyId"], key["SecretAccessKey"])
        made = self.client("sts", own).assume_role(RoleArn=arn, RoleSessionName="study")
        found = made["Credentials"]
        return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def _make_role(self, name: str, principal: Any, *statements: dict[str, Any]) -> str:
        iam = self.client("iam")
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=_document(*statements))
        return str(made["Role"]["Arn"])


def statement_for(function: str, *actions: str) -> dict[str, Any]:
    return _statement(actions, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")


def statement_for_all(*actions: str) -> dict[str, Any]:
    return _statement(actions, "*")


def _statement(actions: Any, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def invoked(client: Any, function: str, event: Any) -> Any:
    """Returns what a function answers."""
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


def logged(client: Any, function: str, pattern: str) -> list[str]:
    """Returns the messages of a function's log that fit a pattern of CloudWatch's."""
    found = client.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern=pattern)
    return [event["message"] for event in found["events"]]


def measured(client: Any, function: str, metric: str, statistic: str = "Sum") -> float:
    """Returns the sum of a metric's values in the last ten minutes."""
    now = datetime.now(UTC)
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": "FunctionName", "Value": function}],
            },
            "Period": 60,
            "Stat": statistic,
        },
    }
    found = client.get_metric_data(
        MetricDataQueries=[query],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=2),
    )
    return float(sum(found["MetricDataResults"][0]["Values"]))


def until(holds: Callable[[], bool]) -> bool:
    """Waits, for a bounded time, until something holds; returns whether it did."""
    deadline = time.monotonic() + _BOUND
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
