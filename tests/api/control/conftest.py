"""A served emulator whose functions are made by boto3; sandboxes are acted out."""

from __future__ import annotations

import contextlib
import io
import zipfile
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.services.conftest import served_api

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.api.control.made import Made
    from tests.api.services.conftest import ServedApi

ECHO = MappingProxyType({"app.py": "def echo(event, context): return event"})
SOON = MappingProxyType({"Delay": 0.02, "MaxAttempts": 3000})
"""How a waiter of boto3 looks: fifty times a second instead of once in one or five seconds."""
ROLE = "arn:aws:iam::123456789012:role/any"


@pytest.fixture
def api(tmp_path: pytest.TempPathFactory) -> Iterator[ServedApi]:
    with served_api(folder=tmp_path) as here:
        yield here


@pytest.fixture
def client(api: ServedApi) -> Iterator[Any]:
    with contextlib.closing(api.client("lambda")) as client:
        yield client


@pytest.fixture(name="made")
def made_function(api: ServedApi, client: Any) -> Made:
    """A function of the name f, which is Active."""
    from tests.api.control.made import Made  # noqa: PLC0415  # it builds on this module

    made(client, "f")
    return Made(api, client, "f")


def zipped(files: Mapping[str, str | bytes] = ECHO) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def create(client: Any, name: str = "echo", **more: Any) -> dict[str, Any]:
    """Creates a function that echoes, and returns the answer."""
    asked = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Role": ROLE,
        "Handler": "app.echo",
        "Code": {"ZipFile": zipped()},
    }
    return client.create_function(**asked | more)


def made(client: Any, name: str = "echo", **more: Any) -> dict[str, Any]:
    """Creates a function and waits until it is Active."""
    answer = create(client, name, **more)
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=SOON)
    return answer


def updated(client: Any, name: str = "echo") -> None:
    """Waits until the last update of a function is done."""
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=SOON)
