"""Reads functions, APIs, triggers and other resources out of an AWS SAM template.

Source: the AWS SAM specification 2016-10-31. What is not supported is an error that names its line;
what is read and has no effect is told with its line; nothing is skipped in silence. The functions
and conditions of CloudFormation are evaluated first (`intrinsics`), with the parameters' defaults
or what is given for them.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from emulator.core.function_faults import concurrency_faults, faults
from emulator.sam.apis import HTTP_KIND, REST_KIND, ApiReader
from emulator.sam.function import FunctionReader
from emulator.sam.intrinsics import Resolver
from emulator.sam.loader import compose, line_of
from emulator.sam.nodes import Entry, Faults, NodeReader
from emulator.sam.parameters import parameters
from emulator.sam.references import DEFAULT_STACK, KINDS, Declared, References
from emulator.sam.sections import SECTIONS, check_transform, entries_of, shared_properties, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from yaml.nodes import Node

    from emulator.core.apis import Api
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.core.routes import Route
    from emulator.core.triggers import Trigger
    from emulator.sam.extras import Extras


_FUNCTION = "AWS::Serverless::Function"
_LAYER = "AWS::Serverless::LayerVersion"
_PARTS = (
    *("Type", "Properties", "Metadata", "Condition", "DependsOn"),
    *("DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy"),
)
_LAYER_PROPERTIES = (
    *("ContentUri", "LayerName", "CompatibleRuntimes", "CompatibleArchitectures"),
    *("RetentionPolicy", "Description", "LicenseInfo"),
)
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_ACCOUNT = "123456789012"
_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class OtherResource:
    """Holds a queue, a table, a bucket and their like, which other services make."""

    kind: str
    """CloudFormation's type, `AWS::SQS::Queue`."""
    id: str
    name: str
    properties: Mapping[str, Any]
    """Properties as CloudFormation names them, without functions."""


@dataclass(frozen=True, slots=True)
class Template:
    """Holds what a SAM template asks for."""

    functions: tuple[FunctionConfiguration, ...]
    apis: tuple[Api, ...] = ()
    remarks: tuple[str, ...] = ()
    """Sentences that each say what is not as on Lambda."""
    triggers: tuple[Trigger, ...] = ()
    extras: Mapping[str, Extras] = field(default_factory=dict, compare=False)
    """What is set beside each function's configuration, by the function's name."""
    layers: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Folders of the template's layers by ARN."""
    resources: tuple[OtherResource, ...] = ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """Returns the routes of all APIs."""
        return tuple(route for api in self.apis for route in api.routes)


@dataclass(frozen=True, slots=True)
class _Resource:
    kind: str
    entry: Entry
    parts: Mapping[str, Entry]

    @property
    def properties(self) -> Entry | None:
        return self.parts.get("Properties")


def load(
    path: Path,
    profile: Profile | None = None,
    machine: str = "",
    given: Mapping[str, str] | None = None,
    *,
    account: str = _ACCOUNT,
    region: str = _REGION,
    stack: str = DEFAULT_STACK,
) -> Template:
    """Reads a SAM template; paths in it are relative to its folder.

    With a profile, what Lambda would refuse under it is a fault too. `machine` names this
    machine's architecture (default: as Python says): functions run natively, so that a function
    which asks for another gets a remark. `given` are parameters in the place of their defaults;
    `account` and `region` stand in ARNs, `stack` in the ids of APIs.

    Raises:
        TemplateError: names all that is wrong, a line each; `line` is the first fault's.
    """
    root = compose(text_of(path), str(path))
    nodes = NodeReader(Faults(str(path)), path.parent.resolve())
    sections = nodes.entries(root, "the template", SECTIONS)
    check_transform(root, sections.get("Transform"), nodes)
    resources = _resources(root, sections.get("Resources"), nodes)
    references = References(
        parameters(sections.get("Parameters"), given or {}, nodes),
        {resource.entry.key: _declared(resource) for resource in resources},
        account=account,
        region=region,
        stack=stack,
    )
    resolver = Resolver(
        nodes.faults,
        references,
        mappings=entries_of(sections.get("Mappings"), nodes),
        conditions=entries_of(sections.get("Conditions"), nodes),
    )
    shared = shared_properties(sections.get("Globals"), nodes, resolver)
    present = [_resolved(resource, resolver) for resource in _present(resources, resolver)]
    found = _read(present, shared, nodes, references, resolver, stack=stack)
    if profile is not None and not nodes.faults:
        for name, fault in _refusals(list(found.template.functions), profile):
            nodes.faults.add(found.lines[name], f"{name}: {fault}")
    nodes.faults.throw()
    told = [f"{path.name}:{line}: {sentence}" for line, sentence in dict.fromkeys(found.told)]
    remarks = (*_remarks(found.template.functions, machine or platform.machine()), *told)
    return replace(found.template, remarks=remarks)


@dataclass(frozen=True, slots=True)
class _Found:
    template: Template
    lines: Mapping[str, int]
    told: list[tuple[int, str]]


def _read(
    resources: list[_Resource],
    shared: Mapping[str, Mapping[str, Entry]],
    nodes: NodeReader,
    references: References,
    resolver: Resolver,
    *,
    stack: str,
) -> _Found:
    apis = ApiReader(nodes, shared, stack)
    for resource in resources:
        if resource.kind in (REST_KIND, HTTP_KIND):
            apis.declare(resource.kind, resource.entry, resource.properties)
    layers = dict(_layers(resources, nodes, references, resolver))
    reader = FunctionReader(nodes, layers, apis)
    functions = tuple(
        reader.read(resource.entry, resource.parts, shared.get("Function", {}))
        for resource in resources
        if resource.kind == _FUNCTION
    )
    template = Template(
        functions,
        apis.apis,
        triggers=tuple(reader.triggers),
        extras=reader.extras,
        layers=layers,
        resources=tuple(_others(resources, nodes, references, resolver)),
    )
    return _Found(template, reader.lines, reader.told)


def _layers(
    resources: list[_Resource], nodes: NodeReader, references: References, resolver: Resolver
) -> Iterator[tuple[str, str]]:
    """Yields each layer with its ARN."""
    for resource in resources:
        if resource.kind == _LAYER:
            arn = references.named(resource.entry.key, resolver, resource.entry.node)
            assert arn is not None
            yield str(arn.value), _layer(resource, nodes)


def _others(
    resources: list[_Resource], nodes: NodeReader, references: References, resolver: Resolver
) -> Iterator[OtherResource]:
    """Yields what is neither a function nor a layer nor an API."""
    for resource in resources:
        if resource.kind not in (_FUNCTION, _LAYER, REST_KIND, HTTP_KIND):
            name = references.physical_name(resource.entry.key, resolver)
            yield OtherResource(resource.kind, resource.entry.key, name, _plain(resource, nodes))


def _refusals(
    functions: list[FunctionConfiguration], profile: Profile
) -> Iterator[tuple[str, str]]:
    for function in functions:
        for fault in faults(function, profile):
            yield function.name, fault
    yield from concurrency_faults(functions, profile)


def _remarks(functions: tuple[FunctionConfiguration, ...], machine: str) -> tuple[str, ...]:
    host = _ARCHITECTURES.get(machine.lower(), machine)
    return tuple(
        f"{function.name} is billed as {function.architecture}, and runs on this machine's {host}."
        for function in functions
        if function.architecture != host
    )


def _resources(root: Node, section: Entry | None, nodes: NodeReader) -> list[_Resource]:
    """Returns the resources whose type is known."""
    if section is None:
        nodes.faults.add(line_of(root), "it needs Resources")
        return []
    found = []
    for name, entry in nodes.entries(section.node, "Resources").items():
        parts = nodes.entries(entry.node, name, _PARTS)
        kind = nodes.choice(parts, "Type", entry, tuple(KINDS))
        if kind:
            found.append(_Resource(kind, entry, parts))
    return found


def _declared(resource: _Resource) -> Declared:
    """Returns a resource with its properties' nodes, faulty ones as they are."""
    section = resource.properties
    pairs = section.node.value if section and isinstance(section.node, yaml.MappingNode) else ()
    return Declared(resource.kind, {str(key.value): value for key, value in pairs})


def _present(resources: list[_Resource], resolver: Resolver) -> Iterator[_Resource]:
    """Yields the resources whose condition holds."""
    for resource in resources:
        condition = resource.parts.get("Condition")
        if condition is None or resolver.holds(str(condition.node.value), condition.node):
            yield resource


def _resolved(resource: _Resource, resolver: Resolver) -> _Resource:
    """Returns a resource with properties that have no functions."""
    section = resource.properties
    node = resolver.resolve(section.node) if section else None
    if section is None or node is None:
        return resource
    return replace(resource, parts={**resource.parts, "Properties": replace(section, node=node)})


def _plain(resource: _Resource, nodes: NodeReader) -> dict[str, Any]:
    section = resource.properties
    found = nodes.plain(section.node, resource.entry.key) if section else {}
    return found if isinstance(found, dict) else {}


def _layer(resource: _Resource, nodes: NodeReader) -> str:
    """Returns the folder of a layer's content."""
    entry, parts, section = resource.entry, resource.parts, resource.properties
    if "Metadata" in parts:
        stated = nodes.plain(parts["Metadata"].node, entry.key)
        if not (isinstance(stated, dict) and "SamResourceId" in stated):
            line = parts["Metadata"].line
            nodes.faults.add(line, f"{entry.key}: Metadata of a layer is not supported")
    properties = nodes.entries(section.node, entry.key, _LAYER_PROPERTIES) if section else {}
    content = properties.get("ContentUri")
    if content is None:
        nodes.faults.add(entry.line, f"{entry.key} needs ContentUri")
        return ""
    return str(nodes.folder(content.node, f"{entry.key}: ContentUri") or "")
