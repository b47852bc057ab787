"""Values that tests make from Lambda's model are valid, or their tests would test little."""

from __future__ import annotations

import pytest

from emulator.api.services.checks import refusal
from emulator.api.services.limits import limits
from emulator.api.services.service_model import load
from emulator.core.profiles.aws_2025 import AWS_2025
from tests.api.services.model_values import least

LIMITS = limits(AWS_2025)


@pytest.mark.parametrize("operation", sorted(load("lambda").operation_names))
def test_least_arguments_are_valid(operation: str) -> None:
    model = load("lambda").operation(operation)
    assert model is not None
    if model.input_shape is not None:
        assert refusal(model.input_shape, least(model.input_shape, LIMITS), LIMITS) == ""
