"""Reads YAML nodes into typed values, remembering lines and gathering every fault.

Knows YAML, and how CloudFormation writes its functions (`intrinsics` evaluates them before anything
is read here); what a template may say is its caller's. A method that meets a fault notes it and
returns None (or what it could read), so that one look at a file finds all that is wrong with it.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from emulator.errors import TemplateError
from emulator.sam.loader import line_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from yaml.nodes import Node

TAG = "tag:yaml.org,2002:"
UNRESOLVED = "!unresolved"
"""The tag of what a function could not give: its fault is told, and readers pass over the node."""
_KINDS = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "empty",
    "timestamp": "a date",
    "map": "a mapping",
    "seq": "a list",
}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_MOST_SHOWN = 60
"""Characters of a faulty value that a message quotes."""


class Faults:
    """Gathers what is wrong with one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[tuple[int, str], None] = {}

    def add(self, line: int, message: str) -> None:
        self._found[line, message] = None

    def __bool__(self) -> bool:
        return bool(self._found)

    def throw(self) -> None:
        """Tells all faults, a line each, in the order of the file.

        Raises:
            TemplateError: the file has faults; its `line` is the first fault's.
        """
        if self._found:
            (line, message), *others = sorted(self._found, key=lambda fault: fault[0])
            more = [f"{self._path}:{where}: {what}" for where, what in others]
            raise TemplateError("\n".join([message, *more]), line, self._path)


@dataclass(frozen=True, slots=True)
class Entry:
    """Holds one key of a mapping, and its value."""

    key: str
    line: int
    """The line of the key."""
    node: Node


def intrinsic(node: Node) -> tuple[str, Node] | None:
    """Returns an intrinsic function's name and argument: of `!Ref x`, `Ref: x`, `Fn::Sub: x`."""
    if node.tag.startswith("!"):
        return node.tag[1:], node
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        key, argument = node.value[0]
        if key.value in ("Ref", "Condition") or str(key.value).startswith("Fn::"):
            return str(key.value).removeprefix("Fn::"), argument
    return None


class NodeReader:
    """Turns nodes into values; `what` names a node in a message, paths begin at `folder`."""

    def __init__(self, faults: Faults, folder: Path) -> None:
        self.faults = faults
        self._folder = folder

    def entries(self, node: Node, what: str, known: Collection[str] = ()) -> dict[str, Entry]:
        """Returns a mapping's entries; other keys than `known` are faults (none given: all are)."""
        if not isinstance(node, yaml.MappingNode) or intrinsic(node):
            self._wrong(node, what, "a mapping")
            return {}
        found: dict[str, Entry] = {}
        for key_node, value in node.value:
            line, key = line_of(key_node), str(key_node.value)
            if key_node.tag != TAG + "str":
                self.faults.add(line, f"{what}: a key must be text, quote it: {key}")
            elif key in found:
                message = f"{what}: '{key}' stands twice, first in line {found[key].line}"
                self.faults.add(line, message)
            elif known and key not in known:
                near = difflib.get_close_matches(key, known, 1, 0.8)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                self.faults.add(line, f"{what}: '{key}' is not supported{hint}")
            else:
                found[key] = Entry(key, line, value)
        return found

    def items(self, node: Node, what: str) -> list[Node]:
        """Returns a list's nodes."""
        if not isinstance(node, yaml.SequenceNode) or intrinsic(node):
            self._wrong(node, what, "a list")
            return []
        return list(node.value)

    def text(self, node: Node, what: str) -> str | None:
        """Returns text that is not empty."""
        scalar = self._resolved(node, what)
        if scalar is None:
            return None
        if scalar.tag != TAG + "str" or not scalar.value:
            self._wrong(scalar, what, "text")
            return None
        return str(scalar.value)

    def choice(
        self, parts: Mapping[str, Entry], key: str, owner: Entry, choices: Sequence[str]
    ) -> str:
        """Returns which of the choices stands at the key; empty where a fault was noted."""
        if key not in parts:
            self.faults.add(owner.line, f"{owner.key} needs {key}")
            return ""
        stated = self.text(parts[key].node, f"{owner.key}: {key}")
        if stated is None or stated in choices:
            return stated or ""
        supported = " and ".join((", ".join(choices[:-1]), choices[-1]) if choices[1:] else choices)
        verb = "are" if choices[1:] else "is"
        self.faults.add(
            line_of(parts[key].node),
            f"{owner.key}: {key} '{stated}' is not supported, only {supported} {verb}",
        )
        return ""

    def integer(self, node: Node, what: str, least: int) -> int | None:
        """Returns a whole number, also of text, which is what a parameter's value is."""
        scalar = self._resolved(node, what)
        if scalar is None:
            return None
        if scalar.tag not in (TAG + "int", TAG + "str") or not _WHOLE.fullmatch(scalar.value):
            self._wrong(scalar, what, "a whole number")
            return None
        number = int(scalar.value)
        if number < least:
            self.faults.add(line_of(scalar), f"{what} must be {least} or more, not {number}")
            return None
        return number

    def string(self, node: Node, what: str) -> str | None:
        """Returns the string that CloudFormation makes of a scalar: true is `true`, 1.10 `1.1`."""
        scalar = self._resolved(node, what)
        if scalar is None:
            return None
        if scalar.tag == TAG + "null":
            self.faults.add(line_of(scalar), f'{what} is null; an empty text is ""')
            return None
        try:
            return as_string(scalar)
        except (ValueError, LookupError):  # its tag promises what it is not
            self._wrong(scalar, what, "text or a number")
            return None

    def plain(self, node: Node, what: str) -> Any:
        """Returns a document, such as a policy, as Python's values; None where a part is wrong."""
        if isinstance(node, yaml.MappingNode):
            return {key: self.plain(e.node, what) for key, e in self.entries(node, what).items()}
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, what) for item in node.value]
        if node.tag == TAG + "timestamp":
            return str(node.value)  # of a policy's Version, which is often not quoted
        try:
            return yaml.SafeLoader("").construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, LookupError):
            self._wrong(node, what, "text or a number")
            return None

    def folder(self, node: Node, what: str) -> Path | None:
        """Returns the absolute path of a folder that must be there."""
        named = self.text(node, what)
        if named is None:
            return None
        path = self._folder / named
        with contextlib.suppress(OSError):  # a name that is too long
            path = path.resolve()
            if path.is_dir():
                return path
        self.faults.add(line_of(node), f"{what}: there is no folder {path}")
        return None

    def _resolved(self, node: Node, what: str) -> yaml.ScalarNode | None:
        """Returns the node where it is a single value."""
        if isinstance(node, yaml.ScalarNode) and not intrinsic(node):
            return node
        self._wrong(node, what, "a single value")
        return None

    def _wrong(self, node: Node, what: str, wanted: str) -> None:
        if node.tag == UNRESOLVED:
            return
        function = intrinsic(node)
        kind = node.tag.removeprefix(TAG)
        got = f"!{function[0]}" if function else _KINDS.get(kind, node.tag)
        if isinstance(node, yaml.ScalarNode) and node.value and not function:
            shown = node.value[:_MOST_SHOWN] + ("…" if len(node.value) > _MOST_SHOWN else "")
            got = f"'{shown}'"
        elif kind == "str":
            got = "empty"
        self.faults.add(line_of(node), f"{what} must be {wanted}, not {got}")


def as_string(node: yaml.ScalarNode) -> str:
    """Returns the string that CloudFormation makes of a scalar.

    Raises:
        ValueError, LookupError: the value is not what its tag says.
    """
    constructor = yaml.constructor.SafeConstructor()
    match node.tag.removeprefix(TAG):
        case "bool":
            return "true" if constructor.construct_yaml_bool(node) else "false"
        case "int":
            return str(constructor.construct_yaml_int(node))
        case "float":
            return str(constructor.construct_yaml_float(node))
        case _:
            return str(node.value)
