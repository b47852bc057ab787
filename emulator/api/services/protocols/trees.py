"""Reads and writes the service model's values as trees of lists and maps (JSON, CBOR). Pure.

What the model does not name is passed over when it is read, and an error when it is written.
"""

from __future__ import annotations

import base64
import binascii
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from emulator.api.services.protocols.misfits import unlike
from emulator.api.services.protocols.timestamps import read_time, write_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.services.service_model import Shape

_BITS = {"integer": 31, "long": 63}
_AS_IT_IS = {"string": str, "boolean": bool, "blob": bytes}
"""Types of the values of which nothing is left to be read."""


# reading


def read(shape: Shape, value: Any) -> Any:
    """Returns a value of the shape; null is None, and no element of a list.

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
                raise unlike(value, "list")
            return [read(shape.member, element) for element in value if element is not None]
        case "map":
            return _read_map(shape, value)
        case kind:
            return _read_simple(kind, value)


def _read_structure(shape: Shape, value: Any) -> Any:
    if getattr(shape, "is_document_type", False):
        return value
    if not isinstance(value, dict):
        raise unlike(value, "structure")
    found = {}
    for name, member in shape.members.items():
        stated = value.get(member.serialization.get("name", name))
        if stated is not None:
            found[name] = read(member, stated)
    return found


def _read_map(shape: Shape, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unlike(value, "map")
    return {
        read(shape.key, key): read(shape.value, element)
        for key, element in value.items()
        if element is not None
    }


def _read_simple(kind: str, value: Any) -> Any:
    if type(value) is _AS_IT_IS.get(kind):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "integer" | "long" if is_number and math.isfinite(value):
            return _read_integer(kind, value)
        case "double" | "float" if is_number:
            return _read_float(kind, value)
        case "blob" if isinstance(value, str):
            return _read_base64(value)
        case "timestamp" if isinstance(value, str | int | float | datetime):
            return _read_timestamp(value)
    raise unlike(value, kind)


def _read_integer(kind: str, value: float) -> int:
    """Returns the whole part, as AWS takes it."""
    whole = int(value)
    if not -(1 << _BITS[kind]) <= whole < 1 << _BITS[kind]:
        raise unlike(value, kind)
    return whole


def _read_float(kind: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise unlike(value, kind) from error


def _read_base64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise unlike(value, "blob") from error


def _read_timestamp(value: Any) -> datetime:
    try:
        return read_time(value)
    except (ValueError, TypeError) as error:
        raise unlike(value, "timestamp") from error


# writing


class Leaves(Protocol):
    """Writes the values that JSON and CBOR have differently."""

    def blob(self, value: bytes) -> Any: ...

    def time(self, value: datetime, form: str | None) -> Any:
        """Returns a time in a form of Smithy's; None for the protocol's own."""

    def number(self, value: float) -> Any: ...


class JsonLeaves:
    """Writes blobs in base64, and times as seconds unless the model says otherwise."""

    def blob(self, value: bytes) -> str:
        return base64.b64encode(value).decode()

    def time(self, value: datetime, form: str | None) -> str | float:
        return write_time(value, form or "unixTimestamp")

    def number(self, value: float) -> float | str:
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def write(shape: Shape, value: Any, leaves: Leaves) -> Any:
    """Returns a value of the shape as a tree; members that are None are left out.

    Raises:
        KeyError: a structure has no such member: the operation is at fault.
    """
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            return write_members(shape, value, leaves)
        case "list":
            return [write(shape.member, element, leaves) for element in value]
        case "map":
            return {key: write(shape.value, element, leaves) for key, element in value.items()}
        case kind:
            return _write_simple(kind, shape, value, leaves)


def _write_simple(kind: str, shape: Shape, value: Any, leaves: Leaves) -> Any:
    match kind:
        case "blob":
            return leaves.blob(value if isinstance(value, bytes) else str(value).encode())
        case "timestamp":
            when = value if isinstance(value, datetime) else read_time(value)
            return leaves.time(when, shape.serialization.get("timestampFormat"))
        case "double" | "float":
            return leaves.number(float(value))
        case _:
            return value


def write_members(shape: Shape, members: Mapping[str, Any], leaves: Leaves) -> dict[str, Any]:
    """Returns a structure's members by their names on the wire."""
    found = {}
    for name, value in members.items():
        member = shape.members[name]
        if value is not None:
            found[member.serialization.get("name", name)] = write(member, value, leaves)
    return found
