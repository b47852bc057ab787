"""Reserved and provisioned concurrency, through boto3."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import made as create
from tests.api.control.made import invoked, refused

if TYPE_CHECKING:
    from tests.api.control.made import Made

BOUND = 20.0


def reserve(made: Made, count: int) -> Any:
    return made.client.put_function_concurrency(
        FunctionName=made.name, ReservedConcurrentExecutions=count
    )


def provision(made: Made, qualifier: str, count: int) -> Any:
    return made.client.put_provisioned_concurrency_config(
        FunctionName=made.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


def provisioned(made: Made, qualifier: str) -> Any:
    return made.client.get_provisioned_concurrency_config(
        FunctionName=made.name, Qualifier=qualifier
    )


def settled(made: Made, qualifier: str) -> Any:
    """The config when it is in progress no more."""
    end = time.monotonic() + BOUND
    while (found := provisioned(made, qualifier))["Status"] == "IN_PROGRESS":
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


# reserved


def test_reservation_is_set_shown_and_lifted(made: Made) -> None:
    shown = made.client.get_function_concurrency
    assert "ReservedConcurrentExecutions" not in shown(FunctionName=made.name)
    assert reserve(made, 5)["ReservedConcurrentExecutions"] == 5
    assert shown(FunctionName=made.arn)["ReservedConcurrentExecutions"] == 5
    function = made.client.get_function(FunctionName=made.name)
    assert function["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    made.client.delete_function_concurrency(FunctionName=made.name)
    assert "ReservedConcurrentExecutions" not in shown(FunctionName=made.name)


def test_reservation_of_none_throttles_every_request_until_it_is_lifted(made: Made) -> None:
    reserve(made, 0)
    with pytest.raises(ClientError) as caught:
        invoked(made.client, made.name)
    response = caught.value.response
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    made.client.delete_function_concurrency(FunctionName=made.name)
    assert invoked(made.client, made.name)["StatusCode"] == 200


def test_reservation_outlives_new_code(made: Made) -> None:
    reserve(made, 0)
    made.publish()
    with refused("TooManyRequestsException", status=429):
        invoked(made.client, made.name)


def test_hundred_must_stay_unreserved(made: Made) -> None:
    account = made.client.get_account_settings()["AccountLimit"]
    free = account["UnreservedConcurrentExecutions"]
    sentence = (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )
    with refused("InvalidParameterValueException", sentence):
        reserve(made, free - 99)
    reserve(made, free - 100)
    account = made.client.get_account_settings()["AccountLimit"]
    assert account["UnreservedConcurrentExecutions"] == 100
    made.client.delete_function_concurrency(FunctionName=made.name)


@pytest.mark.parametrize("operation", ["get_function_concurrency", "delete_function_concurrency"])
def test_concurrency_of_no_function_is_not_found(made: Made, operation: str) -> None:
    sentence = f"Function not found: {made.arn}-none"
    with refused("ResourceNotFoundException", sentence, 404):
        getattr(made.client, operation)(FunctionName=f"{made.name}-none")


# provisioned


@pytest.mark.parametrize("by", ["version", "alias"])
def test_provisioned_sandboxes_become_ready_and_serve(made: Made, by: str) -> None:
    version = made.publish()
    qualifier = version if by == "version" else made.alias("live", version)
    begun = provision(made, qualifier, 2)
    assert begun["RequestedProvisionedConcurrentExecutions"] == 2
    assert begun["Status"] in ("IN_PROGRESS", "READY")
    assert begun["ResponseMetadata"]["HTTPStatusCode"] == 202
    found = settled(made, qualifier)
    assert found["Status"] == "READY"
    assert found["AllocatedProvisionedConcurrentExecutions"] == 2
    assert found["AvailableProvisionedConcurrentExecutions"] == 2
    answer = invoked(made.client, made.name, Qualifier=qualifier)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-testbed-start"] == "provisioned"
    made.client.delete_provisioned_concurrency_config(FunctionName=made.name, Qualifier=qualifier)
    with refused(
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
        404,
    ):
        provisioned(made, qualifier)


def test_configs_are_listed_by_arn(made: Made) -> None:
    first, second = made.publish(), made.publish()
    made.alias("live", second)
    for qualifier, count in ((first, 1), ("live", 2)):
        provision(made, qualifier, count)
        settled(made, qualifier)
    listed = made.client.list_provisioned_concurrency_configs(FunctionName=made.name)
    found = {
        each["FunctionArn"]: each["RequestedProvisionedConcurrentExecutions"]
        for each in listed["ProvisionedConcurrencyConfigs"]
    }
    assert found == {f"{made.arn}:{first}": 1, f"{made.arn}:live": 2}


def test_provisioned_concurrency_follows_its_alias(made: Made) -> None:
    first, second = made.publish(), made.publish()
    made.alias("live", first)
    provision(made, "live", 1)
    assert settled(made, "live")["Status"] == "READY"
    made.client.update_alias(FunctionName=made.name, Name="live", FunctionVersion=second)
    assert settled(made, "live")["Status"] == "READY"
    start = {
        version: invoked(made.client, made.name, Qualifier=version)["ResponseMetadata"][
            "HTTPHeaders"
        ]["x-testbed-start"]
        for version in (first, second)
    }
    assert start == {first: "cold", second: "provisioned"}


def test_init_that_fails_is_told_as_the_reason(made: Made) -> None:
    version = made.publish("import no_such_module")
    provision(made, version, 1)
    found = settled(made, version)
    assert (found["Status"], found["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


def test_latest_has_no_provisioned_concurrency(made: Made) -> None:
    sentence = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    with refused("InvalidParameterValueException", sentence):
        provision(made, "$LATEST", 1)


def test_version_has_one_config_by_its_number_or_by_an_alias(made: Made) -> None:
    version = made.publish()
    made.alias("live", version)
    provision(made, version, 1)
    sentence = (
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned "
        "version"
    )
    with refused("ResourceConflictException", sentence, 409):
        provision(made, "live", 1)
    made.client.delete_provisioned_concurrency_config(FunctionName=made.name, Qualifier=version)
    provision(made, "live", 1)
    sentence = "Version is pointed by a Provisioned Concurrency alias"
    with refused("ResourceConflictException", sentence, 409):
        provision(made, version, 1)


def test_provisioned_concurrency_is_a_part_of_what_is_reserved(made: Made) -> None:
    version = made.publish()
    reserve(made, 2)
    sentence = (
        "Requested Provisioned Concurrency should not be greater than the "
        "reservedConcurrentExecution for function"
    )
    with refused("InvalidParameterValueException", sentence):
        provision(made, version, 3)
    provision(made, version, 2)
    with refused("InvalidParameterValueException"):
        reserve(made, 1)


def test_functions_that_are_isolated_by_tenant_have_no_provisioned_concurrency(made: Made) -> None:
    name = f"{made.name}-isolated"
    create(made.client, name, TenancyConfig={"TenantIsolationMode": "PER_TENANT"}, Publish=True)
    with refused("InvalidParameterValueException"):
        made.client.put_provisioned_concurrency_config(
            FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1
        )
    answer = invoked(made.client, name, TenantId="blue")
    assert json.loads(answer["Payload"]) == "blue"
