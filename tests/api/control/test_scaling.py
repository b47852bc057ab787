"""Scaling configurations, through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.control.made import Made

BOTH = {"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 9}


def test_figures_are_kept_for_a_version_until_they_are_taken_back(made: Made) -> None:
    version = made.publish()
    asked = {"FunctionName": made.name, "Qualifier": version}
    put = made.client.put_function_scaling_config(**asked, FunctionScalingConfig=BOTH)
    assert put["FunctionState"] == "Active"
    shown = made.client.get_function_scaling_config(**asked)
    assert shown["FunctionArn"] == f"{made.arn}:{version}"
    assert shown["RequestedFunctionScalingConfig"] == BOTH
    latest = made.client.get_function_scaling_config(
        FunctionName=made.name, Qualifier="$LATEST.PUBLISHED"
    )
    assert latest["AppliedFunctionScalingConfig"] == BOTH
    made.client.put_function_scaling_config(**asked)
    shown = made.client.get_function_scaling_config(**asked)
    assert "RequestedFunctionScalingConfig" not in shown


def test_least_is_not_above_the_most(made: Made) -> None:
    version = made.publish()
    with refused("InvalidParameterValueException"):
        made.client.put_function_scaling_config(
            FunctionName=made.name,
            Qualifier=version,
            FunctionScalingConfig=BOTH | {"MinExecutionEnvironments": 10},
        )
