"""Tells the service and the protocol of a request by its head. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from emulator.api.services.protocols.json_rpc import JsonRpc
from emulator.api.services.protocols.query_xml import QueryXml
from emulator.api.services.protocols.rest_json import DATED, RestJson
from emulator.api.services.protocols.rpc_cbor import RpcCbor
from emulator.api.services.service_model import load

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.api.services.protocols.interface import WireForm
    from emulator.api.services.request import ApiRequest

_UNSERVED = ("lambda-core", "lambda-microvms", "lambda-web")
"""Services whose requests are signed for Lambda, and of which every operation answers 501."""
_PROTOCOLS: dict[str, type[JsonRpc | QueryXml | RpcCbor]] = {
    "smithy-rpc-v2-cbor": RpcCbor,
    "json": JsonRpc,
    "query": QueryXml,
}


class WireForms:
    """Knows every protocol of the services that are served, and Lambda's own in any case."""

    def __init__(self, services: Collection[str]) -> None:
        self._lambda = RestJson(load("lambda"))
        self._others: list[WireForm] = [
            _PROTOCOLS[name](model)
            for model in map(load, sorted(set(services) - {"lambda"}))
            for name in model.metadata["protocols"]
        ]

    def may_be_for(self, path: str) -> bool:
        """Returns whether any API has such a path, at the cost of a look at its start."""
        return path == "/" or path.startswith(("/2", "/service/"))

    def of(self, request: ApiRequest) -> WireForm | None:
        """Returns the form in which to serve a request; None where the request is for no API."""
        if DATED.match(request.path) is None:
            return next((form for form in self._others if form.takes(request)), None)
        if self._lambda.takes(request):
            return self._lambda
        signer = request.signer
        if signer is None or signer.service != "lambda":
            return None
        return next((form for form in self._unserved if form.takes(request)), self._lambda)

    @cached_property
    def _unserved(self) -> list[WireForm]:
        return [RestJson(load(name)) for name in _UNSERVED]
