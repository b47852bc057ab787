"""`testbed deploy` against an emulator whose sandboxes are acted out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from emulator.cli import main
from tests.api.services.conftest import ServedApi, served_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Size: {Type: Number, Default: 128}}
Resources:
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.echo
      Runtime: python3.13
      MemorySize: !Ref Size
      Layers: [!Ref Shared]
      AutoPublishAlias: live
      Policies: [SQSPollerPolicy: {QueueName: q}]
      Events:
        Get: {Type: HttpApi, Properties: {Path: /x, Method: GET}}
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[ServedApi]:
    for folder in ("shop", "shop/code", "shop/layer", "state"):
        (tmp_path / folder).mkdir()
    (tmp_path / "shop" / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "shop" / "code" / "app.py").write_text("def echo(event, context): return event\n")
    (tmp_path / "shop" / "layer" / "data").write_text("1")
    with served_api(folder=tmp_path / "state") as served:
        yield served


def test_project_is_deployed_and_updated(
    here: ServedApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["deploy", str(tmp_path / "shop" / "template.yaml"), "--url", here.url, "--json"]
    outcomes = []
    for more in ([], [], ["--parameter", "Size=256"]):
        assert main([*command, *more]) == 0
        rows = json.loads(capsys.readouterr().out)
        outcomes.append({row["kind"]: row["outcome"] for row in rows})
    assert outcomes == [
        {"layer": "published", "function": "created", "route": "served"},
        {"layer": "unchanged", "function": "unchanged", "route": "served"},
        {"layer": "unchanged", "function": "updated", "route": "served"},
    ]
    function = here.client("lambda").get_function(FunctionName="Worker", Qualifier="live")
    assert function["Configuration"]["MemorySize"] == 256
    event = httpx.get(f"{here.url}/x").json()
    assert event["requestContext"]["apiId"] == "shop-serverlesshttpapi"


def test_table_names_what_was_deployed_and_where(
    here: ServedApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = str(tmp_path / "shop" / "template.yaml")
    assert main(["deploy", template, "--url", here.url, "--stack", "My Shop"]) == 0
    told = capsys.readouterr()
    assert "Worker:live" in told.out
    assert "GET http://my-shop-serverlesshttpapi.execute-api.localhost:0/x" in told.out
    assert "WorkerRole was not made: Nobody serves iam" in told.err
    assert "WorkerRole is without SQSPollerPolicy" in told.err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--parameter", "Size"], "--parameter: 'Size' is not NAME=VALUE."),
        (["--parameter", "Other=1"], "'Other' is given, and no parameter of this template"),
        (["--url", "http://127.0.0.1:9"], "No emulator answers at http://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_deployed_is_a_sentence(
    here: ServedApi,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    sentence: str,
) -> None:
    template = str(tmp_path / "shop" / "template.yaml")
    assert main(["deploy", template, "--url", here.url, *more]) != 0
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--account", "1", "--account: '1' is no account: twelve digits."),
        ("--region", "here", "--region: 'here' is no region (eu-central-1)."),
    ],
)
def test_home_that_is_none_is_told_before_anything_is_asked(
    option: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deploy", "none.yaml", option, value]) == 2
    assert capsys.readouterr().err == f"testbed: {sentence}\n"


def test_what_is_waited_for_is_told_once(
    here: ServedApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deploy", str(tmp_path / "shop" / "template.yaml"), "--url", here.url]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(set(told))
