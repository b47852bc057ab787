"""An error's members and status, as the service model has them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.services.calls import ServiceError
from emulator.errors import TooManyRequestsError

if TYPE_CHECKING:
    from emulator import errors
    from emulator.api.services.service_model import ServiceModel

_FIRST_SERVER_FAULT = 500


def error_status(model: ServiceModel, error: errors.ServiceError) -> int:
    """Returns the status that the error states, else the model's, else its class's."""
    if not isinstance(error, ServiceError):
        return error.status
    if error.stated_status is not None:
        return error.stated_status
    shape = model.error(error.code)
    described = {} if shape is None else shape.metadata.get("error", {})
    return int(described.get("httpStatusCode", error.status))


def error_members(model: ServiceModel, error: errors.ServiceError) -> dict[str, Any]:
    """Returns the members of an error's body; the message is spelled as in the error's shape."""
    shape = model.error(error.code)
    known = {"Type", "message"} if shape is None else set(shape.members)
    members: dict[str, Any] = {}
    if "Type" in known:
        status = error_status(model, error)
        members["Type"] = "User" if status < _FIRST_SERVER_FAULT else "Service"
    members["Message" if "Message" in known else "message"] = str(error)
    if isinstance(error, ServiceError):
        members |= error.members
    elif isinstance(error, TooManyRequestsError):
        members["Reason"] = error.reason
    return members
