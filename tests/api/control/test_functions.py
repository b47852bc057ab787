"""Functions are created, shown, listed, invoked and deleted as boto3 asks for it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import ROLE, SOON, create, made, zipped
from tests.api.control.holding import held_back, refusal

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"


def test_new_function_is_pending_then_active_and_can_be_invoked(client: Any) -> None:
    answer = create(client)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["State"], answer["StateReasonCode"]) == ("Pending", "Creating")
    client.get_waiter("function_active_v2").wait(FunctionName="echo", WaiterConfig=SOON)
    found = client.invoke(FunctionName="echo", Payload=b'{"a": 1}')
    assert json.load(found["Payload"]) == {"a": 1}
    assert found["ExecutedVersion"] == "$LATEST"


def test_answer_describes_the_function_as_lambda_does(client: Any) -> None:
    code = zipped()
    answer = create(client, Code={"ZipFile": code}, Environment={"Variables": {"MODE": "1"}})
    expected = {
        "FunctionName": "echo",
        "FunctionArn": ARN,
        "Runtime": "python3.13",
        "Role": ROLE,
        "Handler": "app.echo",
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "Environment": {"Variables": {"MODE": "1"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/echo"},
    }
    assert expected.items() <= answer.items()
    assert answer["LastModified"].endswith("+0000")


def test_function_is_shown_with_a_link_to_its_code_and_its_tags(client: Any) -> None:
    code = zipped({"app.py": "echo = print"})
    made(client, Code={"ZipFile": code}, Tags={"team": "a"})
    found = client.get_function(FunctionName="echo")
    assert found["Configuration"]["State"] == "Active"
    assert "StateReason" not in found["Configuration"]
    assert found["Tags"] == {"team": "a"}
    assert found["Code"]["RepositoryType"] == "S3"
    assert httpx.get(found["Code"]["Location"]).content == code
    forged = found["Code"]["Location"].replace("signature=", "signature=x")
    assert httpx.get(forged).status_code == 403


@pytest.mark.parametrize("form", ["echo", "function:echo", "123456789012:function:echo", ARN])
def test_every_form_of_the_name_is_the_function(form: str, client: Any) -> None:
    made(client)
    assert client.get_function_configuration(FunctionName=form)["FunctionArn"] == ARN
    assert client.invoke(FunctionName=form)["StatusCode"] == 200


def test_qualifier_is_in_the_arn_of_the_answer(client: Any) -> None:
    made(client)
    found = client.get_function_configuration(FunctionName="echo", Qualifier="$LATEST")
    assert found["FunctionArn"] == f"{ARN}:$LATEST"


def test_name_that_is_taken_is_a_conflict(client: Any) -> None:
    create(client)
    with pytest.raises(ClientError, match="Function already exist: echo") as refused:
        create(client)
    assert refusal(refused) == ("ResourceConflictException", 409)


def test_missing_function_is_not_found(client: Any) -> None:
    calls = (client.get_function, client.get_function_configuration, client.delete_function)
    for call in (*calls, client.invoke):
        with pytest.raises(ClientError, match=f"Function not found: {ARN}") as refused:
            call(FunctionName="echo")
        assert refusal(refused) == ("ResourceNotFoundException", 404)


def test_pending_function_cannot_be_invoked(api: ServedApi, client: Any) -> None:
    made(client)
    found = client.get_function_configuration(FunctionName="echo")
    assert found["State"] == "Active"
    with held_back(api):
        create(client, "late")
        with pytest.raises(ClientError, match="in the following state: Pending") as refused:
            client.invoke(FunctionName="late")
        assert refusal(refused) == ("ResourceConflictException", 409)
    client.get_waiter("function_active_v2").wait(FunctionName="late", WaiterConfig=SOON)
    assert client.invoke(FunctionName="late")["StatusCode"] == 200


def test_function_whose_package_cannot_be_made_is_failed_and_says_why(client: Any) -> None:
    create(client, Code={"ZipFile": _damaged()})
    with pytest.raises(Exception, match="terminal failure state"):
        client.get_waiter("function_active_v2").wait(FunctionName="echo", WaiterConfig=SOON)
    found = client.get_function_configuration(FunctionName="echo")
    assert (found["State"], found["StateReasonCode"]) == ("Failed", "InvalidConfiguration")
    assert "Could not unzip" in found["StateReason"]
    with pytest.raises(ClientError, match="in the following state: Failed"):
        client.invoke(FunctionName="echo")


def test_accounts_and_regions_are_apart(api: ServedApi, client: Any) -> None:
    abroad = api.client("lambda", region="eu-west-1")
    other = api.client("lambda", aws_access_key_id="000000000001")
    made(client)
    made(abroad)
    for elsewhere in (abroad, other):
        names = [f["FunctionName"] for f in elsewhere.list_functions()["Functions"]]
        assert names == (["echo"] if elsewhere is abroad else [])
    assert ":eu-west-1:" in abroad.get_function(FunctionName="echo")["Configuration"]["FunctionArn"]
    made(other)
    theirs = other.get_function(FunctionName="echo")["Configuration"]["FunctionArn"]
    assert theirs == "arn:aws:lambda:us-east-1:000000000001:function:echo"
    client.delete_function(FunctionName="echo")
    assert abroad.invoke(FunctionName="echo")["StatusCode"] == 200
    assert other.invoke(FunctionName="echo")["StatusCode"] == 200
    with pytest.raises(ClientError, match="Function not found"):
        client.invoke(FunctionName="echo")
    with pytest.raises(ClientError, match="not reachable in this region"):
        abroad.get_function(FunctionName=ARN)


def test_function_that_is_looked_for_elsewhere_is_pointed_to_in_the_log(
    api: ServedApi, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made(client)
    with pytest.raises(ClientError, match="Function not found: arn:aws:lambda:eu-west-1:"):
        api.client("lambda", region="eu-west-1").invoke(FunctionName="echo")
    assert "echo was asked for in eu-west-1" in caplog.text
    assert "is in us-east-1" in caplog.text


def test_functions_are_listed_by_name_in_pages(client: Any) -> None:
    for name in ("b", "c", "a"):
        create(client, name)
    first = client.list_functions(MaxItems=2)
    assert [f["FunctionName"] for f in first["Functions"]] == ["a", "b"]
    assert "State" not in first["Functions"][0]
    second = client.list_functions(Marker=first["NextMarker"])
    assert [f["FunctionName"] for f in second["Functions"]] == ["c"]
    assert "NextMarker" not in second
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    assert [f["FunctionName"] for page in pages for f in page["Functions"]] == ["a", "b", "c"]


def test_list_goes_on_where_the_last_entry_was_deleted(client: Any) -> None:
    for name in ("a", "b", "c"):
        create(client, name)
    first = client.list_functions(MaxItems=2)
    client.delete_function(FunctionName="b")
    second = client.list_functions(Marker=first["NextMarker"])
    assert [f["FunctionName"] for f in second["Functions"]] == ["c"]


def test_deleted_function_is_gone_and_its_name_is_free(client: Any) -> None:
    made(client)
    client.delete_function(FunctionName="echo")
    with pytest.raises(ClientError, match="Function not found"):
        client.invoke(FunctionName="echo")
    made(client, MemorySize=256)
    assert client.get_function(FunctionName="echo")["Configuration"]["MemorySize"] == 256


def test_function_that_is_made_again_while_pending_is_the_second(
    api: ServedApi, client: Any
) -> None:
    with held_back(api):
        create(client, MemorySize=256)
        create(client, "other")
        client.delete_function(FunctionName="other")
        client.delete_function(FunctionName="echo")
        create(client, MemorySize=512)
    client.get_waiter("function_active_v2").wait(FunctionName="echo", WaiterConfig=SOON)
    client.invoke(FunctionName="echo")
    assert {c.memory_mb for c in api.engine.functions.values()} == {512}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
        ({"Code": {}}, "Please provide a source for function code."),
        ({"Runtime": "cobol85"}, "at 'runtime' failed to satisfy constraint"),
        ({"Handler": None, "Runtime": None}, "Runtime and Handler are mandatory"),
        ({"Environment": {"Variables": {"MODE": "x" * 4096}}}, "exceeded the 4KB limit"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys"),
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:none:1"]}, "does not exist"),
        ({"PackageType": "Image", "Code": {"ImageUri": "i:1"}}, "PackageType is IMAGE"),
        ({"Code": {"ImageUri": "i:1"}}, "PackageType Zip needs a ZipFile"),
    ],
)
def test_what_lambda_refuses_is_refused_in_its_words(
    more: dict[str, Any], sentence: str, client: Any
) -> None:
    given = {"Handler": "app.echo", "Runtime": "python3.13", **more}
    wanted = {name: value for name, value in given.items() if value is not None}
    asked = {"FunctionName": "echo", "Role": ROLE, "Code": {"ZipFile": zipped()}, **wanted}
    with pytest.raises(ClientError) as refused:
        client.create_function(**asked)
    assert refusal(refused) == ("InvalidParameterValueException", 400)
    assert sentence in refused.value.response["Error"]["Message"]


def test_products_that_are_not_emulated_are_named(client: Any) -> None:
    with pytest.raises(ClientError, match="Durable functions are not emulated") as refused:
        create(client, DurableConfig={"ExecutionTimeout": 60})
    assert refusal(refused) == ("NotImplementedException", 501)


def _damaged() -> bytes:
    """Returns a zip whose directory is whole, and whose file is not."""
    content = bytearray(zipped({"app.py": "x" * 1000}))
    content[300] ^= 0xFF
    return bytes(content)
