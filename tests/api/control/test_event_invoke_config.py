"""Settings of asynchronous events, through boto3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.control.made import Made

QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"


def test_settings_are_replaced_by_put_and_added_to_by_update(made: Made) -> None:
    put = made.client.put_function_event_invoke_config
    first = put(
        FunctionName=made.name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": QUEUE}},
    )
    assert first["FunctionArn"] == f"{made.arn}:$LATEST"
    assert first["MaximumRetryAttempts"] == 0
    assert first["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}
    assert abs(first["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)
    updated = made.client.update_function_event_invoke_config(
        FunctionName=made.name, MaximumEventAgeInSeconds=60
    )
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
    again = put(FunctionName=made.name, MaximumRetryAttempts=1)
    assert "MaximumEventAgeInSeconds" not in again
    assert again["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    shown = made.client.get_function_event_invoke_config(FunctionName=made.name)
    assert shown["MaximumRetryAttempts"] == 1


def test_function_version_and_alias_have_settings_of_their_own(made: Made) -> None:
    version = made.publish()
    made.alias("live", version)
    for number, qualifier in enumerate(("$LATEST", version, "live")):
        made.client.put_function_event_invoke_config(
            FunctionName=made.name, Qualifier=qualifier, MaximumRetryAttempts=number
        )
    listed = made.client.list_function_event_invoke_configs(FunctionName=made.name)
    found = {
        each["FunctionArn"]: each["MaximumRetryAttempts"]
        for each in listed["FunctionEventInvokeConfigs"]
    }
    arns = [f"{made.arn}:{qualifier}" for qualifier in ("$LATEST", version, "live")]
    assert found == dict(zip(arns, range(3), strict=True))


@pytest.mark.parametrize("operation", ["get", "update", "delete"])
def test_settings_that_are_not_there_are_not_found(made: Made, operation: str) -> None:
    more = {"MaximumRetryAttempts": 1} if operation == "update" else {}
    sentence = f"The function {made.arn}:$LATEST doesn't have an EventInvokeConfig"
    with refused("ResourceNotFoundException", sentence, 404):
        getattr(made.client, f"{operation}_function_event_invoke_config")(
            FunctionName=made.name, **more
        )


def test_deleted_settings_are_the_defaults_again(made: Made) -> None:
    made.client.put_function_event_invoke_config(FunctionName=made.name, MaximumRetryAttempts=1)
    made.client.delete_function_event_invoke_config(FunctionName=made.name)
    with refused("ResourceNotFoundException", status=404):
        made.client.get_function_event_invoke_config(FunctionName=made.name)


def test_nothing_to_set_is_refused(made: Made) -> None:
    sentence = "You must specify at least one of error handling or destination setting."
    with refused("InvalidParameterValueException", sentence):
        made.client.put_function_event_invoke_config(FunctionName=made.name)


def test_function_is_no_destination_of_its_own(made: Made) -> None:
    sentence = "You can't specify the function as a destination for itself."
    with refused("InvalidParameterValueException", sentence):
        made.client.put_function_event_invoke_config(
            FunctionName=made.name, DestinationConfig={"OnFailure": {"Destination": made.arn}}
        )


def test_version_that_is_not_there_is_not_found(made: Made) -> None:
    with refused("ResourceNotFoundException", f"Function not found: {made.arn}:7", 404):
        made.client.put_function_event_invoke_config(
            FunctionName=made.name, Qualifier="7", MaximumRetryAttempts=1
        )
