"""Functions, versions, aliases, layers and code are there after a restart, and cost it nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import SOON, create, made, updated, zipped
from tests.api.control.holding import held_back
from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from pathlib import Path


def test_everything_that_was_made_outlives_its_emulator(tmp_path: Path) -> None:
    with served_api(folder=tmp_path) as first:
        client = first.client("lambda")
        layer = client.publish_layer_version(
            LayerName="tools", Content={"ZipFile": zipped({"a": "1"})}
        )["LayerVersionArn"]
        made(client, Layers=[layer], Tags={"team": "a"})
        client.publish_version(FunctionName="echo")
        client.create_alias(FunctionName="echo", Name="live", FunctionVersion="1")
        client.update_function_configuration(FunctionName="echo", MemorySize=256)
        updated(client)
        before = _described(client)
    with served_api(folder=tmp_path) as second:
        client = second.client("lambda")
        assert _described(client) == before
        assert second.engine.functions == {}  # nothing is made before somebody asks
        found = client.invoke(FunctionName="echo", Qualifier="live", Payload=b"5")
        assert (json.load(found["Payload"]), found["ExecutedVersion"]) == (5, "1")
        assert list(second.engine.functions) == ["echo:1"]
        location = client.get_function(FunctionName="echo")["Code"]["Location"]
        assert httpx.get(location).content == zipped()
        assert client.publish_version(FunctionName="echo")["Version"] == "2"


def test_function_that_was_pending_at_the_end_is_made_by_the_next(tmp_path: Path) -> None:
    with served_api(folder=tmp_path) as first, held_back(first):
        create(first.client("lambda"))
    with served_api(folder=tmp_path) as second:
        client = second.client("lambda")
        client.get_waiter("function_active_v2").wait(FunctionName="echo", WaiterConfig=SOON)
        assert client.invoke(FunctionName="echo")["StatusCode"] == 200


def test_update_that_went_on_at_the_end_is_done_by_the_next(tmp_path: Path) -> None:
    with served_api(folder=tmp_path) as first:
        made(first.client("lambda"))
        with held_back(first):
            first.client("lambda").update_function_configuration(
                FunctionName="echo", MemorySize=256
            )
    with served_api(folder=tmp_path) as second:
        client = second.client("lambda")
        updated(client)
        assert client.get_function_configuration(FunctionName="echo")["MemorySize"] == 256


def test_deleted_function_stays_deleted_and_its_code_is_swept_away(tmp_path: Path) -> None:
    with served_api(folder=tmp_path) as first:
        client = first.client("lambda")
        made(client)
        made(client, "kept", Code={"ZipFile": zipped({"app.py": "kept"})})
        client.delete_function(FunctionName="echo")
    with served_api(folder=tmp_path) as second:
        client = second.client("lambda")
        with pytest.raises(ClientError, match="Function not found"):
            client.get_function(FunctionName="echo")
        location = client.get_function(FunctionName="kept")["Code"]["Location"]
        assert httpx.get(location).content == zipped({"app.py": "kept"})
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        assert database.execute("SELECT count(*) FROM archives").fetchone() == (1,)


def _described(client: Any) -> list[Any]:
    calls = [
        client.get_function_configuration(FunctionName="echo"),
        client.get_function_configuration(FunctionName="echo", Qualifier="1"),
        client.get_alias(FunctionName="echo", Name="live"),
        client.list_layers(),
        client.list_tags(Resource="arn:aws:lambda:us-east-1:123456789012:function:echo"),
    ]
    for answer in calls:
        del answer["ResponseMetadata"]
    return calls
