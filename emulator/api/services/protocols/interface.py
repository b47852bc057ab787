"""Declares what each wire form can do; the route needs to know no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.asgi import HttpResponse
    from emulator.api.services.request import ApiRequest
    from emulator.api.services.service_model import OperationModel, ServiceModel
    from emulator.errors import ServiceError


class WireForm(Protocol):
    """Speaks one protocol for one service."""

    model: ServiceModel

    def takes(self, request: ApiRequest) -> bool:
        """Returns whether a request, of which only the head is there, is of this form."""

    def operation(self, request: ApiRequest) -> OperationModel | None:
        """Returns the operation that a whole request asks for; None where there is none such."""

    def arguments(self, request: ApiRequest, operation: OperationModel) -> dict[str, Any]:
        """Reads the members of the operation's input, unchecked.

        Raises:
            ServiceError: the request is not of the form.
        """

    def answer(
        self, operation: OperationModel, members: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Writes the answer of an operation."""

    def refuse(self, error: ServiceError, request_id: str) -> HttpResponse:
        """Writes an error."""
