"""Properties of a CloudFormation resource as members of an API operation. Pure.

The two have the same names. CloudFormation takes numbers and truth values as texts, and tags as a
list of pairs, which the API does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUTH = {"true": True, "false": False}
Shape = Any
"""A shape of botocore's, which has no types."""


def fitted(shape: Shape, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of the properties that are members of the shape, in the members' types."""
    return {
        name: _value(shape.members[name], value)
        for name, value in properties.items()
        if name in shape.members and value is not None
    }


def _value(shape: Shape, value: Any) -> Any:  # noqa: PLR0911  # a case a type
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            return fitted(shape, value)
        case "list" if isinstance(value, list):
            return [_value(shape.member, element) for element in value]
        case "map" if isinstance(value, list):
            return {pair["Key"]: _value(shape.value, pair["Value"]) for pair in value}
        case "map" if isinstance(value, dict):
            return {key: _value(shape.value, element) for key, element in value.items()}
        case "integer" | "long" if isinstance(value, str):
            return int(value)
        case "double" | "float" if isinstance(value, str):
            return float(value)
        case "boolean" if isinstance(value, str):
            return _TRUTH[value.lower()]
        case "string" if isinstance(value, bool):
            return str(value).lower()
        case "string" if isinstance(value, int | float):
            return str(value)
    return value
