"""Finds an error's members and status, as the service model has them. Pure.

Errors that the model does not know come from AWS's framework: they have a message and no Type, and
its spelling is as recorded for Lambda (`{"message":"1 validation error detected: …"}`,
`{"Message":"STRING_VALUE can not be converted to an Integer"}`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.services.calls import ServiceError
from emulator.errors import TooManyRequestsError

if TYPE_CHECKING:
    from emulator import errors
    from emulator.api.services.service_model import ServiceModel

_FIRST_SERVER_FAULT = 500
_SPELLED_LARGE = frozenset({"SerializationException", "AccessDeniedException"})


def error_status(model: ServiceModel, error: errors.ServiceError) -> int:
    """Returns the status that the error states, else the model's, else its class's."""
    if not isinstance(error, ServiceError):
        return error.status
    if error.stated_status is not None:
        return error.stated_status
    shape = model.error(error.code)
    described = {} if shape is None else shape.metadata.get("error", {})
    return int(described.get("httpStatusCode", error.status))


def is_senders_fault(model: ServiceModel, error: errors.ServiceError) -> bool:
    """Returns whether the caller is at fault, and not the service."""
    return error_status(model, error) < _FIRST_SERVER_FAULT


def error_name(model: ServiceModel, error: errors.ServiceError) -> str:
    """Returns the name of the error's shape, which is not its code where it once had another."""
    shape = model.error(error.code)
    return error.code if shape is None else str(shape.name)


def error_members(model: ServiceModel, error: errors.ServiceError) -> dict[str, Any]:
    """Returns the members of an error's body; the message is spelled as in the error's shape."""
    shape = model.error(error.code)
    known = set() if shape is None else set(shape.members)
    members: dict[str, Any] = {}
    if "Type" in known:
        members["Type"] = "User" if is_senders_fault(model, error) else "Service"
    spelled_large = "Message" in known or (shape is None and error.code in _SPELLED_LARGE)
    members["Message" if spelled_large else "message"] = str(error)
    if isinstance(error, ServiceError):
        members |= error.members
    elif isinstance(error, TooManyRequestsError):
        members["Reason"] = error.reason
    return members
