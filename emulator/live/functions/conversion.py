"""Turns versions of the catalogue into configurations that are run, and a template's into members.

The members are those of the service model's FunctionConfiguration. Knows no store and no engine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.function_names import prefix
from emulator.core.log_configuration import (
    ApplicationLogLevel,
    LogConfiguration,
    LogFormat,
    SystemLogLevel,
)
from emulator.core.prices import Architecture
from emulator.core.tenancy import TenantIsolationMode
from emulator.core.version_key import LATEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_names import Scope
    from emulator.live.store.function_records import Version

_DEFAULT_MEMORY_MB = 128
_DEFAULT_TIMEOUT = 3
_DEFAULT_STORAGE_MB = 512


def configuration(
    version: Version,
    home: Scope,
    *,
    code: str = "",
    layers: tuple[str, ...] = (),
    reserved_concurrency: int | None = None,
    template: FunctionConfiguration | None = None,
) -> FunctionConfiguration:
    """Returns what runs a version; `home` is the emulator's own account and region.

    `code` and `layers` are folders. What no member says is as in the `template`, where the
    function has one.
    """
    members, source = version.members, version.code
    image = members.get("ImageConfig", {})
    snap_start = members.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions"
    provisioned = template and version.version == LATEST and template.provisioned_concurrency
    return replace(
        template or FunctionConfiguration(version.function.name),
        version=version.version,
        scope=version.function.scope,
        prefix=prefix(version.function.scope, home),
        runtime=members.get("Runtime", ""),
        handler=members.get("Handler", ""),
        package_type=PackageType(members.get("PackageType", PackageType.ZIP)),
        memory_mb=members.get("MemorySize", _DEFAULT_MEMORY_MB),
        timeout=members.get("Timeout", _DEFAULT_TIMEOUT),
        environment=members.get("Environment", {}).get("Variables", {}),
        role=members.get("Role", ""),
        code=code,
        layers=layers,
        reserved_concurrency=reserved_concurrency,
        provisioned_concurrency=provisioned or None,
        tenant_isolation=bool(members.get("TenancyConfig")),
        snap_start=snap_start,
        image=ImageSource(source.dockerfile, source.context) if source.dockerfile else None,
        image_uri=source.image_uri,
        image_command=tuple(image.get("Command", ())),
        image_entry_point=tuple(image.get("EntryPoint", ())),
        image_working_directory=image.get("WorkingDirectory", ""),
        architecture=Architecture(members.get("Architectures", [Architecture.X86_64])[0]),
        ephemeral_storage_mb=members.get("EphemeralStorage", {}).get("Size", _DEFAULT_STORAGE_MB),
        logging=_logging(members.get("LoggingConfig", {})),
    )


def members(template: FunctionConfiguration) -> dict[str, Any]:
    """Returns what a template configures, as members; what is not said there is left out."""
    found: dict[str, Any] = {
        "PackageType": template.package_type.value,
        "MemorySize": template.memory_mb,
        "Timeout": template.timeout,
        "Architectures": [template.architecture.value],
        "EphemeralStorage": {"Size": template.ephemeral_storage_mb},
        "LoggingConfig": _logging_members(template.logging),
    }
    if template.tenant_isolation:
        found["TenancyConfig"] = {"TenantIsolationMode": TenantIsolationMode.PER_TENANT.value}
    if template.snap_start:
        found["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    if template.environment:
        found["Environment"] = {"Variables": dict(template.environment)}
    if template.package_type is PackageType.ZIP:
        found |= {"Runtime": template.runtime, "Handler": template.handler}
    elif image := _image_members(template):
        found["ImageConfig"] = image
    return found


def _image_members(template: FunctionConfiguration) -> dict[str, Any]:
    said = {
        "Command": list(template.image_command),
        "EntryPoint": list(template.image_entry_point),
        "WorkingDirectory": template.image_working_directory,
    }
    return {name: value for name, value in said.items() if value}


def _logging(members: Mapping[str, Any]) -> LogConfiguration:
    application, system = members.get("ApplicationLogLevel"), members.get("SystemLogLevel")
    return LogConfiguration(
        LogFormat(members.get("LogFormat", LogFormat.TEXT)),
        ApplicationLogLevel(application) if application else None,
        SystemLogLevel(system) if system else None,
        members.get("LogGroup", ""),
    )


def _logging_members(logging: LogConfiguration) -> dict[str, Any]:
    said = {
        "LogFormat": logging.format.value,
        "ApplicationLogLevel": logging.application_level and logging.application_level.value,
        "SystemLogLevel": logging.system_level and logging.system_level.value,
        "LogGroup": logging.group,
    }
    return {name: value for name, value in said.items() if value}
