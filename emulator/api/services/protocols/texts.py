"""Reads and writes simple values as texts: in paths, queries, headers and forms. Pure."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.api.services.protocols.misfits import unlike
from emulator.api.services.protocols.timestamps import read_time, write_time

if TYPE_CHECKING:
    from emulator.api.services.service_model import Shape

_TRUTH = {"true": True, "false": False}
_DIGITS = 20
"""Most characters of a whole number of 64 bits."""


def read_text(shape: Shape, text: str) -> Any:
    """Returns the value of a simple shape that a text means.

    Raises:
        ServiceError: the text means none.
    """
    try:
        match shape.type_name:
            case "integer" | "long":
                return _read_integer(text)
            case "double" | "float":
                return float(text)
            case "boolean":
                return _TRUTH[text.lower()]
            case "timestamp":
                return read_time(text)
            case "blob":
                return base64.b64decode(text, validate=True)
    except (ValueError, KeyError, TypeError, OverflowError, binascii.Error) as error:
        raise unlike(text, shape.type_name) from error
    return text


def _read_integer(text: str) -> int:
    if len(text) > _DIGITS or not text.lstrip("-").isascii():
        raise ValueError(text)
    return int(text)


def write_text(shape: Shape, value: Any, time_form: str) -> str:
    """Returns a simple value as a text; a time in a form of Smithy's unless the model has one."""
    match shape.type_name:
        case "timestamp":
            when = value if isinstance(value, datetime) else read_time(value)
            return str(write_time(when, shape.serialization.get("timestampFormat", time_form)))
        case "boolean":
            return str(bool(value)).lower()
        case "blob":
            return base64.b64encode(value).decode()
        case _:
            return str(value)
