"""Asks the emulator's own API from within the companion's process, in the words of templates.

CloudFormation's properties have the names of Lambda's members, but numbers and flags may be text.
"""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

from emulator.live.companion.acting import acting_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import Shape

_SECRET = "X-Testbed-Internal"  # noqa: S105  # the name of a header
_PATIENCE = 60.0


class OwnApi:
    """Calls the emulator for one account and region."""

    def __init__(self, url: str, secret: str, account: str, region: str) -> None:
        self._url = url
        self._secret = secret
        self._account = account
        self._region = region
        self._clients: dict[str, Any] = {}

    def call(
        self, operation: str, members: Mapping[str, Any], service: str = "lambda"
    ) -> dict[str, Any]:
        """Calls an operation, `CreateFunction`, with members as a template has them.

        Raises:
            botocore.exceptions.ClientError: the emulator refused.
            TypeError: the operation knows no such member.
        """
        client = self._client(service)
        shape = client.meta.service_model.operation_model(operation).input_shape
        name = next(
            python
            for python, model in client.meta.method_to_api_mapping.items()
            if model == operation
        )
        found: dict[str, Any] = getattr(client, name)(**_shaped(shape, members))
        return found

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            client = botocore.session.Session().create_client(
                service,
                region_name=self._region,
                endpoint_url=self._url,
                aws_access_key_id=self._account,
                aws_secret_access_key="testbed",  # noqa: S106  # it knows us by the secret
                config=Config(
                    retries={"max_attempts": 2}, proxies={}, s3={"addressing_style": "path"}
                ),
            )
            client.meta.events.register("before-sign", self._sign)
            self._clients[service] = client
        return self._clients[service]

    def get_api(self, name: str) -> dict[str, Any] | None:
        """Returns an API in front of functions as its document; None where there is none."""
        listed = json.loads(self._ask("GET", "", None))
        return next((document for document in listed if document["id"] == name), None)

    def put_api(self, name: str, document: Mapping[str, Any]) -> None:
        """Puts an API in front of functions."""
        self._ask("PUT", f"/{name}", json.dumps(document).encode())

    def delete_api(self, name: str) -> None:
        """Takes an API away."""
        self._ask("DELETE", f"/{name}", None)

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": "application/json", _SECRET: self._secret}
        request = urllib.request.Request(  # noqa: S310  # the emulator's own address
            f"{self._url}/_testbed/apis{path}", body, headers, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_PATIENCE) as answer:
            told: bytes = answer.read()
        return told

    def _sign(self, request: Any, **_: Any) -> None:
        request.headers[_SECRET] = self._secret
        for name, value in acting_headers().items():
            request.headers[name] = value


def _shaped(shape: Shape, value: Any) -> Any:
    """Returns a template's value as the service model wants that."""
    if shape.type_name == "structure" and isinstance(value, dict):
        unknown = [name for name in value if name not in shape.members]
        if unknown:
            raise TypeError(f"{unknown[0]} is not supported")
        return {name: _shaped(shape.members[name], one) for name, one in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_shaped(shape.member, one) for one in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {str(name): _shaped(shape.value, one) for name, one in value.items()}
    convert = _SCALARS.get(shape.type_name)
    return value if convert is None else convert(value)


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "boolean": lambda value: value is True or str(value).lower() == "true",
    "string": str,
}
