"""Serves InvokeAsync, by which functions were invoked asynchronously before Invoke could (2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api import xray
from emulator.api.control.collaborators import reference
from emulator.api.invoke.request import check_json
from emulator.core.tenancy import TENANT_WANTED
from emulator.errors import EventTooLargeError, InvalidParameterValueError
from emulator.live.request_id import new_trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.live.asynchronous.event_queue import EventQueue


def invoke_async_operations(control: Control, queue: EventQueue) -> Mapping[str, Operation]:
    """Returns the operation by its name."""

    async def invoke_async(call: Call) -> dict[str, Any]:
        asked = reference(call)
        if control.catalog.find(asked).members.get("TenancyConfig"):
            raise InvalidParameterValueError(TENANT_WANTED)  # there is no member for one
        payload, limit = _payload(call), control.profile.async_request_limit
        if len(payload) > limit:
            raise EventTooLargeError(
                f"Request must be smaller than {limit} bytes for the InvokeAsync operation"
            )
        check_json(payload)
        sent = call.headers.get(xray.HEADER.decode(), "")
        await queue.accept(
            asked.arn,
            payload or b"{}",
            xray.continued(sent) if sent else new_trace(),
            request_id=call.request_id,
        )
        return {"Status": 202}

    return {"InvokeAsync": invoke_async}


def _payload(call: Call) -> bytes:
    found = call.arguments.get("InvokeArgs") or b""
    return found if isinstance(found, bytes) else bytes(found)
