"""An account's quotas are the profile's, and its use is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.core.profiles.aws_2025 import AWS_2025
from tests.api.control.conftest import create, made, zipped
from tests.api.control.holding import refusal
from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from pathlib import Path


def test_code_of_functions_versions_and_layers_is_counted(client: Any) -> None:
    size = len(zipped())
    made(client)
    client.publish_version(FunctionName="echo")
    client.publish_layer_version(LayerName="tools", Content={"ZipFile": zipped()})
    found = client.get_account_settings()
    assert found["AccountUsage"] == {"TotalCodeSize": 3 * size, "FunctionCount": 1}
    assert found["AccountLimit"] == {
        "TotalCodeSize": 80_530_636_800,
        "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 1000,
    }


def test_code_above_a_quota_of_the_profile_is_refused(tmp_path: Path) -> None:
    small = replace(AWS_2025, code=replace(AWS_2025.code, zipped=2000, unzipped=3000, total=4000))
    with served_api(small, folder=tmp_path) as here:
        client = here.client("lambda")
        with pytest.raises(ClientError) as refused:
            create(client, Code={"ZipFile": zipped({"app.py": "x" * 2000})})
        assert refusal(refused) == ("RequestEntityTooLargeException", 413)
        layer = client.publish_layer_version(
            LayerName="tools", Content={"ZipFile": zipped({"a": "x" * 1500})}
        )["LayerVersionArn"]
        with pytest.raises(
            ClientError, match="combined with layers exceeds the maximum"
        ) as refused:
            create(client, Code={"ZipFile": zipped({"app.py": "x" * 1600})}, Layers=[layer])
        assert refusal(refused) == ("InvalidParameterValueException", 400)
        create(client, Code={"ZipFile": zipped({"app.py": "x" * 1500})})
        with pytest.raises(ClientError, match="Code storage limit exceeded") as refused:
            create(client, "other", Code={"ZipFile": zipped({"app.py": "x" * 1500})})
        assert refusal(refused) == ("CodeStorageExceededException", 400)
