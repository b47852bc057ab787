"""Operations of AWS's APIs through boto3: what is served, what is not, how it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi


def test_served_operation_answers_with_a_request_id(api: ServedApi) -> None:
    settings = api.client("lambda").get_account_settings()
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    assert len(settings["ResponseMetadata"]["RequestId"]) == 36


def test_operation_that_nobody_serves_answers_501_and_names_itself(api: ServedApi) -> None:
    with pytest.raises(ClientError) as refused:
        api.client("lambda").list_capacity_providers()
    response = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["Error"]["Message"] == (
        "ListCapacityProviders is not emulated: Lambda Managed Instances are left out."
    )


def test_unknown_runtime_is_refused_by_the_operation_in_its_own_words(api: ServedApi) -> None:
    with pytest.raises(ClientError) as refused:
        api.client("lambda").create_function(
            FunctionName="a",
            Runtime="haskell",
            Handler="a.b",
            Role="arn:aws:iam::123456789012:role/a",
            Code={"ZipFile": b"PK"},
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"].startswith(
        "Value haskell at 'runtime' failed to satisfy constraint: Member must satisfy enum value "
        "set: ["
    )
    assert error["Message"].endswith("] or be a valid ARN")
