"""Settings of runtime updates, through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.control.made import Made


def test_runtime_is_updated_automatically_unless_told_otherwise(made: Made) -> None:
    shown = made.client.get_runtime_management_config(FunctionName=made.name)
    assert (shown["UpdateRuntimeOn"], shown["FunctionArn"]) == ("Auto", f"{made.arn}:$LATEST")
    put = made.client.put_runtime_management_config
    put(FunctionName=made.name, UpdateRuntimeOn="FunctionUpdate")
    shown = made.client.get_runtime_management_config(FunctionName=made.name)
    assert shown["UpdateRuntimeOn"] == "FunctionUpdate"
    assert "RuntimeVersionArn" not in shown


def test_version_has_a_setting_of_its_own(made: Made) -> None:
    version = made.publish()
    function = made.client.get_function_configuration(FunctionName=made.name)
    arn = function["RuntimeVersionConfig"]["RuntimeVersionArn"]
    asked = {"FunctionName": made.name, "Qualifier": version}
    put = made.client.put_runtime_management_config(
        **asked, UpdateRuntimeOn="Manual", RuntimeVersionArn=arn
    )
    assert put["FunctionArn"] == f"{made.arn}:{version}"
    assert made.client.get_runtime_management_config(**asked)["RuntimeVersionArn"] == arn
    shown = made.client.get_runtime_management_config(FunctionName=made.name)
    assert shown["UpdateRuntimeOn"] == "Auto"


@pytest.mark.parametrize(
    "wrong",
    [
        {"UpdateRuntimeOn": "Manual"},
        {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:x"},
        {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:x"},
    ],
)
def test_arn_is_for_manual_updates_to_a_runtime_that_is_there(
    made: Made, wrong: dict[str, str]
) -> None:
    with refused("InvalidParameterValueException"):
        made.client.put_runtime_management_config(FunctionName=made.name, **wrong)
