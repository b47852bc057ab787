"""Reads what a function configures besides its code, its size and its routes.

Source: the AWS SAM specification 2016-10-31. SAM sets provisioned concurrency on the alias that
AutoPublishAlias names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from emulator.core.function_url import Cors, FunctionUrl, InvokeMode, UrlAuth
from emulator.core.log_configuration import (
    ApplicationLogLevel,
    LogConfiguration,
    LogFormat,
    SystemLogLevel,
)
from emulator.core.prices import Architecture
from emulator.core.tenancy import TenantIsolationMode
from emulator.sam.globals import merged
from emulator.sam.loader import line_of

if TYPE_CHECKING:
    from emulator.sam.globals import FunctionProperties, Option
    from emulator.sam.nodes import NodeReader

OPTIONS = (
    *("Architectures", "EphemeralStorage", "LoggingConfig"),
    *("ProvisionedConcurrencyConfig", "ReservedConcurrentExecutions", "FunctionUrlConfig"),
    *("TenancyConfig", "SnapStart"),
)
"""The options that Globals may state too; ImageConfig is not among them."""
_LOGGING = ("LogFormat", "ApplicationLogLevel", "SystemLogLevel", "LogGroup")
_IMAGE = ("Command", "EntryPoint", "WorkingDirectory")
_URL = ("AuthType", "InvokeMode", "Cors")
_CORS = (
    *("AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigins"),
    *("ExposeHeaders", "MaxAge"),
)

Choice = TypeVar("Choice", bound=StrEnum)


class SnapStart(StrEnum):
    """Lists the versions of which snapshots are taken."""

    NONE = "None"
    PUBLISHED_VERSIONS = "PublishedVersions"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """Holds what a function overrides of its image; empty: nothing."""

    command: tuple[str, ...] = ()
    entry_point: tuple[str, ...] = ()
    working_directory: str = ""


class OptionReader:
    """Reads one option a method; what a method returns is of no use where it noted a fault."""

    def __init__(self, nodes: NodeReader) -> None:
        self._nodes = nodes

    def architecture(self, function: FunctionProperties) -> Architecture:
        """Returns the one architecture; stated in Globals and by the function there are two."""
        stated = [
            (node, entry)
            for entry in function.all("Architectures")
            for node in self._nodes.items(entry.node, function.where(entry))
        ]
        found = Architecture.X86_64
        for node, entry in stated:
            where = function.where(entry)
            text = self._nodes.text(node, where)
            if text in list(Architecture):
                found = Architecture(text)
            elif text is not None:
                message = f"{where}: '{text}' is none of {', '.join(Architecture)}"
                self._nodes.faults.add(line_of(node), message)
        for node, entry in stated[1:]:
            message = f"{function.where(entry)}: a function has one architecture"
            self._nodes.faults.add(line_of(node), message)
        return found

    def ephemeral_storage(self, function: FunctionProperties) -> int:
        """Returns the room of /tmp in MB."""
        section = function.option("EphemeralStorage")
        parts = merged(section, self._nodes, ("Size",))
        if section and "Size" not in parts:
            self._needs(section, "Size")
        return self._integer(parts.get("Size"), 1) or 512

    def logging(self, function: FunctionProperties) -> LogConfiguration:
        parts = merged(function.option("LoggingConfig"), self._nodes, _LOGGING)
        return LogConfiguration(
            self._choice(parts.get("LogFormat"), LogFormat) or LogFormat.TEXT,
            self._choice(parts.get("ApplicationLogLevel"), ApplicationLogLevel),
            self._choice(parts.get("SystemLogLevel"), SystemLogLevel),
            self._text(parts.get("LogGroup")),
        )

    def provisioned(self, function: FunctionProperties) -> int | None:
        alias = function.one("AutoPublishAlias")
        if alias:
            self._nodes.text(alias.node, function.where(alias))
        section = function.option("ProvisionedConcurrencyConfig")
        if section is None:
            return None
        if alias is None:
            message = f"{section.last.key} needs AutoPublishAlias on the function"
            self._nodes.faults.add(section.last.line, message)
        name = "ProvisionedConcurrentExecutions"
        parts = merged(section, self._nodes, (name,))
        if name not in parts:
            self._needs(section, name)
        return self._integer(parts.get(name), 1)

    def function_url(self, function: FunctionProperties) -> FunctionUrl | None:
        section = function.option("FunctionUrlConfig")
        if section is None:
            return None
        parts = merged(section, self._nodes, _URL)
        if "AuthType" not in parts:
            self._needs(section, "AuthType")
        return FunctionUrl(
            self._choice(parts.get("AuthType"), UrlAuth) or UrlAuth.AWS_IAM,
            self._choice(parts.get("InvokeMode"), InvokeMode) or InvokeMode.BUFFERED,
            self._cors(parts.get("Cors")),
        )

    def tenant_isolation(self, function: FunctionProperties) -> bool:
        section = function.option("TenancyConfig")
        name = "TenantIsolationMode"
        parts = merged(section, self._nodes, (name,))
        if section and name not in parts:
            self._needs(section, name)
        return self._choice(parts.get(name), TenantIsolationMode) is not None

    def snap_start(self, function: FunctionProperties) -> bool:
        section = function.option("SnapStart")
        parts = merged(section, self._nodes, ("ApplyOn",))
        if section and "ApplyOn" not in parts:
            self._needs(section, "ApplyOn")
        return self._choice(parts.get("ApplyOn"), SnapStart) is SnapStart.PUBLISHED_VERSIONS

    def image(self, function: FunctionProperties) -> ImageConfig:
        parts = merged(function.option("ImageConfig"), self._nodes, _IMAGE)
        return ImageConfig(
            self._words(parts.get("Command")),
            self._words(parts.get("EntryPoint")),
            self._text(parts.get("WorkingDirectory")),
        )

    def _cors(self, section: Option | None) -> Cors | None:
        if section is None:
            return None
        parts = merged(section, self._nodes, _CORS)
        return Cors(
            allow_credentials=self._flag(parts.get("AllowCredentials")),
            allow_headers=self._words(parts.get("AllowHeaders")),
            allow_methods=self._words(parts.get("AllowMethods")),
            allow_origins=self._words(parts.get("AllowOrigins")),
            expose_headers=self._words(parts.get("ExposeHeaders")),
            max_age=self._integer(parts.get("MaxAge"), 0) or 0,
        )

    def _needs(self, section: Option, name: str) -> None:
        self._nodes.faults.add(section.last.line, f"{section.last.key} needs {name}")

    def _text(self, option: Option | None) -> str:
        if option is None:
            return ""
        return self._nodes.text(option.last.node, option.last.key) or ""

    def _integer(self, option: Option | None, least: int) -> int | None:
        if option is None:
            return None
        return self._nodes.integer(option.last.node, option.last.key, least)

    def _choice(self, option: Option | None, choices: type[Choice]) -> Choice | None:
        text = self._text(option)
        if option is None or not text:
            return None
        if text not in list(choices):
            message = f"{option.last.key}: '{text}' is none of {', '.join(choices)}"
            self._nodes.faults.add(line_of(option.last.node), message)
            return None
        return choices(text)

    def _flag(self, option: Option | None) -> bool:
        if option is None:
            return False
        text = self._nodes.string(option.last.node, option.last.key)
        if text not in (None, "true", "false"):
            message = f"{option.last.key} must be true or false, not '{text}'"
            self._nodes.faults.add(line_of(option.last.node), message)
        return text == "true"

    def _words(self, option: Option | None) -> tuple[str, ...]:
        """Returns a list, to which Globals and the function add up."""
        words = [
            self._nodes.text(node, place.key)
            for place in (option.places if option else ())
            for node in self._nodes.items(place.node, place.key)
        ]
        return tuple(word for word in words if word is not None)
