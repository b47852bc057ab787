"""Operations of AWS's APIs through boto3: what is served, what is not, how it is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

_DOCS = Path(__file__).parents[3] / "docs"


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


def test_page_lists_the_operations_of_lambda_that_are_served(api: ServedApi) -> None:
    page = (_DOCS / "lambda-api.md").read_text(encoding="utf-8")
    table = page.partition("## What is served")[2].partition("\n\nDurable")[0]
    listed = set(re.findall(r"`([A-Z]\w+)`", table)) - {"DryRun", "Event"}
    assert listed - {"Invoke"} == api.registry.operations("lambda")  # Invoke has its own route


@pytest.mark.parametrize("service", ["logs", "monitoring"])
def test_page_names_the_operations_of_cloudwatch_that_are_served(
    api: ServedApi, service: str
) -> None:
    page = (_DOCS / "cloudwatch.md").read_text(encoding="utf-8")
    assert [name for name in api.registry.operations(service) if not _is_named(name, page)] == []


def _is_named(operation: str, page: str) -> bool:
    """Returns whether a page names an operation, whole or as in `Create-, DescribeLogStreams`."""
    verb = re.match(r"[A-Z][a-z]+", operation)
    assert verb
    thing = operation.removeprefix(verb[0]).removesuffix("s")
    return operation in page or (f"{verb[0]}-" in page and thing in page)


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
