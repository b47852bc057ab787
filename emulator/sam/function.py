"""Reads functions of a SAM template: their configurations and their routes.

Source: the AWS SAM specification 2016-10-31 (properties, defaults, how Globals merge) and sam
build (a Dockerfile is looked for in its DockerContext). Knows what a function may say; how
nodes are read is `nodes`', what Lambda refuses is the core's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.routes import ANY, DEFAULT, METHODS, Route, path_fault
from emulator.sam.globals import FunctionProperties
from emulator.sam.loader import line_of
from emulator.sam.nodes import intrinsic
from emulator.sam.options import OPTIONS, OptionReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.sam.nodes import Entry, NodeReader

GLOBAL_PROPERTIES = (
    *("CodeUri", "Handler", "Runtime", "MemorySize", "Timeout", "Environment", "Layers"),
    *("Description", "Tags", *OPTIONS),
)
_PROPERTIES = (
    *GLOBAL_PROPERTIES,
    *("FunctionName", "PackageType", "ImageUri", "ImageConfig", "Events"),
)
_ZIP_ONLY = ("CodeUri", "Handler", "Runtime", "Layers")
_IMAGE_ONLY = ("ImageUri", "ImageConfig")


class FunctionReader:
    """Reads functions one after the other, so that no two have one name or one route.

    `layers` holds each layer's folder by its logical id.
    """

    def __init__(self, nodes: NodeReader, layers: Mapping[str, str]) -> None:
        self.lines: dict[str, int] = {}
        """The line of each function, by its name."""
        self.routes: list[Route] = []
        self._nodes = nodes
        self._layers = layers
        self._options = OptionReader(nodes)
        self._shapes: dict[str, int] = {}

    def read(
        self, entry: Entry, parts: Mapping[str, Entry], shared: Mapping[str, Entry]
    ) -> FunctionConfiguration:
        """Returns a function's configuration; of no use where a fault was noted."""
        own = parts.get("Properties")
        properties = self._nodes.entries(own.node, entry.key, _PROPERTIES) if own else {}
        function = FunctionProperties(entry, properties, shared, parts.get("Metadata"))
        name = self._name(function)
        self._events(function, name)
        package = self._package(function)
        image = self._image(function) if package is PackageType.IMAGE else None
        configured = self._options.image(function)
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
            image_command=configured.command,
            image_entry_point=configured.entry_point,
            image_working_directory=configured.working_directory,
            reserved_concurrency=self._integer(function, "ReservedConcurrentExecutions", 0),
            provisioned_concurrency=self._options.provisioned(function),
            architecture=self._options.architecture(function),
            ephemeral_storage_mb=self._options.ephemeral_storage(function),
            logging=self._options.logging(function),
            function_url=self._options.function_url(function),
            tenant_isolation=self._options.tenant_isolation(function),
        )

    def _text(self, function: FunctionProperties, name: str) -> str:
        entry = function.one(name)
        text = self._nodes.text(entry.node, function.where(entry)) if entry else None
        return text or ""

    def _integer(self, function: FunctionProperties, name: str, least: int) -> int | None:
        entry = function.one(name)
        return self._nodes.integer(entry.node, function.where(entry), least) if entry else None

    def _name(self, function: FunctionProperties) -> str:
        name = self._text(function, "FunctionName") or function.id
        entry = function.own.get("FunctionName")
        line = line_of(entry.node) if entry else function.line
        if name in self.lines:
            message = f"a second function named '{name}', first in line {self.lines[name]}"
            self._nodes.faults.add(line, message)
        else:
            self.lines[name] = line
        return name

    def _package(self, function: FunctionProperties) -> PackageType:
        """Returns the package type; notes what that asks for, and what it does not take."""
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

    def _code(self, function: FunctionProperties) -> str:
        entry = function.one("CodeUri")
        folder = self._nodes.folder(entry.node, function.where(entry)) if entry else None
        return str(folder or "")

    def _layer_folders(self, function: FunctionProperties) -> tuple[str, ...]:
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

    def _environment(self, function: FunctionProperties) -> dict[str, str]:
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

    def _image(self, function: FunctionProperties) -> ImageSource | None:
        """Returns what Metadata builds the image from, which goes before ImageUri in sam build."""
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

    def _events(self, function: FunctionProperties, name: str) -> None:
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
