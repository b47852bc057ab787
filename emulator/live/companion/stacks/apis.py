"""Clients of the emulator's APIs for the companion, which may ask for whatever a stack needs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from emulator.live.companion.stacks.fitting import fitted

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTERNAL = "X-Testbed-Internal"


class Apis:
    """Calls operations at the gateway, with properties of resources as arguments."""

    def __init__(self, url: str, secret: str) -> None:
        """`secret` is what the emulator knows its companion by."""
        self._url = url
        self._secret = secret
        self._client = cache(self._make_client)

    def call(
        self, service: str, operation: str, region: str, members: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Calls an operation (`CreateFunction`) with those of the members that it has.

        Raises:
            botocore.exceptions.ClientError: the emulator refused.
        """
        client = self._client(service, region)
        model = client.meta.service_model.operation_model(operation)
        arguments = fitted(model.input_shape, members)
        method = getattr(client, _names(client)[operation])
        answer: dict[str, Any] = method(**arguments)
        return answer

    def wait(self, waiter: str, region: str, **arguments: Any) -> None:
        """Waits as one of botocore's waiters of Lambda does, but looks more often."""
        often = {"Delay": 1, "MaxAttempts": 600}
        self._client("lambda", region).get_waiter(waiter).wait(WaiterConfig=often, **arguments)

    def _make_client(self, service: str, region: str) -> Any:
        client = boto3.client(
            service,
            region_name=region,
            endpoint_url=self._url,
            aws_access_key_id="companion",
            aws_secret_access_key="companion",  # noqa: S106  # none
            # the emulator is on this machine, whatever proxy the user has
            config=Config(proxies={}, retries={"max_attempts": 0}),
        )
        client.meta.events.register("before-send", self._mark)
        return client

    def _mark(self, request: Any, **_: Any) -> None:
        if self._secret:
            request.headers[_INTERNAL] = self._secret


def _names(client: Any) -> dict[str, str]:
    return {operation: name for name, operation in client.meta.method_to_api_mapping.items()}
