"""Every operation that is served, with each constraint of the model broken once, through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from emulator.api.services.limits import limits
from emulator.api.services.service_model import load
from emulator.core.profiles.aws_2025 import AWS_2025
from tests.api.services.broken_arguments import broken_arguments
from tests.api.services.model_values import least

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

LIMITS = limits(AWS_2025)
ELSEWHERE = frozenset({"Invoke", "InvokeWithResponseStream", "StartLiveTail", "GetLogObject"})
"""Operations whose routes are others': tests/api/invoke has those of the first two."""
CLIENTS = {"lambda": "lambda", "logs": "logs", "monitoring": "cloudwatch"}
CODES = {
    "lambda": "ValidationException",
    "logs": "InvalidParameterException",
    "monitoring": "ValidationError",  # for clients that once spoke the query protocol
}


def operations() -> list[Any]:
    return [
        pytest.param(service, operation, id=f"{service} {operation}")
        for service in CLIENTS
        for operation in sorted(load(service).operation_names - ELSEWHERE)
    ]


@pytest.mark.parametrize(("service", "operation"), operations())
def test_broken_constraint_is_refused_in_awss_words(
    api: ServedApi, service: str, operation: str
) -> None:
    if api.registry.find(service, operation) is None:
        assert_not_emulated(api, service, operation)
        return
    model = load(service).operation(operation)
    assert model is not None
    if model.input_shape is None:
        return
    call = getattr(api.client(CLIENTS[service]), xform_name(operation))
    for broken in broken_arguments(model.input_shape, LIMITS):
        with pytest.raises(ClientError) as refused:
            call(**broken.arguments)
        error = refused.value.response["Error"]
        told = (error["Code"], error["Message"])
        assert told == (CODES[service], broken.sentence), broken.what


def assert_not_emulated(api: ServedApi, service: str, operation: str) -> None:
    if service not in api.registry.services:
        return  # requests for the service go to whoever else has it
    model = load(service).operation(operation)
    assert model is not None
    arguments = least(model.input_shape, LIMITS) if model.input_shape else {}
    with pytest.raises(ClientError) as refused:
        getattr(api.client(CLIENTS[service]), xform_name(operation))(**arguments)
    response = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["Error"]["Message"].startswith(f"{operation} is not emulated")
