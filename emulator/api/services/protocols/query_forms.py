"""Reads an input's members from a form's fields, `Dimensions.member.1.Name=…`. Pure.

Source: the Smithy specification, "AWS Query protocol", on query key resolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.api.services.protocols.texts import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.services.service_model import Shape

_Node = dict[str, "_Node | str"]
_DEEPEST = 32


def read_form(shape: Shape, fields: Mapping[str, str]) -> dict[str, Any]:
    """Returns the members of a structure that a form's fields name.

    Raises:
        ServiceError: a field's text is no value of its member.
    """
    return _structure(shape, _tree(fields))


def _tree(fields: Mapping[str, str]) -> _Node:
    root: _Node = {}
    for name, text in fields.items():
        *parts, last = name.split(".")
        if len(parts) > _DEEPEST:
            continue
        node = root
        for part in parts:
            inner = node.get(part)
            if not isinstance(inner, dict):
                inner = node[part] = {}
            node = inner
        node.setdefault(last, text)
    return root


def _value(shape: Shape, node: _Node | str) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(shape, _inner(node))
        case "list":
            return _list(shape, _inner(node))
        case "map":
            return _map(shape, _inner(node))
        case _:
            return read_text(shape, node) if isinstance(node, str) else None


def _structure(shape: Shape, node: _Node) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        stated = node.get(member.serialization.get("name", name))
        if stated is not None and (value := _value(member, stated)) is not None:
            found[name] = value
    return found


def _list(shape: Shape, node: _Node) -> list[Any]:
    if not shape.serialization.get("flattened"):
        node = _inner(node.get(shape.member.serialization.get("name", "member"), {}))
    return [_value(shape.member, element) for element in _numbered(node)]


def _map(shape: Shape, node: _Node) -> dict[str, Any]:
    if not shape.serialization.get("flattened"):
        node = _inner(node.get("entry", {}))
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    found = {}
    for entry in map(_inner, _numbered(node)):
        key = entry.get(key_name)
        if isinstance(key, str):
            found[key] = _value(shape.value, entry.get(value_name, ""))
    return found


def _inner(node: _Node | str) -> _Node:
    return node if isinstance(node, dict) else {}


def _numbered(node: _Node) -> list[_Node | str]:
    """Returns elements in the order of their numbers, whatever numbers are left out."""
    numbered = {int(key): value for key, value in node.items() if key.isascii() and key.isdecimal()}
    return [numbered[number] for number in sorted(numbered)]
