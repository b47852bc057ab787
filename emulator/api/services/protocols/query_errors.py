"""Names errors as clients know them that once spoke the query protocol. Pure.

Source: the Smithy specification, "awsQueryCompatible trait".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.services.protocols.errors import is_senders_fault

if TYPE_CHECKING:
    from emulator import errors
    from emulator.api.services.protocols.responses import Header
    from emulator.api.services.service_model import ServiceModel


def query_code(model: ServiceModel, error: errors.ServiceError) -> str:
    """Returns the code that the error has in the query protocol (`ValidationError`)."""
    shape = model.error(error.code)
    described = {} if shape is None else shape.metadata.get("error", {})
    return str(described.get("code", error.code))


def at_fault(model: ServiceModel, error: errors.ServiceError) -> str:
    """Returns the query protocol's word for who is at fault."""
    return "Sender" if is_senders_fault(model, error) else "Receiver"


def query_error_header(model: ServiceModel, error: errors.ServiceError) -> list[Header]:
    """Returns the header with the older code; none for a service that never had one."""
    if "awsQueryCompatible" not in model.metadata:
        return []
    value = f"{query_code(model, error)};{at_fault(model, error)}"
    return [(b"x-amzn-query-error", value.encode())]
