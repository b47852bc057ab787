"""Layers are published, found, listed and deleted, and lie in the functions that name them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from emulator.core.model import VersionKey
from tests.api.control.conftest import create, made, updated, zipped
from tests.api.control.holding import refusal

if TYPE_CHECKING:
    from tests.api.services.conftest import ServedApi

LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:tools"


def publish(client: Any, text: str = "1", name: str = "tools", **more: Any) -> dict[str, Any]:
    content = {"ZipFile": zipped({"python/tools.py": text})}
    return client.publish_layer_version(LayerName=name, Content=content, **more)


def opt(api: ServedApi) -> list[str]:
    """Returns the texts of the layers of the function, in order."""
    configuration = api.engine.configuration(VersionKey.of("echo"))
    return [(Path(folder) / "python/tools.py").read_text() for folder in configuration.layers]


def test_layer_is_described_as_lambda_does(client: Any) -> None:
    code = zipped({"python/tools.py": "1"})
    answer = publish(client, Description="d", CompatibleRuntimes=["python3.13"], LicenseInfo="MIT")
    expected = {
        "LayerArn": LAYER,
        "LayerVersionArn": f"{LAYER}:1",
        "Version": 1,
        "Description": "d",
        "CompatibleRuntimes": ["python3.13"],
        "LicenseInfo": "MIT",
    }
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert expected.items() <= answer.items()
    sha256 = base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert answer["Content"]["CodeSha256"] == sha256
    assert answer["Content"]["CodeSize"] == len(code)
    found = client.get_layer_version(LayerName="tools", VersionNumber=1)
    by_arn = client.get_layer_version_by_arn(Arn=f"{LAYER}:1")
    assert expected.items() <= found.items()
    assert expected.items() <= by_arn.items()
    assert httpx.get(found["Content"]["Location"]).content == code


def test_layers_lie_in_the_order_in_which_they_are_named(api: ServedApi, client: Any) -> None:
    one, two = (publish(client, text, f"tools{text}")["LayerVersionArn"] for text in ("1", "2"))
    answer = made(client, Layers=[two, one])
    assert [layer["Arn"] for layer in answer["Layers"]] == [two, one]
    client.invoke(FunctionName="echo")
    assert opt(api) == ["2", "1"]
    client.update_function_configuration(FunctionName="echo", Layers=[one])
    updated(client)
    assert opt(api) == ["1"]
    client.update_function_configuration(FunctionName="echo", Layers=[])
    updated(client)
    assert client.get_function_configuration(FunctionName="echo")["Layers"] == []


def test_new_code_keeps_the_layers(api: ServedApi, client: Any) -> None:
    made(client, Layers=[publish(client)["LayerVersionArn"]])
    client.update_function_code(FunctionName="echo", ZipFile=zipped({"app.py": "2"}))
    updated(client)
    assert opt(api) == ["1"]


def test_deleted_layer_goes_on_serving_the_functions_that_have_it(
    api: ServedApi, client: Any
) -> None:
    arn = publish(client)["LayerVersionArn"]
    made(client, Layers=[arn])
    for _ in range(2):  # the second time nothing happens
        client.delete_layer_version(LayerName="tools", VersionNumber=1)
    with pytest.raises(ClientError) as refused:
        client.get_layer_version(LayerName="tools", VersionNumber=1)
    assert refusal(refused) == ("ResourceNotFoundException", 404)
    client.update_function_configuration(FunctionName="echo", Timeout=4)
    updated(client)
    assert opt(api) == ["1"]
    with pytest.raises(ClientError, match="does not exist"):
        create(client, "other", Layers=[arn])
    assert publish(client)["Version"] == 2


def test_layers_are_listed_with_their_latest_fitting_version(client: Any) -> None:
    publish(client, CompatibleRuntimes=["python3.13"])
    publish(client, "2", CompatibleRuntimes=["python3.12"])
    publish(client, "3", "others")
    layers = client.list_layers()["Layers"]
    assert [layer["LayerName"] for layer in layers] == ["others", "tools"]
    assert layers[1]["LatestMatchingVersion"]["Version"] == 2
    fitting = client.list_layers(CompatibleRuntime="python3.13")["Layers"]
    assert [layer["LatestMatchingVersion"]["LayerVersionArn"] for layer in fitting] == [
        f"{LAYER}:1"
    ]
    versions = client.list_layer_versions(LayerName="tools")["LayerVersions"]
    assert [version["Version"] for version in versions] == [2, 1]


def test_layers_that_lambda_refuses_are_refused(client: Any) -> None:
    arns = [publish(client, str(n), f"tools{n}")["LayerVersionArn"] for n in range(6)]
    with pytest.raises(ClientError, match="Cannot reference more than 5 layers"):
        create(client, Layers=arns)
    again = publish(client, "x", "tools0")["LayerVersionArn"]
    with pytest.raises(ClientError, match="Two different versions of the same layer"):
        create(client, Layers=[arns[0], again])
    with pytest.raises(ClientError, match="Could not unzip"):
        client.publish_layer_version(LayerName="tools", Content={"ZipFile": b"no zip"})
