"""Functions of a template are functions of the API as well."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import httpx
import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.errors import BuildError
from emulator.live.functions.template_events import NO_EVENTS, TemplateEvents
from tests.api.control.conftest import made, updated
from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.services.conftest import ServedApi


@pytest.fixture
def template(tmp_path: Path) -> FunctionConfiguration:
    folder, layer = tmp_path / "function", tmp_path / "layer"
    folder.mkdir()
    layer.mkdir()
    (folder / "app.py").write_text("echo = print")
    (layer / "tools.txt").write_text("1")
    return FunctionConfiguration(
        "echo",
        "python3.13",
        "app.echo",
        memory_mb=256,
        code=str(folder),
        layers=(str(layer),),
        reserved_concurrency=7,
    )


def deploy(
    api: ServedApi, *templates: FunctionConfiguration, events: TemplateEvents = NO_EVENTS
) -> None:
    """Deploys what a template has, as an emulator does when it starts."""

    async def begin() -> None:
        deployer = api.functions.deployer
        await deployer.forget_templates([template.name for template in templates])
        for template in templates:
            await deployer.deploy(template, print, events)

    api.run(begin())


def test_function_is_shown_listed_and_invoked(
    api: ServedApi, client: Any, template: FunctionConfiguration
) -> None:
    deploy(api, template)
    found = client.get_function(FunctionName="echo")
    assert found["Configuration"]["MemorySize"] == 256
    assert found["Configuration"]["State"] == "Active"
    assert len(found["Configuration"]["CodeSha256"]) == 44
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    with zipfile.ZipFile(io.BytesIO(httpx.get(found["Code"]["Location"]).content)) as code:
        assert code.read("app.py") == b"echo = print"
    assert [f["FunctionName"] for f in client.list_functions()["Functions"]] == ["echo"]
    assert json.load(client.invoke(FunctionName="echo", Payload=b"3")["Payload"]) == 3


def test_published_version_keeps_code_that_changes_afterwards(
    api: ServedApi, client: Any, template: FunctionConfiguration, tmp_path: Path
) -> None:
    deploy(api, template)
    assert [client.publish_version(FunctionName="echo")["Version"] for _ in range(2)] == ["1", "1"]
    (tmp_path / "function/app.py").write_text("echo = repr")
    deploy(api, template)
    assert client.publish_version(FunctionName="echo")["Version"] == "2"
    location = client.get_function(FunctionName="echo", Qualifier="1")["Code"]["Location"]
    with zipfile.ZipFile(io.BytesIO(httpx.get(location).content)) as code:
        assert code.read("app.py") == b"echo = print"
    assert client.invoke(FunctionName="echo", Qualifier="1")["ExecutedVersion"] == "1"


def test_template_wins_over_what_the_api_changed_and_versions_stay(
    tmp_path: Path, template: FunctionConfiguration
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with served_api(folder=state) as first:
        client = first.client("lambda")
        deploy(first, template)
        client.publish_version(FunctionName="echo")
        client.create_alias(FunctionName="echo", Name="live", FunctionVersion="1")
        client.update_function_configuration(FunctionName="echo", MemorySize=512)
        updated(client)
    with served_api(folder=state) as second:
        client = second.client("lambda")
        deploy(second, template)
        assert client.get_function_configuration(FunctionName="echo")["MemorySize"] == 256
        assert client.invoke(FunctionName="echo", Qualifier="live")["ExecutedVersion"] == "1"


def test_function_goes_with_its_template_and_those_made_by_api_stay(
    tmp_path: Path, template: FunctionConfiguration
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with served_api(folder=state) as first:
        deploy(first, template)
        made(first.client("lambda"), "own")
    with served_api(folder=state) as second:
        deploy(second)
        listed = second.client("lambda").list_functions()["Functions"]
        assert [function["FunctionName"] for function in listed] == ["own"]


def test_template_whose_folder_is_missing_is_told(
    api: ServedApi, template: FunctionConfiguration, tmp_path: Path
) -> None:
    (tmp_path / "layer/tools.txt").unlink()
    (tmp_path / "layer").rmdir()
    with pytest.raises(BuildError, match="layer is not a folder"):
        deploy(api, template)


def test_function_has_the_event_settings_of_its_template_and_no_others(
    api: ServedApi, client: Any, template: FunctionConfiguration
) -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:letters"
    deploy(api, template, events=TemplateEvents({"MaximumRetryAttempts": 1}, queue))
    found = client.get_function_event_invoke_config(FunctionName="echo")
    assert (found["MaximumRetryAttempts"], found["DestinationConfig"]["OnFailure"]) == (1, {})
    kept = client.get_function_configuration(FunctionName="echo")
    assert kept["DeadLetterConfig"] == {"TargetArn": queue}
    deploy(api, template)
    assert client.list_function_event_invoke_configs(FunctionName="echo") == {
        "FunctionEventInvokeConfigs": [],
        "ResponseMetadata": ANY,
    }
