"""Functions are labelled, and the labels are shown, replaced and taken away."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import create
from tests.api.control.holding import refusal


def test_tags_are_added_replaced_and_taken_away(client: Any) -> None:
    arn = create(client, Tags={"team": "a", "stage": "test"})["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"team": "b", "cost": "1"})
    client.untag_resource(Resource=arn, TagKeys=["stage", "none"])
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "b", "cost": "1"}
    client.untag_resource(Resource=arn, TagKeys=["team", "cost"])
    assert client.list_tags(Resource=arn)["Tags"] == {}


def test_tags_that_lambda_refuses_are_refused(client: Any) -> None:
    arn = create(client)["FunctionArn"]
    with pytest.raises(ClientError, match="exceeds resource tag limit") as refused:
        client.tag_resource(Resource=arn, Tags={str(n): "" for n in range(51)})
    assert refusal(refused) == ("InvalidParameterValueException", 400)
    with pytest.raises(ClientError, match="System tags"):
        client.tag_resource(Resource=arn, Tags={"aws:team": "a"})
    with pytest.raises(ClientError, match="aliases and versions are not supported"):
        client.list_tags(Resource=f"{arn}:1")
    assert client.list_tags(Resource=arn)["Tags"] == {}


def test_what_is_not_there_has_no_tags(client: Any) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:echo"
    for call in (
        lambda: client.list_tags(Resource=arn),
        lambda: client.tag_resource(Resource=arn, Tags={"team": "a"}),
        lambda: client.untag_resource(Resource=arn, TagKeys=["team"]),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refusal(refused) == ("ResourceNotFoundException", 404)
