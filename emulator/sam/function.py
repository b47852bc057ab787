"""Reads functions of a SAM template: their configurations and their routes.

Source: the AWS SAM specification 2016-10-31 (properties, defaults, how Globals merge) and sam
build (a Dockerfile is looked for in its DockerContext). Knows what a function may say; how
nodes are read is `nodes`', what Lambda refuses is the core's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.routes import ANY, DEFAULT, METHODS, PayloadFormat, Route, path_fault
from emulator.sam.apis import HTTP_KIND, REST_KIND
from emulator.sam.events import EventReader
from emulator.sam.extras import EXTRAS, TOLD, Extras, ExtrasReader
from emulator.sam.globals import FunctionProperties
from emulator.sam.loader import line_of
from emulator.sam.options import OPTIONS, OptionReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.triggers import Trigger
    from emulator.sam.apis import ApiReader
    from emulator.sam.nodes import Entry, NodeReader

GLOBAL_PROPERTIES = (
    *("CodeUri", "Handler", "Runtime", "MemorySize", "Timeout", "Environment", "Layers"),
    *(*OPTIONS, *EXTRAS, *TOLD),
)
_PROPERTIES = (
    *GLOBAL_PROPERTIES,
    *("FunctionName", "PackageType", "ImageUri", "ImageConfig", "Events"),
)
_ZIP_ONLY = ("CodeUri", "Handler", "Runtime", "Layers")
_IMAGE_ONLY = ("ImageUri", "ImageConfig")
_LAYER_ARN = "arn:aws:lambda:"
_METADATA = ("Dockerfile", "DockerContext", "DockerTag", "SamResourceId", "SamNormalize")
_ROUTED = {"HttpApi": HTTP_KIND, "Api": REST_KIND}
_NAMES_API = {"HttpApi": "ApiId", "Api": "RestApiId"}
_ROUTE = {
    "HttpApi": ("Path", "Method", "ApiId", "Auth", "PayloadFormatVersion"),
    "Api": ("Path", "Method", "RestApiId", "Auth"),
}


class FunctionReader:
    """Reads functions one after the other, so that no two have one name.

    `layers` holds the folder of each layer of the template by its ARN.
    """

    def __init__(self, nodes: NodeReader, layers: Mapping[str, str], apis: ApiReader) -> None:
        self.lines: dict[str, int] = {}
        """The line of each function, by its name."""
        self.extras: dict[str, Extras] = {}
        """What is set beside each function's configuration, by its name."""
        self.triggers: list[Trigger] = []
        self.told: list[tuple[int, str]] = []
        """Sentences about what has no effect here, each with its line."""
        self._nodes = nodes
        self._layers = layers
        self._apis = apis
        self._options = OptionReader(nodes)
        self._extras = ExtrasReader(nodes)
        self._event_reader = EventReader(nodes)

    def read(
        self, entry: Entry, parts: Mapping[str, Entry], shared: Mapping[str, Entry]
    ) -> FunctionConfiguration:
        """Returns a function's configuration; of no use where a fault was noted."""
        own = parts.get("Properties")
        properties = self._nodes.entries(own.node, entry.key, _PROPERTIES) if own else {}
        function = FunctionProperties(entry, properties, shared, parts.get("Metadata"))
        name = self._name(function)
        layers = self._layer_arns(function)
        self.extras[name] = self._extras.read(function, layers, name)
        self.told += self._extras.told(function)
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
            layers=tuple(self._layers.get(arn, arn) for arn in layers),
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
            snap_start=self._options.snap_start(function),
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
            if function.metadata and self._is_unbuilt(function.metadata):
                message = (
                    f"{function.id}: Metadata asks for a build; `sam build` writes a template with "
                    "what it built"
                )
                self._nodes.faults.add(function.metadata.line, message)
        return PackageType.IMAGE if image else PackageType.ZIP

    def _is_unbuilt(self, metadata: Entry) -> bool:
        """Returns whether Metadata names a build that is not sam build's own of the runtime."""
        stated = self._nodes.plain(metadata.node, metadata.key)
        built = isinstance(stated, dict) and "SamResourceId" in stated  # in what sam build wrote
        return isinstance(stated, dict) and "BuildMethod" in stated and not built

    def _code(self, function: FunctionProperties) -> str:
        entry = function.one("CodeUri")
        folder = self._nodes.folder(entry.node, function.where(entry)) if entry else None
        return str(folder or "")

    def _layer_arns(self, function: FunctionProperties) -> tuple[str, ...]:
        arns = []
        for entry in function.all("Layers"):
            where = function.where(entry)
            for node in self._nodes.items(entry.node, where):
                arn = self._nodes.text(node, where)
                if arn is not None and arn not in self._layers and not arn.startswith(_LAYER_ARN):
                    message = f"{where}: '{arn}' is no layer of this template, and no ARN of one"
                    self._nodes.faults.add(line_of(node), message)
                elif arn is not None:
                    arns.append(arn)
        return tuple(arns)

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
        what = f"{function.id}: Metadata"
        parts = self._nodes.entries(function.metadata.node, what, _METADATA)
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
            known = (*_ROUTED, *self._event_reader.types)
            kind = self._nodes.choice(parts, "Type", event, known)
            if kind in _ROUTED:
                self._route(kind, event, parts.get("Properties"), name)
            elif kind:
                read = self._event_reader.read(kind, event, parts.get("Properties"), name)
                self.triggers += [read] if read is not None else []

    def _route(self, kind: str, event: Entry, section: Entry | None, name: str) -> None:
        known = _ROUTE[kind]
        parts = self._nodes.entries(section.node, event.key, known) if section else {}
        api = self._apis.api(_ROUTED[kind], parts.get(_NAMES_API[kind]), event.key)
        stated = {"Path", "Method"} & set(parts)
        if not api:
            return
        auth = self._apis.auth(api, self._authorizer(event, parts.get("Auth")))
        payload = self._payload_format(event, parts.get("PayloadFormatVersion"))
        if not stated and kind == "HttpApi":
            route = Route(ANY, DEFAULT, name, auth, payload)
            self._apis.add(api, route, event.line, event.key)
        elif missing := [key for key in ("Path", "Method") if key not in stated]:
            self._nodes.faults.add(event.line, f"{event.key} needs {missing[0]} too")
        else:
            place = line_of(parts["Path"].node)
            found = self._path_and_method(event, parts)
            if found is not None:
                route = Route(found[1], found[0], name, auth, payload)
                self._apis.add(api, route, place, event.key)

    def _path_and_method(self, event: Entry, parts: Mapping[str, Entry]) -> tuple[str, str] | None:
        path = self._nodes.text(parts["Path"].node, f"{event.key}: Path")
        method = self._nodes.text(parts["Method"].node, f"{event.key}: Method")
        if path is None or method is None:
            return None
        if method.upper() not in METHODS:
            message = f"{event.key}: Method '{method}' is none of {', '.join(sorted(METHODS))}"
            self._nodes.faults.add(line_of(parts["Method"].node), message)
        elif fault := path_fault(path):
            self._nodes.faults.add(line_of(parts["Path"].node), f"{event.key}: {fault}")
        else:
            return path, method.upper()
        return None

    def _authorizer(self, event: Entry, section: Entry | None) -> str:
        what = f"{event.key}: Auth"
        parts = self._nodes.entries(section.node, what, ("Authorizer",)) if section else {}
        entry = parts.get("Authorizer")
        if entry is None:
            return ""
        stated = self._nodes.text(entry.node, f"{what}: Authorizer")
        if stated not in (None, "NONE", "AWS_IAM"):
            message = f"{what}: Authorizer '{stated}' is not supported, only AWS_IAM and NONE are"
            self._nodes.faults.add(line_of(entry.node), message)
        return stated or ""

    def _payload_format(self, event: Entry, entry: Entry | None) -> PayloadFormat:
        if entry is None:
            return PayloadFormat.V2
        what = f"{event.key}: PayloadFormatVersion"
        stated = self._nodes.string(entry.node, what)
        if stated not in (None, *PayloadFormat):
            message = f"{what} '{stated}' is none of {', '.join(PayloadFormat)}"
            self._nodes.faults.add(line_of(entry.node), message)
        return PayloadFormat.V1 if stated == PayloadFormat.V1 else PayloadFormat.V2
