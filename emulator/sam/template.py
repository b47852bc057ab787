"""Reads functions and routes out of an AWS SAM template.

Source: the AWS SAM specification 2016-10-31. What is not supported is an error that names its
line, never skipped. Supported are functions, layers, Globals for functions, HttpApi events, and
`!Ref` and `!Sub` of parameters, whose defaults are their values.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from emulator.core import function_configuration
from emulator.errors import TemplateError
from emulator.sam.function import GLOBAL_PROPERTIES, FunctionReader
from emulator.sam.nodes import Faults, NodeReader, compose, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yaml.nodes import Node

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.core.routes import Route
    from emulator.sam.nodes import Entry

_TRANSFORM = "AWS::Serverless-2016-10-31"
_FUNCTION = "AWS::Serverless::Function"
_LAYER = "AWS::Serverless::LayerVersion"
_SECTIONS = (
    *("AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Outputs"),
    *("Parameters", "Globals", "Resources"),
)
_LAYER_PROPERTIES = (
    *("ContentUri", "LayerName", "CompatibleRuntimes", "RetentionPolicy", "Description"),
)
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Template:
    functions: tuple[FunctionConfiguration, ...]
    routes: tuple[Route, ...]
    remarks: tuple[str, ...] = ()
    """Sentences that each say what is not as on Lambda."""


def load(path: Path, profile: Profile | None = None, machine: str = "") -> Template:
    """Reads a SAM template; paths in it are relative to its folder.

    With a profile, what Lambda would refuse under it is a fault too. `machine` names this
    machine's architecture (default: as Python says): functions run natively, so that a function
    which asks for another gets a remark.

    Raises:
        TemplateError: names all that is wrong, a line each; `line` is the first fault's.
    """
    root = compose(_text(path), str(path))
    folder = path.parent.resolve()
    plain = NodeReader(Faults(str(path)), folder, {})
    sections = plain.entries(root, "the template", _SECTIONS)
    parameters = _parameters(sections.get("Parameters"), plain)
    nodes = NodeReader(plain.faults, folder, parameters)
    _transform(root, sections.get("Transform"), nodes)
    shared = _globals(sections.get("Globals"), nodes)
    resources = _resources(root, sections.get("Resources"), nodes)

    layers = {
        entry.key: _layer(entry, parts, nodes) for kind, entry, parts in resources if kind == _LAYER
    }
    reader = FunctionReader(nodes, layers)
    functions = [
        reader.read(entry, parts, shared) for kind, entry, parts in resources if kind == _FUNCTION
    ]
    if profile is not None and not nodes.faults:
        for name, fault in _refusals(functions, profile):
            nodes.faults.add(reader.lines[name], f"{name}: {fault}")
    nodes.faults.throw()
    remarks = _remarks(functions, machine or platform.machine())
    return Template(tuple(functions), tuple(reader.routes), remarks)


def _refusals(
    functions: list[FunctionConfiguration], profile: Profile
) -> Iterator[tuple[str, str]]:
    for function in functions:
        for fault in function_configuration.faults(function, profile):
            yield function.name, fault
    yield from function_configuration.concurrency_faults(functions, profile)


def _remarks(functions: list[FunctionConfiguration], machine: str) -> tuple[str, ...]:
    host = _ARCHITECTURES.get(machine.lower(), machine)
    return tuple(
        f"{function.name} is billed as {function.architecture}, and runs on this machine's {host}."
        for function in functions
        if function.architecture != host
    )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise TemplateError(f"cannot be read: {error.strerror}", path=str(path)) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TemplateError("no YAML: it is not UTF-8", line, str(path)) from error


def _parameters(section: Entry | None, plain: NodeReader) -> dict[str, yaml.ScalarNode]:
    """Returns each parameter's default, which is its value: nobody is asked for another."""
    found: dict[str, yaml.ScalarNode] = {}
    for name, entry in plain.entries(section.node, "Parameters").items() if section else ():
        parts = plain.entries(entry.node, name, ("Type", "Default", "Description"))
        plain.choice(parts, "Type", entry, ("String", "Number"))
        default = parts.get("Default")
        if default is None:
            plain.faults.add(entry.line, f"{name} needs a Default, which is its value here")
        elif plain.string(default.node, f"{name}: Default") is not None:
            assert isinstance(default.node, yaml.ScalarNode)
            found[name] = default.node
    return found


def _transform(root: Node, entry: Entry | None, nodes: NodeReader) -> None:
    if entry is None:
        nodes.faults.add(line_of(root), f"it needs 'Transform: {_TRANSFORM}'")
    elif (name := nodes.text(entry.node, "Transform")) not in (None, _TRANSFORM):
        nodes.faults.add(line_of(entry.node), f"Transform must be {_TRANSFORM}, not {name}")


def _globals(entry: Entry | None, nodes: NodeReader) -> dict[str, Entry]:
    section = nodes.entries(entry.node, "Globals", ("Function",)) if entry else {}
    if "Function" not in section:
        return {}
    return nodes.entries(section["Function"].node, "Globals: Function", GLOBAL_PROPERTIES)


def _resources(
    root: Node, section: Entry | None, nodes: NodeReader
) -> list[tuple[str, Entry, dict[str, Entry]]]:
    """Returns the type, the entry and the parts of each function and layer."""
    if section is None:
        nodes.faults.add(line_of(root), "it needs Resources")
        return []
    found = []
    for name, entry in nodes.entries(section.node, "Resources").items():
        parts = nodes.entries(entry.node, name, ("Type", "Properties", "Metadata"))
        kind = nodes.choice(parts, "Type", entry, (_FUNCTION, _LAYER))
        if kind:
            found.append((kind, entry, parts))
    return found


def _layer(entry: Entry, parts: dict[str, Entry], nodes: NodeReader) -> str:
    """Returns the folder of a layer's content."""
    if "Metadata" in parts:
        line = parts["Metadata"].line
        nodes.faults.add(line, f"{entry.key}: Metadata of a layer is not supported")
    section = parts.get("Properties")
    properties = nodes.entries(section.node, entry.key, _LAYER_PROPERTIES) if section else {}
    content = properties.get("ContentUri")
    if content is None:
        nodes.faults.add(entry.line, f"{entry.key} needs ContentUri")
        return ""
    return str(nodes.folder(content.node, f"{entry.key}: ContentUri") or "")
