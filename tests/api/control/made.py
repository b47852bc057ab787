"""A function that boto3 has made, for the tests of its settings, and how refusals are expected."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import SOON, updated, zipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.services.conftest import ServedApi

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
_NUMBERS = itertools.count(1)


@dataclass
class Made:
    """A function that is Active; `client` is boto3's."""

    api: ServedApi
    client: Any
    name: str

    @property
    def arn(self) -> str:
        return f"{ARN}{self.name}"

    def publish(self, text: str = "") -> str:
        """Publishes a version with other code, and returns its number once it is Active."""
        code = zipped({"app.py": f"{text}\n# {next(_NUMBERS)}"})
        self.client.update_function_code(FunctionName=self.name, ZipFile=code)
        updated(self.client, self.name)
        version: str = self.client.publish_version(FunctionName=self.name)["Version"]
        self.client.get_waiter("function_active_v2").wait(
            FunctionName=self.name,
            Qualifier=version,
            WaiterConfig=SOON,
        )
        return version

    def alias(self, name: str, version: str) -> str:
        self.client.create_alias(FunctionName=self.name, Name=name, FunctionVersion=version)
        return name


def invoked(client: Any, name: str, **more: Any) -> Any:
    """Invokes a function; the answer's Payload is read, so that its connection can be closed."""
    answer = client.invoke(FunctionName=name, **more)
    answer["Payload"] = answer["Payload"].read()
    return answer


@contextmanager
def refused(code: str, message: str = "", status: int = 400) -> Iterator[None]:
    """Expects that what its block asks for is refused, in these words where some are given."""
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    found = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    assert found == (code, status), response
    if message:
        assert response["Error"]["Message"] == message
