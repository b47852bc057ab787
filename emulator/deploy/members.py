"""Says functions of a template as members of Lambda's operations. Pure.

Source: botocore's service model of Lambda.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import PackageType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.function_url import Cors, FunctionUrl
    from emulator.sam.extras import Extras


def configuration(
    function: FunctionConfiguration, extras: Extras, layers: Sequence[str], role: str
) -> dict[str, Any]:
    """Returns the members that CreateFunction and UpdateFunctionConfiguration share."""
    members: dict[str, Any] = {
        "FunctionName": function.name,
        "Role": role,
        "Description": extras.description,
        "MemorySize": function.memory_mb,
        "Timeout": function.timeout,
        "Environment": {"Variables": dict(function.environment)},
        "EphemeralStorage": {"Size": function.ephemeral_storage_mb},
    }
    if function.package_type is PackageType.ZIP:
        members |= {
            "Runtime": function.runtime,
            "Handler": function.handler,
            "Layers": list(layers),
        }
    elif image := _image_config(function):
        members["ImageConfig"] = image
    if extras.dead_letter_target:
        members["DeadLetterConfig"] = {"TargetArn": extras.dead_letter_target}
    if logging := _logging(function):
        members["LoggingConfig"] = logging
    return members


def creation(
    function: FunctionConfiguration, extras: Extras, code: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the members that CreateFunction has beside the configuration."""
    members: dict[str, Any] = {
        "Code": dict(code),
        "PackageType": function.package_type.value,
        "Architectures": [function.architecture.value],
    }
    return members | ({"Tags": dict(extras.tags)} if extras.tags else {})


def _image_config(function: FunctionConfiguration) -> dict[str, Any]:
    stated = {
        "Command": list(function.image_command),
        "EntryPoint": list(function.image_entry_point),
        "WorkingDirectory": function.image_working_directory,
    }
    return {name: value for name, value in stated.items() if value}


def _logging(function: FunctionConfiguration) -> dict[str, str]:
    logging = function.logging
    stated = {
        "LogFormat": str(logging.format.value),
        "ApplicationLogLevel": logging.application_level and logging.application_level.value,
        "SystemLogLevel": logging.system_level and logging.system_level.value,
        "LogGroup": logging.group,
    }
    found = {name: str(value) for name, value in stated.items() if value}
    return {} if found == {"LogFormat": "Text"} else found


def url(stated: FunctionUrl) -> dict[str, Any]:
    """Returns the members of a function URL, without the function."""
    members: dict[str, Any] = {
        "AuthType": stated.auth.value,
        "InvokeMode": stated.invoke_mode.value,
    }
    return members | ({"Cors": _cors(stated.cors)} if stated.cors else {})


def _cors(cors: Cors) -> dict[str, Any]:
    stated = {
        "AllowCredentials": cors.allow_credentials,
        "AllowHeaders": list(cors.allow_headers),
        "AllowMethods": list(cors.allow_methods),
        "AllowOrigins": list(cors.allow_origins),
        "ExposeHeaders": list(cors.expose_headers),
        "MaxAge": cors.max_age,
    }
    return {name: value for name, value in stated.items() if value}
