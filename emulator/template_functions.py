"""One `AWS::Serverless::Function` of a SAM template: its configuration and its routes.

Source: the AWS SAM specification 2016-10-31 (properties, defaults, how Globals merge) and sam
build (a Dockerfile is looked for in its DockerContext).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.core.catalog import FunctionConfiguration, ImageSource, PackageType
from emulator.core.routes import ANY, DEFAULT, METHODS, Route, path_fault
from emulator.yaml_nodes import intrinsic, line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.yaml_nodes import Entry, NodeReader

GLOBAL_PROPERTIES = (
    *("CodeUri", "Handler", "Runtime", "MemorySize", "Timeout", "Environment", "Layers"),
    *("ReservedConcurrentExecutions", "Architectures", "Description", "Tags"),
)
_PROPERTIES = (
    *GLOBAL_PROPERTIES,
    *("FunctionName", "PackageType", "ImageUri", "ImageConfig", "Events"),
)
_ZIP_ONLY = ("CodeUri", "Handler", "Runtime", "Layers")
_IMAGE_ONLY = ("ImageUri", "ImageConfig")


@dataclass(frozen=True, slots=True)
class _Function:
    """A function's entries: what it says itself, and what Globals say for all."""

    entry: Entry
    own: Mapping[str, Entry]
    shared: Mapping[str, Entry]
    metadata: Entry | None

    @property
    def id(self) -> str:
        return self.entry.key

    @property
    def line(self) -> int:
        return self.entry.line

    def where(self, entry: Entry) -> str:
        """What a message calls one of its properties, so that a fault of Globals is told once."""
        owner = "Globals" if self.shared.get(entry.key) is entry else self.id
        return f"{owner}: {entry.key}"

    def one(self, name: str) -> Entry | None:
        """Of a single value the function's own goes before that of Globals."""
        return self.own.get(name) or self.shared.get(name)

    def all(self, name: str) -> list[Entry]:
        """Mappings merge and lists add up, those of Globals first."""
        return [part[name] for part in (self.shared, self.own) if name in part]


class FunctionReader:
    """Reads functions one after the other, so that no two have one name or one route.

    `layers` holds each layer's folder by its logical id; `architecture` is the host's.
    """

    def __init__(
        self,
        nodes: NodeReader,
        layers: Mapping[str, str],
        architecture: str,
    ) -> None:
        self.lines: dict[str, int] = {}
        """Where each function stands, by its name."""
        self.routes: list[Route] = []
        self._nodes = nodes
        self._layers = layers
        self._architecture = architecture
        self._shapes: dict[str, int] = {}

    def read(
        self, entry: Entry, parts: Mapping[str, Entry], shared: Mapping[str, Entry]
    ) -> FunctionConfiguration:
        """Its configuration; of no use where a fault was noted."""
        own = parts.get("Properties")
        properties = self._nodes.entries(own.node, entry.key, _PROPERTIES) if own else {}
        function = _Function(entry, properties, shared, parts.get("Metadata"))
        name = self._name(function)
        self._architectures(function)
        self._events(function, name)
        package = self._package(function)
        image = self._image(function) if package is PackageType.IMAGE else None
        return FunctionConfiguration(
            name=name,
            runtime=self._text(function, "Runtime"),
            handler=self._text(function, "Handler"),
            package_type=package,
            memory_mb=self._integer(function, "MemorySize", 1) or 128,
            timeout=self._integer(function, "Timeout", 1) or 3,
            environment=self._environment(function),
            code=self._code(function) if package is PackageType.ZIP else "",
            layers=self._layer_folders(function),
            image=image,
            image_uri="" if image else self._text(function, "ImageUri"),
            image_command=self._command(function),
            reserved_concurrency=self._integer(function, "ReservedConcurrentExecutions", 0),
        )

    def _text(self, function: _Function, name: str) -> str:
        entry = function.one(name)
        text = self._nodes.text(entry.node, function.where(entry)) if entry else None
        return text or ""

    def _integer(self, function: _Function, name: str, least: int) -> int | None:
        entry = function.one(name)
        return self._nodes.integer(entry.node, function.where(entry), least) if entry else None

    def _name(self, function: _Function) -> str:
        name = self._text(function, "FunctionName") or function.id
        entry = function.own.get("FunctionName")
        line = line_of(entry.node) if entry else function.line
        if name in self.lines:
            message = f"a second function named '{name}', first in line {self.lines[name]}"
            self._nodes.faults.add(line, message)
        else:
            self.lines[name] = line
        return name

    def _architectures(self, function: _Function) -> None:
        for entry in function.all("Architectures"):
            for node in self._nodes.items(entry.node, function.where(entry)):
                stated = self._nodes.text(node, function.where(entry))
                if stated not in (None, self._architecture):
                    self._nodes.faults.add(
                        line_of(node),
                        f"{function.where(entry)}: {stated} cannot run here, functions run "
                        f"natively on this machine's {self._architecture}",
                    )

    def _package(self, function: _Function) -> PackageType:
        """Also notes what the package type asks for, and what it does not take."""
        stated = "Zip"
        if function.one("PackageType"):
            stated = self._nodes.choice(
                function.own, "PackageType", function.entry, ("Zip", "Image")
            )
        if not stated:
            return PackageType.ZIP
        image = stated == "Image"
        for name in _ZIP_ONLY if image else _IMAGE_ONLY:
            for unfit in function.all(name):
                message = f"{function.where(unfit)} does not go with PackageType {stated}"
                self._nodes.faults.add(unfit.line, message)
        if not image:
            for name in ("CodeUri", "Handler", "Runtime"):
                if not function.one(name):
                    self._nodes.faults.add(function.line, f"{function.id} needs {name}")
            if function.metadata:
                message = f"{function.id}: Metadata is supported for PackageType Image only"
                self._nodes.faults.add(function.metadata.line, message)
        return PackageType.IMAGE if image else PackageType.ZIP

    def _code(self, function: _Function) -> str:
        entry = function.one("CodeUri")
        folder = self._nodes.folder(entry.node, function.where(entry)) if entry else None
        return str(folder or "")

    def _layer_folders(self, function: _Function) -> tuple[str, ...]:
        folders = []
        for entry in function.all("Layers"):
            for node in self._nodes.items(entry.node, function.where(entry)):
                name, argument = intrinsic(node) or ("", node)
                folder = self._layers.get(str(argument.value)) if name == "Ref" else None
                if folder is None:
                    message = f"{function.where(entry)} must be !Ref to layers of this template"
                    self._nodes.faults.add(line_of(node), message)
                else:
                    folders.append(folder)
        return tuple(folders)

    def _environment(self, function: _Function) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry in function.all("Environment"):
            what = function.where(entry)
            section = self._nodes.entries(entry.node, what, ("Variables",)).get("Variables")
            variables = self._nodes.entries(section.node, what) if section else {}
            for name, variable in variables.items():
                value = self._nodes.string(variable.node, f"{what}: {name}")
                if value is not None:
                    found[name] = value
        return found

    def _command(self, function: _Function) -> tuple[str, ...]:
        entry = function.one("ImageConfig")
        if entry is None:
            return ()
        what = function.where(entry)
        command = self._nodes.entries(entry.node, what, ("Command",)).get("Command")
        nodes = self._nodes.items(command.node, f"{what}: Command") if command else []
        words = (self._nodes.text(node, f"{what}: Command") for node in nodes)
        return tuple(word for word in words if word is not None)

    def _image(self, function: _Function) -> ImageSource | None:
        """What Metadata builds it from; as with sam build, that goes before ImageUri."""
        if function.metadata is None:
            if not function.one("ImageUri"):
                message = f"{function.id} needs ImageUri, or Metadata with a DockerContext"
                self._nodes.faults.add(function.line, message)
            return None
        known = ("Dockerfile", "DockerContext", "DockerTag")
        what = f"{function.id}: Metadata"
        parts = self._nodes.entries(function.metadata.node, what, known)
        if "DockerContext" not in parts:
            self._nodes.faults.add(function.metadata.line, f"{what} needs DockerContext")
            return None
        place = parts["DockerContext"].node
        context = self._nodes.folder(place, f"{function.id}: DockerContext")
        named: str | None = "Dockerfile"
        if "Dockerfile" in parts:
            place = parts["Dockerfile"].node
            named = self._nodes.text(place, f"{function.id}: Dockerfile")
        if context is None or named is None:
            return None
        dockerfile = (context / named).resolve()
        if not dockerfile.is_file():
            self._nodes.faults.add(line_of(place), f"{function.id}: there is no file {dockerfile}")
        return ImageSource(str(dockerfile), str(context))

    def _events(self, function: _Function, name: str) -> None:
        section = function.one("Events")
        events = self._nodes.entries(section.node, f"{function.id}: Events") if section else {}
        for entry in events.values():
            event = replace(entry, key=f"{function.id}: event {entry.key}")
            parts = self._nodes.entries(event.node, event.key, ("Type", "Properties"))
            if self._nodes.choice(parts, "Type", event, ("HttpApi",)):
                self._route(event, parts.get("Properties"), name)

    def _route(self, event: Entry, section: Entry | None, name: str) -> None:
        known = ("Path", "Method")
        parts = self._nodes.entries(section.node, event.key, known) if section else {}
        if not parts:
            self._add(Route(ANY, DEFAULT, name), event.line, event.key)
            return
        missing = [key for key in known if key not in parts]
        if missing:
            self._nodes.faults.add(event.line, f"{event.key} needs {missing[0]} too")
            return
        place = parts["Path"].node
        path = self._nodes.text(place, f"{event.key}: Path")
        method = self._nodes.text(parts["Method"].node, f"{event.key}: Method")
        if path is None or method is None:
            return
        if method.upper() not in METHODS:
            message = f"{event.key}: Method '{method}' is none of {', '.join(sorted(METHODS))}"
            self._nodes.faults.add(line_of(parts["Method"].node), message)
        elif fault := path_fault(path):
            self._nodes.faults.add(line_of(place), f"{event.key}: {fault}")
        else:
            self._add(Route(method.upper(), path, name), line_of(place), event.key)

    def _add(self, route: Route, line: int, what: str) -> None:
        if route.shape in self._shapes:
            first = self._shapes[route.shape]
            message = f"{what}: {route.key} is taken by the route in line {first}"
            self._nodes.faults.add(line, message)
            return
        self._shapes[route.shape] = line
        self.routes.append(route)
