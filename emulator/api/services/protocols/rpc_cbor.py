"""Reads and writes smithy-rpc-v2-cbor, in which today's botocore speaks to CloudWatch. Pure.

The operation stands in the path, all members in a CBOR body. Source: the Smithy specification,
"Smithy RPC v2 CBOR protocol".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cbor2

from emulator.api.services.protocols.errors import error_members, error_name, error_status
from emulator.api.services.protocols.misfits import misfit, unlike
from emulator.api.services.protocols.query_errors import query_error_header
from emulator.api.services.protocols.responses import response, stated_headers
from emulator.api.services.protocols.trees import read, write_members

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from emulator import errors
    from emulator.api.asgi import HttpResponse
    from emulator.api.services.request import ApiRequest
    from emulator.api.services.service_model import OperationModel, ServiceModel

_CBOR = b"application/cbor"
_MARK = (b"smithy-protocol", b"rpc-v2-cbor")
_EPOCH = 1
"""The tag of a time in seconds."""
_DEEPEST = 100


class RpcCbor:
    """Speaks rpc-v2-cbor for one service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._prefix = f"/service/{model.metadata['targetPrefix']}/operation/"

    def takes(self, request: ApiRequest) -> bool:
        return request.path.startswith(self._prefix)

    def operation(self, request: ApiRequest) -> OperationModel | None:
        return self.model.operation(request.path.removeprefix(self._prefix))

    def arguments(self, request: ApiRequest, operation: OperationModel) -> dict[str, Any]:
        shape = operation.input_shape
        stated = _decoded(request.body)
        return {} if shape is None else dict(read(shape, stated))

    def answer(
        self, operation: OperationModel, members: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        shape = operation.output_shape
        tree = {} if shape is None else write_members(shape, members, _CborLeaves())
        return response(200, cbor2.dumps(tree), _CBOR, request_id, [_MARK])

    def refuse(self, error: errors.ServiceError, request_id: str) -> HttpResponse:
        body = cbor2.dumps(
            {"__type": error_name(self.model, error), **error_members(self.model, error)}
        )
        headers = [_MARK, *query_error_header(self.model, error), *stated_headers(error)]
        return response(error_status(self.model, error), body, _CBOR, request_id, headers)


class _CborLeaves:
    """Writes blobs as they are, and times as tagged seconds."""

    def blob(self, value: bytes) -> bytes:
        return value

    def time(self, value: datetime, form: str | None) -> cbor2.CBORTag:  # noqa: ARG002  # one form alone
        return cbor2.CBORTag(_EPOCH, value.timestamp())

    def number(self, value: float) -> float:
        return value


def _decoded(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = cbor2.loads(body, max_depth=_DEEPEST, strict_hashable_types=True)
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise misfit(f"The request body is no CBOR: {error}") from error
    if not isinstance(value, dict):
        raise unlike(value, "structure")
    return value
