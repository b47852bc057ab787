"""Reads a template's file and its sections: the transform, and what functions and APIs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import TemplateError
from emulator.sam.apis import HTTP_PROPERTIES, REST_PROPERTIES
from emulator.sam.function import GLOBAL_PROPERTIES
from emulator.sam.loader import line_of

if TYPE_CHECKING:
    from pathlib import Path

    from yaml.nodes import Node

    from emulator.sam.intrinsics import Resolver
    from emulator.sam.nodes import Entry, NodeReader


_TRANSFORM = "AWS::Serverless-2016-10-31"
SECTIONS = (
    *("AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Outputs"),
    *("Parameters", "Globals", "Resources", "Mappings", "Conditions", "Rules"),
)
"""Names of the sections that a template may have."""


def text_of(path: Path) -> str:
    """Returns the text of a template; raises a TemplateError where there is none."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise TemplateError(f"cannot be read: {error.strerror}", path=str(path)) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TemplateError("no YAML: it is not UTF-8", line, str(path)) from error


def entries_of(section: Entry | None, nodes: NodeReader) -> dict[str, Entry]:
    """Returns the entries of a section; none where the section is not there."""
    return nodes.entries(section.node, section.key) if section else {}


def check_transform(root: Node, entry: Entry | None, nodes: NodeReader) -> None:
    """Adds a fault where a template names no transform, or another than SAM's."""
    if entry is None:
        nodes.faults.add(line_of(root), f"it needs 'Transform: {_TRANSFORM}'")
    elif (name := nodes.text(entry.node, "Transform")) not in (None, _TRANSFORM):
        nodes.faults.add(line_of(entry.node), f"Transform must be {_TRANSFORM}, not {name}")


_SHARED = {"Function": GLOBAL_PROPERTIES, "Api": REST_PROPERTIES, "HttpApi": HTTP_PROPERTIES}


def shared_properties(
    entry: Entry | None, nodes: NodeReader, resolver: Resolver
) -> dict[str, dict[str, Entry]]:
    """Returns what Globals state for functions and APIs."""
    sections = nodes.entries(entry.node, "Globals", tuple(_SHARED)) if entry else {}
    found = {}
    for name, section in sections.items():
        node = resolver.resolve(section.node)
        known = _SHARED[name]
        found[name] = nodes.entries(node, f"Globals: {name}", known) if node is not None else {}
    return found
