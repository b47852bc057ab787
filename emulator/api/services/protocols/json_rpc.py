"""Reads and writes the protocols json 1.0 and 1.1, which CloudWatch speaks. Pure.

The operation stands in X-Amz-Target, all members in a JSON body. Source: the Smithy specification,
"AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.services.protocols.errors import error_members, error_name, error_status
from emulator.api.services.protocols.json_bodies import decoded, encoded
from emulator.api.services.protocols.query_errors import query_error_header
from emulator.api.services.protocols.responses import response, stated_headers
from emulator.api.services.protocols.trees import JsonLeaves, read, write_members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator import errors
    from emulator.api.asgi import HttpResponse
    from emulator.api.services.request import ApiRequest
    from emulator.api.services.service_model import OperationModel, ServiceModel

_LEAVES = JsonLeaves()


class JsonRpc:
    """Speaks json in the version that the service's description names."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._target = model.metadata["targetPrefix"]
        self._content_type = f"application/x-amz-json-{model.metadata['jsonVersion']}".encode()

    def takes(self, request: ApiRequest) -> bool:
        return bool(_target(request)[0] == self._target)

    def operation(self, request: ApiRequest) -> OperationModel | None:
        return self.model.operation(_target(request)[2])

    def arguments(self, request: ApiRequest, operation: OperationModel) -> dict[str, Any]:
        shape = operation.input_shape
        stated = decoded(request.body, "SerializationException")
        return {} if shape is None else dict(read(shape, stated))

    def answer(
        self, operation: OperationModel, members: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        shape = operation.output_shape
        body = b"" if shape is None else encoded(write_members(shape, members, _LEAVES))
        return response(200, body, self._content_type, request_id)

    def refuse(self, error: errors.ServiceError, request_id: str) -> HttpResponse:
        body = encoded(
            {"__type": error_name(self.model, error), **error_members(self.model, error)}
        )
        headers = [*query_error_header(self.model, error), *stated_headers(error)]
        status = error_status(self.model, error)
        return response(status, body, self._content_type, request_id, headers)


def _target(request: ApiRequest) -> tuple[str, str, str]:
    return request.headers.get("x-amz-target", "").partition(".")
