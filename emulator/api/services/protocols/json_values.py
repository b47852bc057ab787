"""Values of the service model as JSON has them, in both directions. Pure.

What the model does not name is passed over when it is read, and an error when it is written.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.api.services.calls import ServiceError
from emulator.api.services.protocols.timestamps import read_time, write_time

if TYPE_CHECKING:
    from emulator.api.services.service_model import Shape

_JAVA_TYPES = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "double": "Double",
    "float": "Float",
    "boolean": "Boolean",
    "timestamp": "Date",
    "blob": "ByteBuffer",
}


def decoded(body: bytes) -> dict[str, Any]:
    """Returns the JSON object that a body is; an empty body is an empty object.

    Raises:
        ServiceError: the body is something else.
    """
    try:
        value = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"Could not parse request body into json: {error}"
        raise ServiceError("InvalidRequestContentException", message, 400) from error
    if not isinstance(value, dict):
        raise _misfit("Start of structure or map found where not expected")
    return value


def read(shape: Shape, value: Any) -> Any:
    """Returns a value of the shape; null is None everywhere.

    Raises:
        ServiceError: the value is of another type.
    """
    if value is None:
        return None
    match shape.type_name:
        case "structure":
            return _read_structure(shape, value)
        case "list":
            if not isinstance(value, list):
                raise _unlike(value, "list")
            return [read(shape.member, element) for element in value]
        case "map":
            if not isinstance(value, dict):
                raise _unlike(value, "map")
            return {key: read(shape.value, element) for key, element in value.items()}
        case kind:
            return _read_simple(kind, value)


def _read_structure(shape: Shape, value: Any) -> dict[str, Any]:
    if getattr(shape, "is_document_type", False):
        return value  # type: ignore[no-any-return]  # any JSON
    if not isinstance(value, dict):
        raise _unlike(value, "structure")
    found = {}
    for name, member in shape.members.items():
        key = member.serialization.get("name", name)
        if value.get(key) is not None:
            found[name] = read(member, value[key])
    return found


def _read_simple(kind: str, value: Any) -> Any:
    if isinstance(value, list | dict):
        raise _unlike(value, kind)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "string" if isinstance(value, str):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case "integer" | "long" if is_number:
            return int(value)
        case "double" | "float" if is_number:
            return float(value)
        case "blob" if isinstance(value, str):
            return _read_blob(value)
        case "timestamp":
            return _read_timestamp(value)
    raise _unlike(value, kind)


def _read_blob(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _misfit("Invalid Base64 character in a blob") from error


def _read_timestamp(value: Any) -> Any:
    try:
        return read_time(value)
    except (ValueError, TypeError) as error:
        raise _unlike(value, "timestamp") from error


def _unlike(value: Any, kind: str) -> ServiceError:
    if isinstance(value, dict):
        return _misfit("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return _misfit("Start of list found where not expected")
    if kind in ("structure", "list", "map"):
        return _misfit(
            "Unexpected field type" if kind == "structure" else f"Expected {kind} or null"
        )
    return _misfit(f"{_token(value)} can not be converted to {_JAVA_TYPES[kind]}")


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return f"{str(value).upper()}_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"


def _misfit(message: str) -> ServiceError:
    return ServiceError("SerializationException", message, 400)


def write(shape: Shape, value: Any, time_form: str = "unixTimestamp") -> Any:
    """Returns a value of the shape as JSON has it; members that are None are left out."""
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            return write_structure(shape, value, time_form)
        case "list":
            return [write(shape.member, element, time_form) for element in value]
        case "map":
            return {key: write(shape.value, element, time_form) for key, element in value.items()}
        case "blob" if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        case "timestamp":
            return write_time(value, shape.serialization.get("timestampFormat", time_form))
        case _:
            return value


def write_structure(
    shape: Shape, members: Mapping[str, Any], time_form: str = "unixTimestamp"
) -> dict[str, Any]:
    """Returns a structure as JSON has it.

    Raises:
        KeyError: the shape has no such member: the operation is at fault.
    """
    found = {}
    for name, value in members.items():
        member = shape.members[name]
        if value is not None:
            key = member.serialization.get("name", name)
            found[key] = write(member, value, time_form)
    return found
