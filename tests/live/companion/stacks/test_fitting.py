"""Properties of CloudFormation's resources as members of Lambda's operations."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.api.services.service_model import load
from emulator.live.companion.stacks.fitting import fitted


def of(operation: str, **properties: Any) -> dict[str, Any]:
    model = load("lambda").operation(operation)
    assert model is not None
    return fitted(model.input_shape, properties)


@pytest.mark.parametrize(
    ("property_", "value", "member"),
    [
        ("MemorySize", "256", 256),
        ("Publish", "true", True),
        ("Tags", [{"Key": "team", "Value": 7}], {"team": "7"}),
        ("Tags", {"team": "a"}, {"team": "a"}),
        (
            "Environment",
            {"Variables": {"N": 1, "ON": True}},
            {"Variables": {"N": "1", "ON": "true"}},
        ),
        ("Layers", ["a"], ["a"]),
        ("EphemeralStorage", {"Size": "1024", "Odd": 1}, {"Size": 1024}),
    ],
)
def test_property_becomes_a_member_of_its_type(property_: str, value: Any, member: Any) -> None:
    assert of("CreateFunction", **{property_: value}) == {property_: member}


def test_property_that_is_no_member_is_left_out() -> None:
    assert of("CreateAlias", Name="a", ProvisionedConcurrencyConfig={}, Description=None) == {
        "Name": "a"
    }
