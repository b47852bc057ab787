"""Functions that are isolated by tenant, made and asked through boto3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.tenancy import TENANT_WANTED
from tests.api.control.conftest import create, made
from tests.api.control.made import invoked, refused

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
        answer = invoked(client, "shop", TenantId=tenant)
        assert json.loads(answer["Payload"]) == tenant
        starts.setdefault(tenant, []).append(start(answer))
    blue, green = starts["blue"], starts["green"]
    assert [kind for kind, _ in blue] == [kind for kind, _ in green] == ["cold", "warm"]
    assert blue[0][1] == blue[1][1] != green[0][1] == green[1][1]


def test_published_version_is_isolated_as_its_function_was(client: Any) -> None:
    made(client, "shop", TenancyConfig=PER_TENANT)
    version = client.publish_version(FunctionName="shop")["Version"]
    with refused("InvalidParameterValueException", TENANT_WANTED):
        invoked(client, "shop", Qualifier=version)
    answer = invoked(client, "shop", Qualifier=version, TenantId="blue")
    assert json.loads(answer["Payload"]) == "blue"


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_request_without_a_tenant_is_refused_however_it_is_made(client: Any, kind: str) -> None:
    made(client, "shop", TenancyConfig=PER_TENANT)
    with refused("InvalidParameterValueException", TENANT_WANTED):
        invoked(client, "shop", InvocationType=kind)


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
        invoked(client, "shop")
    assert invoked(client, "shop", TenantId="blue")["StatusCode"] == 200
    assert {each.pool.tenant for each in api.engine.sandboxes.values()} == {"blue"}


def test_nobody_who_names_no_tenant_can_be_a_source_of_events(client: Any) -> None:
    made(client, "shop", TenancyConfig=PER_TENANT)
    sentence = (
        "An event source mapping is not supported for functions with tenant isolation mode enabled."
    )
    with refused("InvalidParameterValueException", sentence):
        client.create_event_source_mapping(
            FunctionName="shop", EventSourceArn="arn:aws:sqs:us-east-1:123456789012:q"
        )
    with refused("InvalidParameterValueException", TENANT_WANTED):
        client.invoke_async(FunctionName="shop", InvokeArgs=b"{}")
