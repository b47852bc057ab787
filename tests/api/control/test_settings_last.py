"""All settings of functions outlive the emulator."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from tests.api.control.conftest import made as create
from tests.api.control.conftest import zipped
from tests.api.control.made import Made, invoked, refused
from tests.api.control.test_code_signing import config
from tests.api.control.test_concurrency import provision, reserve, settled
from tests.api.control.test_permissions import add
from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def kept(folder: Path) -> Iterator[Made]:
    """An emulator of a folder, with a function that need not be there yet."""
    with served_api(folder=folder) as api, contextlib.closing(api.client("lambda")) as client:
        yield Made(api, client, "kept")


def settings(made: Made, version: str, code_signing: str, layer: str) -> list[Any]:
    """Everything that is set, as it is shown."""
    of, client = {"FunctionName": made.name}, made.client
    shown = [
        client.get_function_concurrency(**of),
        client.get_function_event_invoke_config(**of),
        client.get_policy(**of),
        client.get_function_code_signing_config(**of),
        client.get_code_signing_config(CodeSigningConfigArn=code_signing),
        client.get_runtime_management_config(**of),
        client.get_function_recursion_config(**of),
        client.get_function_scaling_config(**of, Qualifier=version),
        client.get_layer_version_policy(LayerName=layer, VersionNumber=1),
    ]
    for each in shown:
        del each["ResponseMetadata"]
    return shown


def set_all(made: Made, version: str, code_signing: str, layer: str) -> None:
    of, client = {"FunctionName": made.name}, made.client
    reserve(made, 7)
    provision(made, version, 1)
    client.put_function_event_invoke_config(**of, MaximumRetryAttempts=0)
    add(made, "one")
    client.put_function_code_signing_config(**of, CodeSigningConfigArn=code_signing)
    client.put_runtime_management_config(**of, UpdateRuntimeOn="FunctionUpdate")
    client.put_function_recursion_config(**of, RecursiveLoop="Allow")
    client.put_function_scaling_config(
        **of, Qualifier=version, FunctionScalingConfig={"MaxExecutionEnvironments": 2}
    )
    client.publish_layer_version(LayerName=layer, Content={"ZipFile": zipped()})
    client.add_layer_version_permission(
        LayerName=layer,
        VersionNumber=1,
        StatementId="all",
        Action="lambda:GetLayerVersion",
        Principal="*",
    )


def test_everything_that_was_set_is_in_force_after_a_restart(tmp_path: Path) -> None:
    with kept(tmp_path) as made:
        create(made.client, "kept")
        version, code_signing, layer = made.publish(), config(made)["CodeSigningConfigArn"], "l"
        set_all(made, version, code_signing, layer)
        url = made.client.create_function_url_config(FunctionName="kept", AuthType="NONE")
        before = settings(made, version, code_signing, layer)
    with kept(tmp_path) as made:
        assert settings(made, version, code_signing, layer) == before
        assert settled(made, version)["Status"] == "READY"
        host = urlsplit(url["FunctionUrl"]).netloc
        answer = httpx.get(made.api.url, headers={"Host": host})
        assert json.loads(answer.content)["version"] == "2.0"
        reserve(made, 1)
        made.client.delete_provisioned_concurrency_config(FunctionName="kept", Qualifier=version)
        reserve(made, 0)


def test_reservation_of_none_is_in_force_after_a_restart(tmp_path: Path) -> None:
    with kept(tmp_path) as made:
        create(made.client, "kept")
        reserve(made, 0)
    with kept(tmp_path) as made:
        with refused("TooManyRequestsException", status=429):
            invoked(made.client, "kept")
        made.client.delete_function_concurrency(FunctionName="kept")
        assert invoked(made.client, "kept")["StatusCode"] == 200
