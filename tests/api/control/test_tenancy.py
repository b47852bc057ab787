"""Functions that are isolated by tenant, made and asked through boto3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.tenancy import TENANT_WANTED
from tests.api.control.conftest import create, made
from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}


def start(answer: Any) -> tuple[str, str]:
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return headers["x-testbed-start"], headers["x-testbed-sandbox"]


def test_each_tenant_has_sandboxes_of_its_own(client: Any) -> None:
    made(client, "shop", TenancyConfig=PER_TENANT)
    shown = client.get_function_configuration(FunctionName="shop")
    assert shown["TenancyConfig"] == PER_TENANT
    starts = {}
    for tenant in ("blue", "green", "blue", "green"):
        answer = client.invoke(FunctionName="shop", TenantId=tenant)
        assert json.load(answer["Payload"]) == tenant
        starts.setdefault(tenant, []).append(start(answer))
    blue, green = starts["blue"], starts["green"]
    assert [kind for kind, _ in blue] == [kind for kind, _ in green] == ["cold", "warm"]
    assert blue[0][1] == blue[1][1] != green[0][1] == green[1][1]


def test_published_version_is_isolated_as_its_function_was(client: Any) -> None:
    made(client, "shop", TenancyConfig=PER_TENANT)
    version = client.publish_version(FunctionName="shop")["Version"]
    with refused("InvalidParameterValueException", TENANT_WANTED):
        client.invoke(FunctionName="shop", Qualifier=version)
    answer = client.invoke(FunctionName="shop", Qualifier=version, TenantId="blue")
    assert json.load(answer["Payload"]) == "blue"


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_request_without_a_tenant_is_refused_however_it_is_made(client: Any, kind: str) -> None:
    made(client, "shop", TenancyConfig=PER_TENANT)
    with refused("InvalidParameterValueException", TENANT_WANTED):
        client.invoke(FunctionName="shop", InvocationType=kind)


def test_tenants_and_snapshots_do_not_go_together(client: Any) -> None:
    sentence = "SnapStart is not supported for functions with tenant isolation mode enabled."
    with refused("InvalidParameterValueException", sentence):
        create(client, "shop", TenancyConfig=PER_TENANT, SnapStart={"ApplyOn": "PublishedVersions"})


def test_isolation_outlives_a_change_of_the_configuration(client: Any, api: ServedApi) -> None:
    made(client, "shop", TenancyConfig=PER_TENANT)
    client.update_function_configuration(FunctionName="shop", MemorySize=256)
    client.get_waiter("function_updated_v2").wait(
        FunctionName="shop", WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    with refused("InvalidParameterValueException", TENANT_WANTED):
        client.invoke(FunctionName="shop")
    assert client.invoke(FunctionName="shop", TenantId="blue")["StatusCode"] == 200
    assert {each.pool.tenant for each in api.engine.sandboxes.values()} == {"blue"}
