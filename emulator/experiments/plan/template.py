"""Reads a plan's SAM template, and writes a copy of it for one cell.

The copy has one function, at the cell's memory size and with its variables; its paths lead to the
same folders from where the copy stands. The module works on YAML nodes, so that tags (`!Ref`,
`!Sub`) and everything unknown come through as they were. Whether the template is right is the
emulator's to say.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml
from yaml.nodes import MappingNode, ScalarNode

from emulator.core.asynchronous.rules import EventSettings
from emulator.errors import SettingsError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from yaml.nodes import Node

_FUNCTION = "AWS::Serverless::Function"
_CODE = ("CodeUri", "ContentUri", "DockerContext")
"""Keys whose value is a path to code."""
_EVENTS = "EventInvokeConfig"
_RESERVED = "ReservedConcurrentExecutions"
_STR = "tag:yaml.org,2002:str"
_INT = "tag:yaml.org,2002:int"
_MAP = "tag:yaml.org,2002:map"


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """Holds what a study must know of a function in its template."""

    name: str
    logical_id: str
    route: str
    """Path of the function's first POST route; empty where there is none."""
    variables: frozenset[str]
    """Names of the environment variables that the template sets, Globals included."""
    timeout_s: float = 3.0
    """Lambda's default where the template sets none, or by a parameter."""
    architecture: str = "x86_64"
    ephemeral_storage_mb: int = 512
    reserved_concurrency: int | None = None
    events: EventSettings = field(default_factory=EventSettings)
    """What is asked for asynchronous events; of a destination only whether there is one."""


class StudyTemplate:
    """Reads a template and writes variants.

    Raises:
        SettingsError: the file cannot be read, or is no SAM template at all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        root = self._read()
        self.functions: Mapping[str, TemplateFunction] = {
            function.name: function for function in _functions(root)
        }

    def _read(self) -> MappingNode:
        try:
            root = yaml.compose(self._path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise SettingsError(f"{self._path} cannot be read: {reason_of(error)}") from error
        if not isinstance(root, MappingNode) or not isinstance(
            _get(root, "Resources"), MappingNode
        ):
            raise SettingsError(f"{self._path} is no SAM template: it has no Resources.")
        return root

    def write_variant(
        self,
        function: str,
        memory_mb: int,
        variables: Mapping[str, str],
        to: Path,
        *,
        reserved_concurrency: int | None = None,
        events: Mapping[str, int] | None = None,
    ) -> None:
        """Writes a copy of the template, with one function alone, to the file `to`.

        Args:
            function: the function's name.
            memory_mb: its memory size.
            variables: environment variables besides the template's, or in their place.
            to: the file.
            reserved_concurrency: in place of the template's; None: as that has it.
            events: numbers of EventInvokeConfig in place of the template's.

        Raises:
            SettingsError: a path in the template is no plain text.
        """
        root = self._read()  # read again: nodes are changed in place
        chosen = self.functions[function].logical_id
        _remove(root, "Outputs")  # they may speak of functions that are gone
        resources = _mapping(root, "Resources")
        for logical_id, resource in _items(resources):
            if _kind(resource) == _FUNCTION and logical_id != chosen:
                _remove(resources, logical_id)
            else:
                self._repath(resource, to.parent)
        shared = _get(root, "Globals")
        if isinstance(shared, MappingNode) and isinstance(
            properties := _get(shared, "Function"), MappingNode
        ):
            self._repath_key(properties, "CodeUri", to.parent)
        properties = _mapping(_mapping(resources, chosen), "Properties")
        _set(properties, "MemorySize", ScalarNode(_INT, str(memory_mb)))
        if variables:
            section = _mapping(_mapping(properties, "Environment"), "Variables")
            for name, value in variables.items():
                _set(section, name, ScalarNode(_STR, value, style='"'))
        if reserved_concurrency is not None:
            reserved = ScalarNode(_INT, str(reserved_concurrency))
            _set(properties, _RESERVED, reserved)
        for key, number in (events or {}).items():
            _set(_mapping(properties, _EVENTS), key, ScalarNode(_INT, str(number)))
        to.write_text(yaml.serialize(root, Dumper=yaml.SafeDumper), encoding="utf-8")

    def text_of(self, function: str) -> str:
        """Returns all that the template says of one function, without its comments."""
        root = self._read()
        own = _get(_get(root, "Resources"), self.functions[function].logical_id)
        parts = [node for node in (own, _get(root, "Globals"), _get(root, "Parameters")) if node]
        return "".join(yaml.serialize(node, Dumper=yaml.SafeDumper) for node in parts)

    def code_folders(self) -> list[Path]:
        """Returns the folders that the template takes code, layers and images from."""
        root = self._read()
        shared = _get(_get(root, "Globals"), "Function")
        nodes: list[Node | None] = [shared]
        for _, resource in _items(_get(root, "Resources")):
            nodes += [_get(resource, "Properties"), _get(resource, "Metadata")]
        named = [_text(_get(node, key)) for node in nodes for key in _CODE]
        return [(self._path.parent / name).resolve() for name in named if name]

    def _repath(self, resource: Node, folder: Path) -> None:
        if not isinstance(resource, MappingNode):
            return
        for section, keys in (
            ("Properties", ("CodeUri", "ContentUri")),
            ("Metadata", ("DockerContext",)),
        ):
            node = _get(resource, section)
            if isinstance(node, MappingNode):
                for key in keys:
                    self._repath_key(node, key, folder)

    def _repath_key(self, node: MappingNode, key: str, folder: Path) -> None:
        path = _get(node, key)
        if path is None:
            return
        if not isinstance(path, ScalarNode) or path.tag != _STR:
            raise SettingsError(f"{self._path}: {key} must be plain text to be used in a study.")
        target = (self._path.parent / path.value).resolve()
        _set(node, key, ScalarNode(_STR, os.path.relpath(target, folder.resolve())))


def _functions(root: MappingNode) -> Iterator[TemplateFunction]:
    common = _get(_get(root, "Globals"), "Function")
    shared = _variables(common)
    for logical_id, resource in _items(_get(root, "Resources")):
        if _kind(resource) == _FUNCTION:
            properties = _get(resource, "Properties")
            yield TemplateFunction(
                name=_text(_get(properties, "FunctionName")) or logical_id,
                logical_id=logical_id,
                route=_post_route(_get(properties, "Events")),
                variables=shared | _variables(properties),
                timeout_s=_number(properties, common, "Timeout", 3),
                architecture=_architecture(properties, common),
                ephemeral_storage_mb=_number(
                    _get(properties, "EphemeralStorage"),
                    _get(common, "EphemeralStorage"),
                    "Size",
                    512,
                ),
                reserved_concurrency=_stated(properties, common, _RESERVED),
                events=_events(properties, common),
            )


def _variables(properties: Node | None) -> frozenset[str]:
    return frozenset(dict(_items(_get(_get(properties, "Environment"), "Variables"))))


def _events(properties: Node | None, common: Node | None) -> EventSettings:
    own, shared = _get(properties, _EVENTS), _get(common, _EVENTS)
    age = _stated(own, shared, "MaximumEventAgeInSeconds")
    return EventSettings(
        retry_attempts=_stated(own, shared, "MaximumRetryAttempts"),
        longest_age=None if age is None else float(age),
        on_success=_destination("OnSuccess", own, shared),
        on_failure=_destination("OnFailure", own, shared),
        dead_letters=_named(
            *(_get(_get(one, "DeadLetterQueue"), "TargetArn") for one in (properties, common))
        ),
    )


def _destination(end: str, own: Node | None, shared: Node | None) -> str:
    configs = (_get(one, "DestinationConfig") for one in (own, shared))
    return _named(*(_get(_get(config, end), "Destination") for config in configs))


def _named(*nodes: Node | None) -> str:
    """Returns a word for what the first node names, be it by a reference; empty for no node."""
    found = next((node for node in nodes if node is not None), None)
    return "" if found is None else _text(found) or "a reference"


def _stated(own: Node | None, common: Node | None, key: str) -> int | None:
    """Returns a whole number that is set; None where none is, or by a parameter."""
    text = _text(_get(own, key)) or _text(_get(common, key))
    return int(text) if text.isdecimal() else None


def _number(own: Node | None, common: Node | None, key: str, default: int) -> int:
    """Returns a whole number that a function or Globals sets; the default for a parameter's."""
    text = _text(_get(own, key)) or _text(_get(common, key))
    return int(text) if text.isdecimal() else default


def _architecture(own: Node | None, common: Node | None) -> str:
    for node in (_get(own, "Architectures"), _get(common, "Architectures")):
        if node is not None and node.value and isinstance(node.value, list):
            return _text(node.value[0])
    return "x86_64"


def _post_route(events: Node | None) -> str:
    for _, event in _items(events):
        properties = _get(event, "Properties")
        if _text(_get(properties, "Method")).upper() == "POST":
            return _text(_get(properties, "Path"))
    return ""


def _kind(resource: Node) -> str:
    return _text(_get(resource, "Type"))


def _text(node: Node | None) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""


def _items(node: Node | None) -> list[tuple[str, Node]]:
    pairs = node.value if isinstance(node, MappingNode) else ()
    return [(str(key.value), value) for key, value in pairs]


def _get(node: Node | None, key: str) -> Node | None:
    return dict(_items(node)).get(key)


def _remove(node: MappingNode, key: str) -> None:
    node.value = [pair for pair in node.value if pair[0].value != key]


def _set(node: MappingNode, key: str, value: Node) -> None:
    _remove(node, key)
    node.value.append((ScalarNode(_STR, key), value))


def _mapping(node: MappingNode, key: str) -> MappingNode:
    """Returns the mapping at the key, which is made where there is none."""
    found = _get(node, key)
    if not isinstance(found, MappingNode):
        found = MappingNode(_MAP, [])
        _set(node, key, found)
    return found
