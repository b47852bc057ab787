"""Versions are published, numbered, listed and invoked; nothing changes them any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import SOON, create, made, updated, zipped
from tests.api.control.holding import held_back, refusal

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"


def change(client: Any, **settings: Any) -> None:
    client.update_function_configuration(FunctionName="echo", **settings)
    updated(client)


def test_version_stays_as_it_was_published(client: Any) -> None:
    made(client, MemorySize=128)
    answer = client.publish_version(FunctionName="echo", Description="the first")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["Version"], answer["FunctionArn"]) == ("1", f"{ARN}:1")
    change(client, MemorySize=512, Handler="app.fail")
    first = client.get_function(FunctionName="echo", Qualifier="1")["Configuration"]
    assert (first["MemorySize"], first["Description"]) == (128, "the first")
    found = client.invoke(FunctionName="echo", Qualifier="1", Payload=b"7")
    assert (json.load(found["Payload"]), found["ExecutedVersion"]) == (7, "1")
    assert client.invoke(FunctionName=f"{ARN}:1")["ExecutedVersion"] == "1"
    assert client.invoke(FunctionName="echo")["FunctionError"] == "Unhandled"


def test_unchanged_function_is_not_published_again(client: Any) -> None:
    made(client)
    assert [client.publish_version(FunctionName="echo")["Version"] for _ in range(2)] == ["1", "1"]
    change(client, Timeout=4)
    assert client.publish_version(FunctionName="echo")["Version"] == "2"


def test_number_of_a_deleted_version_is_not_given_again(client: Any) -> None:
    made(client)
    client.publish_version(FunctionName="echo")
    client.delete_function(FunctionName="echo", Qualifier="1")
    with pytest.raises(ClientError, match=f"Function not found: {ARN}:1"):
        client.invoke(FunctionName="echo", Qualifier="1")
    assert client.publish_version(FunctionName="echo")["Version"] == "2"


def test_create_and_update_publish_what_they_made(client: Any) -> None:
    assert create(client, Publish=True)["Version"] == "1"
    client.get_waiter("published_version_active").wait(
        FunctionName="echo", Qualifier="1", WaiterConfig=SOON
    )
    assert client.invoke(FunctionName="echo", Qualifier="1")["ExecutedVersion"] == "1"
    other = zipped({"app.py": "other = 1"})
    answer = client.update_function_code(FunctionName="echo", ZipFile=other, Publish=True)
    assert answer["Version"] == "2"
    updated(client)
    shown = client.get_function_configuration(FunctionName="echo", Qualifier="2")
    assert shown["CodeSha256"] == answer["CodeSha256"]
    client.get_waiter("published_version_active").wait(
        FunctionName="echo", Qualifier="2", WaiterConfig=SOON
    )
    assert client.invoke(FunctionName="echo", Qualifier="2")["StatusCode"] == 200


def test_versions_are_listed_in_order_and_pages(client: Any) -> None:
    made(client)
    for timeout in range(4, 15):
        change(client, Timeout=timeout)
        client.publish_version(FunctionName="echo")
    pages = client.get_paginator("list_versions_by_function").paginate(
        FunctionName="echo", PaginationConfig={"PageSize": 5}
    )
    found = [version for page in pages for version in page["Versions"]]
    assert [v["Version"] for v in found] == ["$LATEST", *map(str, range(1, 12))]
    assert [v["FunctionArn"] for v in found[:2]] == [f"{ARN}:$LATEST", f"{ARN}:1"]
    everything = client.list_functions(FunctionVersion="ALL")["Functions"]
    assert len(everything) == 12


def test_code_and_revision_that_were_expected_must_be_there(client: Any) -> None:
    made(client)
    with pytest.raises(ClientError, match="is different from current CodeSHA256") as refused:
        client.publish_version(FunctionName="echo", CodeSha256="A" * 43 + "=")
    assert refusal(refused) == ("InvalidParameterValueException", 400)
    with pytest.raises(ClientError, match="does not match the latest Revision Id") as refused:
        client.publish_version(FunctionName="echo", RevisionId="0")
    assert refusal(refused) == ("PreconditionFailedException", 412)


def test_pending_function_is_not_published(api: ServedApi, client: Any) -> None:
    with held_back(api):
        create(client)
        with pytest.raises(ClientError, match="following state: Pending") as refused:
            client.publish_version(FunctionName="echo")
        assert refusal(refused) == ("ResourceConflictException", 409)


def test_failed_function_is_not_published(client: Any) -> None:
    damaged = bytearray(zipped({"app.py": "x" * 1000}))
    damaged[300] ^= 0xFF
    create(client, Code={"ZipFile": bytes(damaged)})
    with pytest.raises(Exception, match="terminal failure state"):
        client.get_waiter("function_active_v2").wait(FunctionName="echo", WaiterConfig=SOON)
    with pytest.raises(ClientError, match="following state: Failed"):
        client.publish_version(FunctionName="echo")


@pytest.mark.parametrize("qualifier", ["$LATEST", "live"])
def test_latest_and_aliases_are_not_deleted_as_versions(qualifier: str, client: Any) -> None:
    made(client)
    client.create_alias(FunctionName="echo", Name="live", FunctionVersion="$LATEST")
    with pytest.raises(ClientError) as refused:
        client.delete_function(FunctionName="echo", Qualifier=qualifier)
    assert refusal(refused) == ("InvalidParameterValueException", 400)


def test_version_that_an_alias_names_is_not_deleted(client: Any) -> None:
    made(client)
    client.publish_version(FunctionName="echo")
    client.create_alias(FunctionName="echo", Name="live", FunctionVersion="1")
    with pytest.raises(ClientError, match="used by the alias live") as refused:
        client.delete_function(FunctionName="echo", Qualifier="1")
    assert refusal(refused) == ("ResourceConflictException", 409)
