"""Reads and writes JSON bodies. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from emulator.api.services.calls import ServiceError
from emulator.api.services.protocols.misfits import misfit, unlike


def decoded(body: bytes, fault: str = "InvalidRequestContentException") -> dict[str, Any]:
    """Returns the JSON object that a body is; an empty body is an empty object.

    Raises:
        ServiceError: the body is something else; `fault` is its code where the body is no JSON.
    """
    try:
        value = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"Could not parse request body into json: {error}"
        raise ServiceError(fault, message, 400) from error
    if isinstance(value, list):
        raise misfit("Start of list found where not expected")
    if not isinstance(value, dict):
        raise unlike(value, "structure")
    return value


def encoded(value: Any) -> bytes:
    """Returns a tree as JSON."""
    return msgspec.json.encode(value)
