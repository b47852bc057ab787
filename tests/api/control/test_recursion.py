"""Whether functions may go round in circles, through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.control.made import refused

if TYPE_CHECKING:
    from tests.api.control.made import Made


def test_circle_is_ended_unless_it_is_allowed(made: Made) -> None:
    shown = made.client.get_function_recursion_config
    assert shown(FunctionName=made.name)["RecursiveLoop"] == "Terminate"
    put = made.client.put_function_recursion_config
    assert put(FunctionName=made.name, RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
    assert shown(FunctionName=made.arn)["RecursiveLoop"] == "Allow"


def test_no_function_goes_round(made: Made) -> None:
    with refused("ResourceNotFoundException", f"Function not found: {made.arn}-none", 404):
        made.client.get_function_recursion_config(FunctionName=f"{made.name}-none")
