"""Words the errors of requests whose values are not of the model's types. Pure.

Source of the sentences: answers of AWS's framework, of which Lambda's (`STRING_VALUE can not be
converted to an Integer`) is recorded in hammerstonedev/sidecar, issue 28; those about lists, maps
and structures were measured by others on a service of the same framework in 2026-09.
"""

from __future__ import annotations

from typing import Any

from emulator.api.services.calls import ServiceError

_JAVA_TYPES = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "double": "a Double",
    "float": "a Float",
    "boolean": "a Boolean",
    "blob": "a ByteBuffer",
    "timestamp": "milliseconds since epoch",
}
_INSTEAD = {
    "structure": "Expected null",
    "list": "Expected list or null",
    "map": "Expected map or null",
}


def misfit(message: str) -> ServiceError:
    """Returns the error of a request that cannot be read."""
    return ServiceError("SerializationException", message, 400)


def unlike(value: Any, kind: str) -> ServiceError:
    """Returns the error of a value of JSON's that is no value of a shape's type."""
    if isinstance(value, dict):
        return misfit("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return misfit("Start of list found where not expected")
    return misfit(
        _INSTEAD.get(kind) or f"{_token(value)} can not be converted to {_JAVA_TYPES[kind]}"
    )


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return f"{str(value).upper()}_VALUE"
    return "NUMBER_VALUE" if isinstance(value, int | float) else "STRING_VALUE"
