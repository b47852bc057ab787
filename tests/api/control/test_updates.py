"""Code and configuration of functions change as boto3 asks, and what runs runs on."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import made, updated, zipped
from tests.api.control.holding import held_back, refusal

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

BOUND = 60.0
"""Seconds that any one wait may take."""
OTHER = zipped({"app.py": "def echo(event, context): return 2"})


def test_new_code_is_in_progress_and_then_served(client: Any) -> None:
    before = made(client)
    answer = client.update_function_code(FunctionName="echo", ZipFile=OTHER)
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert answer["CodeSha256"] != before["CodeSha256"]
    updated(client)
    found = client.get_function(FunctionName="echo")
    assert found["Configuration"]["LastUpdateStatus"] == "Successful"
    assert found["Configuration"]["CodeSha256"] == answer["CodeSha256"]
    assert httpx.get(found["Code"]["Location"]).content == OTHER


def test_dry_run_says_what_would_be_and_changes_nothing(client: Any) -> None:
    made(client)
    before = client.get_function_configuration(FunctionName="echo")
    answer = client.update_function_code(FunctionName="echo", ZipFile=OTHER, DryRun=True)
    assert answer["CodeSha256"] != before["CodeSha256"]
    del before["ResponseMetadata"]
    assert before.items() <= client.get_function_configuration(FunctionName="echo").items()


def test_settings_change_and_those_that_are_not_named_stay(client: Any) -> None:
    made(client, Description="first", Environment={"Variables": {"MODE": "a"}})
    client.update_function_configuration(
        FunctionName="echo", MemorySize=256, Environment={"Variables": {"OTHER": "b"}}
    )
    updated(client)
    found = client.get_function_configuration(FunctionName="echo")
    assert (found["MemorySize"], found["Description"]) == (256, "first")
    assert found["Environment"] == {"Variables": {"OTHER": "b"}}


def test_update_retires_the_warm_sandboxes_after_their_work(api: ServedApi, client: Any) -> None:
    made(client, Handler="app.pause", Timeout=10)
    client.invoke(FunctionName="echo")
    (warm,) = api.engine.sandboxes
    answers: list[Any] = []
    busy = threading.Thread(target=lambda: answers.append(client.invoke(FunctionName="echo")))
    busy.start()
    client.update_function_configuration(FunctionName="echo", MemorySize=256)
    updated(client)
    client.invoke(FunctionName="echo")
    busy.join(BOUND)
    assert answers[0]["StatusCode"] == 200
    assert "FunctionError" not in answers[0]
    deadline = time.monotonic() + BOUND
    while warm in api.engine.sandboxes:  # its end takes a moment from the last answer
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert {s.function.memory_mb for s in api.engine.sandboxes.values()} == {256}


def test_function_serves_as_before_while_it_is_updated(api: ServedApi, client: Any) -> None:
    made(client)
    with held_back(api):
        client.update_function_configuration(FunctionName="echo", Handler="app.fail")
        found = client.invoke(FunctionName="echo", Payload=b"1")
        assert json.load(found["Payload"]) == 1
        for change in (
            lambda: client.update_function_code(FunctionName="echo", ZipFile=OTHER),
            lambda: client.update_function_configuration(FunctionName="echo", Timeout=4),
            lambda: client.publish_version(FunctionName="echo"),
        ):
            with pytest.raises(ClientError, match="An update is in progress for") as refused:
                change()
            assert refusal(refused) == ("ResourceConflictException", 409)
    updated(client)
    assert client.invoke(FunctionName="echo")["FunctionError"] == "Unhandled"


def test_update_that_fails_leaves_all_as_it_was(client: Any) -> None:
    before = made(client)
    broken = bytearray(zipped({"app.py": "x" * 1000}))
    broken[300] ^= 0xFF
    client.update_function_code(FunctionName="echo", ZipFile=bytes(broken))
    with pytest.raises(Exception, match="terminal failure state"):
        updated(client)
    found = client.get_function_configuration(FunctionName="echo")
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Failed")
    assert "Could not unzip" in found["LastUpdateStatusReason"]
    assert found["CodeSha256"] == before["CodeSha256"]
    assert client.invoke(FunctionName="echo")["StatusCode"] == 200
    client.update_function_code(FunctionName="echo", ZipFile=OTHER)
    updated(client)
    assert "LastUpdateStatusReason" not in client.get_function_configuration(FunctionName="echo")


def test_change_of_an_older_revision_is_refused(client: Any) -> None:
    made(client)
    known = client.get_function_configuration(FunctionName="echo")["RevisionId"]
    client.update_function_configuration(FunctionName="echo", Timeout=4, RevisionId=known)
    updated(client)
    with pytest.raises(ClientError, match="does not match the latest Revision Id") as refused:
        client.update_function_code(FunctionName="echo", ZipFile=OTHER, RevisionId=known)
    assert refusal(refused) == ("PreconditionFailedException", 412)


def test_setting_that_lambda_refuses_changes_nothing(client: Any) -> None:
    made(client)
    with pytest.raises(ClientError, match="exceeded the 4KB limit"):
        client.update_function_configuration(
            FunctionName="echo", Environment={"Variables": {"MODE": "x" * 5000}}
        )
    with pytest.raises(ClientError, match="less than or equal to 10240") as refused:
        client.update_function_configuration(FunctionName="echo", MemorySize=10_241)
    assert refusal(refused) == ("ValidationException", 400)
    assert "Environment" not in client.get_function_configuration(FunctionName="echo")


def test_missing_function_cannot_be_changed(client: Any) -> None:
    with pytest.raises(ClientError, match="Function not found"):
        client.update_function_code(FunctionName="echo", ZipFile=OTHER)
    with pytest.raises(ClientError, match="Function not found"):
        client.update_function_configuration(FunctionName="echo", Timeout=4)
