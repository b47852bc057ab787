"""Aliases lead to versions, share requests between two, and are changed and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import made, updated
from tests.api.control.holding import refusal

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"


@pytest.fixture
def two(client: Any) -> Any:
    """A client of an emulator whose function has two versions."""
    made(client)
    client.publish_version(FunctionName="echo")
    client.update_function_configuration(FunctionName="echo", Timeout=4)
    updated(client)
    client.publish_version(FunctionName="echo")
    return client


def live(client: Any, version: str = "1", **more: Any) -> dict[str, Any]:
    asked = {"FunctionName": "echo", "Name": "live", "FunctionVersion": version}
    return client.create_alias(**asked | more)


def test_alias_leads_to_its_version(two: Any) -> None:
    answer = live(two, Description="to the users")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {
        "AliasArn": f"{ARN}:live",
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "to the users",
        "RevisionId": answer["RevisionId"],
    }
    found = two.get_alias(FunctionName="echo", Name="live")
    del found["ResponseMetadata"]
    assert found == expected
    for asked in ({"Qualifier": "live"}, {"FunctionName": f"{ARN}:live"}):
        assert two.invoke(**{"FunctionName": "echo"} | asked)["ExecutedVersion"] == "1"
    shown = two.get_function_configuration(FunctionName="echo", Qualifier="live")
    assert (shown["Version"], shown["FunctionArn"]) == ("1", f"{ARN}:live")


def test_alias_that_is_led_elsewhere_leads_there_at_once(two: Any) -> None:
    live(two)
    two.invoke(FunctionName="echo", Qualifier="live")
    two.update_alias(FunctionName="echo", Name="live", FunctionVersion="2")
    assert two.invoke(FunctionName="echo", Qualifier="live")["ExecutedVersion"] == "2"


def test_weights_share_the_requests(two: Any) -> None:
    live(two, RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    executed = [
        two.invoke(FunctionName="echo", Qualifier="live")["ExecutedVersion"] for _ in range(60)
    ]
    assert 12 < executed.count("1") < 48
    assert set(executed) == {"1", "2"}
    shown = two.get_alias(FunctionName="echo", Name="live")
    assert shown["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.5}}
    two.update_alias(FunctionName="echo", Name="live", RoutingConfig={})
    shown = two.get_alias(FunctionName="echo", Name="live")
    assert "RoutingConfig" not in shown
    after = {two.invoke(FunctionName="echo", Qualifier="live")["ExecutedVersion"] for _ in range(9)}
    assert after == {"1"}


def test_function_is_told_the_alias_by_which_it_was_asked_for(api: ServedApi, two: Any) -> None:
    live(two)
    told: list[tuple[str, str]] = []
    invoke = api.engine.invoke

    def noted(*arguments: Any, **more: Any) -> Any:
        told.append((more["alias"], more["arn"]))
        return invoke(*arguments, **more)

    api.engine.invoke = noted
    two.invoke(FunctionName="echo", Qualifier="live")
    two.invoke(FunctionName="echo")
    assert told == [("live", f"{ARN}:live"), ("", ARN)]


def test_aliases_are_listed_by_name_and_version(two: Any) -> None:
    for name, version in (("c", "1"), ("a", "2"), ("b", "1")):
        two.create_alias(FunctionName="echo", Name=name, FunctionVersion=version)
    pages = two.get_paginator("list_aliases").paginate(
        FunctionName="echo", PaginationConfig={"PageSize": 2}
    )
    assert [a["Name"] for page in pages for a in page["Aliases"]] == ["a", "b", "c"]
    of_one = two.list_aliases(FunctionName="echo", FunctionVersion="1")["Aliases"]
    assert [a["Name"] for a in of_one] == ["b", "c"]


def test_deleted_alias_is_gone(two: Any) -> None:
    live(two)
    two.invoke(FunctionName="echo", Qualifier="live")
    for _ in range(2):  # the second time nothing happens
        two.delete_alias(FunctionName="echo", Name="live")
    with pytest.raises(ClientError, match=f"Function not found: {ARN}:live"):
        two.invoke(FunctionName="echo", Qualifier="live")
    with pytest.raises(ClientError, match="Cannot find alias arn") as refused:
        two.get_alias(FunctionName="echo", Name="live")
    assert refusal(refused) == ("ResourceNotFoundException", 404)


def test_name_that_is_taken_is_a_conflict(two: Any) -> None:
    live(two)
    with pytest.raises(ClientError, match="Alias already exists") as refused:
        live(two)
    assert refusal(refused) == ("ResourceConflictException", 409)


def test_change_of_an_older_revision_is_refused(two: Any) -> None:
    known = live(two)["RevisionId"]
    two.update_alias(FunctionName="echo", Name="live", FunctionVersion="2", RevisionId=known)
    with pytest.raises(ClientError) as refused:
        two.update_alias(FunctionName="echo", Name="live", FunctionVersion="1", RevisionId=known)
    assert refusal(refused) == ("PreconditionFailedException", 412)


@pytest.mark.parametrize(
    ("version", "weights", "sentence"),
    [
        ("3", {}, "Function not found"),
        ("1", {"3": 0.1}, "Function not found"),
        ("1", {"2": 0.1, "3": 0.1}, "cannot be greater than 1"),
        ("1", {"1": 0.1}, "already included in routing configuration"),
        ("$LATEST", {"1": 0.1}, "LATEST is not supported for an alias"),
    ],
)
def test_alias_that_cannot_be_is_refused(
    version: str, weights: dict[str, float], sentence: str, two: Any
) -> None:
    with pytest.raises(ClientError, match=sentence):
        live(two, version, RoutingConfig={"AdditionalVersionWeights": weights})
