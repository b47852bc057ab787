"""Keeps how a function's runtime is to be updated. There is one version of each runtime here.

Source: the API reference and the developer guide's "Understanding how Lambda manages runtime
version updates".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.collaborators import reference
from emulator.core.version_key import LATEST
from emulator.errors import InvalidParameterValueError
from emulator.live.store.resources import Key, Kind
from emulator.telemetry.log_lines import runtime_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import FunctionName
    from emulator.live.store.function_records import Version

_DEFAULT = {"UpdateRuntimeOn": "Auto"}
_NEEDS_ARN = "RuntimeVersionArn is required when UpdateRuntimeOn is Manual."
_TAKES_NO_ARN = "RuntimeVersionArn can be given only when UpdateRuntimeOn is Manual."
"""Refusals in our words (trust L): the reference says when the ARN is required."""


def runtime_management_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on runtime management, by name."""
    return {
        "PutRuntimeManagementConfig": partial(put_runtime_management_config, control),
        "GetRuntimeManagementConfig": partial(get_runtime_management_config, control),
    }


async def put_runtime_management_config(control: Control, call: Call) -> dict[str, Any]:
    """Sets when a version's runtime is updated."""
    version, arguments = _version(control, call), call.arguments
    mode, arn = arguments["UpdateRuntimeOn"], arguments.get("RuntimeVersionArn")
    if (mode == "Manual") is not bool(arn):
        raise InvalidParameterValueError(_TAKES_NO_ARN if arn else _NEEDS_ARN)
    if arn and arn != _runtime_arn(version):
        raise InvalidParameterValueError(f"Runtime version {arn} does not exist.")
    document = {"UpdateRuntimeOn": mode} | ({"RuntimeVersionArn": arn} if arn else {})
    await control.catalog.resources.change({_key(version.function, version.version): document})
    return _shown(version, document)


async def get_runtime_management_config(control: Control, call: Call) -> dict[str, Any]:
    """Shows when a version's runtime is updated."""
    version = _version(control, call)
    found = control.catalog.resources.get(_key(version.function, version.version))
    return _shown(version, _DEFAULT if found is None else found)


def _version(control: Control, call: Call) -> Version:
    return control.catalog.find(reference(call))


def _runtime_arn(version: Version) -> str:
    return runtime_version(version.members.get("Runtime", ""), version.function.scope.region)[1]


def _key(name: FunctionName, version: str) -> Key:
    return Key(name.scope, Kind.RUNTIME_MANAGEMENT, name.name, version)


def _shown(version: Version, document: Mapping[str, Any]) -> dict[str, Any]:
    return {**document, "FunctionArn": version.function.arn(version.version or LATEST)}
