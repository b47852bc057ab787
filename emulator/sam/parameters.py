"""Reads a template's parameters: each has the value that is given for it, or its default.

Source: CloudFormation user guide, "Parameters". What a value must be like (AllowedValues and such)
is the template's own affair, and not checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from emulator.sam.loader import line_of
from emulator.sam.nodes import TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaml.nodes import Node

    from emulator.sam.nodes import Entry, NodeReader

_KNOWN = (
    *("Type", "Default", "Description", "AllowedValues", "AllowedPattern", "NoEcho"),
    *("ConstraintDescription", "MaxLength", "MinLength", "MaxValue", "MinValue"),
)
_SSM = "AWS::SSM::Parameter::Value"


def parameters(
    section: Entry | None, given: Mapping[str, str], nodes: NodeReader
) -> dict[str, Node]:
    """Returns each parameter's value, as a node at the parameter's line."""
    found: dict[str, Node] = {}
    for name, entry in nodes.entries(section.node, "Parameters").items() if section else ():
        parts = nodes.entries(entry.node, name, _KNOWN)
        kind = _kind(name, entry, parts, nodes)
        value = _value(name, entry, parts, given, nodes)
        if value is not None:
            found[name] = _listed(value) if "List<" in kind or kind.endswith("List") else value
    for name in given:
        if name not in found and not nodes.faults:
            nodes.faults.add(1, f"'{name}' is given, and no parameter of this template")
    return found


def _kind(name: str, entry: Entry, parts: Mapping[str, Entry], nodes: NodeReader) -> str:
    if "Type" not in parts:
        nodes.faults.add(entry.line, f"{name} needs Type")
        return ""
    kind = nodes.text(parts["Type"].node, f"{name}: Type") or ""
    if kind.startswith(_SSM):
        message = f"{name}: Type '{kind}' is not supported: nothing is read from SSM here"
        nodes.faults.add(line_of(parts["Type"].node), message)
    return kind


def _value(
    name: str,
    entry: Entry,
    parts: Mapping[str, Entry],
    given: Mapping[str, str],
    nodes: NodeReader,
) -> yaml.ScalarNode | None:
    if name in given:
        mark = entry.node.start_mark
        return yaml.ScalarNode(TAG + "str", given[name], mark, mark)
    default = parts.get("Default")
    if default is None:
        way = f"or a value (testbed deploy --parameter {name}=VALUE)"
        nodes.faults.add(entry.line, f"{name} needs a Default, {way}")
        return None
    if nodes.string(default.node, f"{name}: Default") is None:
        return None
    assert isinstance(default.node, yaml.ScalarNode)
    return default.node


def _listed(node: yaml.ScalarNode) -> Node:
    """Returns the list that a text with commas stands for."""
    items = [
        yaml.ScalarNode(TAG + "str", part.strip(), node.start_mark, node.end_mark)
        for part in str(node.value).split(",")
    ]
    return yaml.SequenceNode(TAG + "seq", items, node.start_mark, node.end_mark)
