"""Functions made through boto3, for the tests of their settings."""

from __future__ import annotations

import io
import itertools
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.services.conftest import ServedApi, api  # noqa: F401  # a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "arn:aws:iam::123456789012:role/r"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
_NUMBERS = itertools.count(1)


def zipped(text: str = "def handler(event, context): return event") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("app.py", text)
    return held.getvalue()


@dataclass
class Made:
    """A function of its own for one test; `client` is boto3's."""

    api: ServedApi
    client: Any
    name: str

    @property
    def arn(self) -> str:
        return f"{ARN}{self.name}"

    def publish(self, text: str = "") -> str:
        """Publishes a version with other code, and returns its number."""
        self.client.update_function_code(
            FunctionName=self.name, ZipFile=zipped(f"# {text or next(_NUMBERS)}")
        )
        self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        version: str = self.client.publish_version(FunctionName=self.name)["Version"]
        self.client.get_waiter("function_active_v2").wait(
            FunctionName=self.name, Qualifier=version
        )
        return version

    def alias(self, name: str, version: str) -> str:
        self.client.create_alias(FunctionName=self.name, Name=name, FunctionVersion=version)
        return name


def create(client: Any, name: str, **more: Any) -> None:
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.echo",
        Role=ROLE,
        Code={"ZipFile": zipped()},
        **more,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)


@pytest.fixture
def made(api: ServedApi) -> Made:  # noqa: F811  # the fixture
    client = api.client("lambda")
    name = f"f{next(_NUMBERS)}"
    create(client, name)
    return Made(api, client, name)


class Refusal(dict[str, Any]):
    """An error's Code, Message and status, once its block has ended."""


@contextmanager
def refused(code: str, message: str = "", status: int = 400) -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (
        code,
        status,
    ), response
    if message:
        assert response["Error"]["Message"] == message
