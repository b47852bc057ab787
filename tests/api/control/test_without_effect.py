"""Settings that are kept and change nothing are told when a function is made or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.control.conftest import ROLE, SOON, create, made

if TYPE_CHECKING:
    import pytest

    from tests.api.services.conftest import ServedApi

ARN = "arn:aws:lambda:us-east-1:123456789012:function"
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
FILE_SYSTEMS = "arn:aws:elasticfilesystem:us-east-1:123456789012"
FILES = [
    {
        "Arn": f"{FILE_SYSTEMS}:access-point/fsap-01234567890123456",
        "LocalMountPath": "/mnt/files",
    }
]
NETWORK = "its sandboxes have the network that all functions here have"
KEY = "arn:aws:kms:us-east-1:123456789012:key/one"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if "has no effect" in one.getMessage()]


def test_each_setting_is_told_with_its_function(
    api: ServedApi, caplog: pytest.LogCaptureFixture
) -> None:
    client = api.client("lambda")
    create(client, "told", VpcConfig=VPC, FileSystemConfigs=FILES, KMSKeyArn=KEY)
    assert told(caplog) == [
        f"VpcConfig of {ARN}:told has no effect: {NETWORK}",
        f"FileSystemConfigs of {ARN}:told has no effect: no file system is mounted",
        f"KMSKeyArn of {ARN}:told has no effect: its environment variables are not encrypted",
    ]


def test_change_of_a_setting_is_told_and_its_end_is_not(
    api: ServedApi, caplog: pytest.LogCaptureFixture
) -> None:
    client = api.client("lambda")
    made(client, "changed", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}, KMSKeyArn="")
    assert told(caplog) == []
    client.update_function_configuration(FunctionName="changed", VpcConfig=VPC)
    client.get_waiter("function_updated_v2").wait(FunctionName="changed", WaiterConfig=SOON)
    assert len(told(caplog)) == 1
    empty = {"SubnetIds": [], "SecurityGroupIds": []}
    client.update_function_configuration(FunctionName="changed", Role=ROLE, VpcConfig=empty)
    assert len(told(caplog)) == 1
