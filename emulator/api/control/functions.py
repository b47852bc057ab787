"""Creates, shows, lists and deletes functions.

Source: the API reference and botocore's service model; sentences of refusals as AWS's answers in
public issues have them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control import view
from emulator.api.control.checks import (
    check_configuration,
    check_emulated,
    check_runtime,
    check_size,
    check_storage,
)
from emulator.api.control.code import code_of
from emulator.api.control.code_signing import check_code, use_config
from emulator.api.control.collaborators import function_name, reference, scope_of
from emulator.api.control.layer_references import layers_of
from emulator.api.control.pages import page
from emulator.api.control.without_effect import tell_of_no_effect
from emulator.core.function_names import is_version
from emulator.core.version_key import LATEST
from emulator.errors import InvalidParameterValueError, ResourceConflictError
from emulator.live.store.catalog import not_found
from emulator.live.store.function_records import (
    Function,
    Status,
    Version,
    concurrency_key,
    new_revision,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import FunctionName, Reference

CONFIGURED = (
    *("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "VpcConfig"),
    *("DeadLetterConfig", "Environment", "KMSKeyArn", "TracingConfig", "FileSystemConfigs"),
    *("ImageConfig", "EphemeralStorage", "SnapStart", "LoggingConfig"),
)
"""Members that CreateFunction and UpdateFunctionConfiguration have in common."""
_AT_CREATION = ("PackageType", "Architectures", "TenancyConfig", *CONFIGURED)


def function_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on whole functions, by name."""
    return {
        "CreateFunction": partial(create_function, control),
        "GetFunction": partial(get_function, control),
        "GetFunctionConfiguration": partial(get_function_configuration, control),
        "ListFunctions": partial(list_functions, control),
        "DeleteFunction": partial(delete_function, control),
    }


async def create_function(control: Control, call: Call) -> dict[str, Any]:
    """Makes a function, which is Pending until its package is made."""
    name, arguments = function_name(call), call.arguments
    check_emulated(arguments)
    check_runtime(control, arguments.get("Runtime"))
    _check_new(control, name)
    signing = arguments.get("CodeSigningConfigArn", "")
    check_code(control, name, signing)
    latest = await _new_version(control, call, name)
    check_configuration(control, latest)
    _check_new(control, name)  # somebody else may have come first while the code was kept
    tell_of_no_effect(name.arn(), arguments)
    if signing:
        await use_config(control, name, signing)
    function = Function(name, tags=dict(arguments.get("Tags") or {}))
    if not arguments.get("Publish"):
        await control.catalog.save(function, latest)
        control.deployer.begin(latest)
        return view.configuration(latest)
    published = Version(
        name, "1", latest.members, latest.code, latest.status, new_revision(), latest.modified
    )
    await control.catalog.save(Function(name, 2, function.tags), latest, published)
    control.deployer.begin(latest)
    control.deployer.begin(published)
    return view.configuration(published)


async def _new_version(control: Control, call: Call, name: FunctionName) -> Version:
    arguments, scope = call.arguments, scope_of(call)
    members = configured(arguments, _AT_CREATION)
    image = members.setdefault("PackageType", "Zip") == "Image"
    layers = layers_of(control, arguments.get("Layers") or [])
    code = await code_of(control, scope, arguments["Code"], call.operation, image=image)
    if layers.members:
        members["Layers"] = layers.members
    version = Version(
        name,
        LATEST,
        members,
        layers.added_to(code),
        Status(),
        new_revision(),
        control.time_of_day(),
    )
    check_size(control, version, layers.unzipped)
    check_storage(control, scope, code.size)
    return version


def configured(arguments: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the members that a call says of a function's configuration."""
    return {name: arguments[name] for name in names if arguments.get(name) is not None}


def _check_new(control: Control, name: FunctionName) -> None:
    if control.catalog.function(name) is not None:
        raise ResourceConflictError(f"Function already exist: {name.name}")


async def get_function(control: Control, call: Call) -> dict[str, Any]:
    """Shows a function with a link to its code."""
    asked = reference(call)
    version = control.catalog.find(asked)
    function = control.catalog.existing(asked.function)
    return {
        "Configuration": view.configuration(version, asked.qualifier),
        "Code": _code(control, call, version),
        "Tags": dict(function.tags) or None,
        "Concurrency": control.catalog.resources.get(concurrency_key(asked.function)),
    }


def _code(control: Control, call: Call, version: Version) -> dict[str, Any]:
    code = version.code
    if code.image_uri or code.dockerfile:
        uri = code.image_uri or f"testbed/{version.function.name}"
        return {
            "RepositoryType": "ECR",
            "ImageUri": uri,
            "ResolvedImageUri": f"{uri.partition('@')[0]}@sha256:{code.sha256}",
        }
    if code.archive:
        location = control.links.link(call.host, code.archive)
    else:
        location = control.links.link(call.host, version.arn)
    return {"RepositoryType": "S3", "Location": location}


async def get_function_configuration(control: Control, call: Call) -> dict[str, Any]:
    """Shows a function's configuration."""
    asked = reference(call)
    return view.configuration(control.catalog.find(asked), asked.qualifier)


async def list_functions(control: Control, call: Call) -> dict[str, Any]:
    """Lists an account's functions in a region, or all their versions."""
    scope = scope_of(call)
    names = [function.name for function in control.catalog.functions(scope)]
    if call.arguments.get("FunctionVersion") == "ALL":
        versions = [version for name in names for version in control.catalog.versions(name)]
        write = partial(view.listed, qualified=True)
        return page(call, versions, lambda v: f"{v.function.name}:{v.version}", write, "Functions")
    latest = [found for name in names if (found := control.catalog.version(name)) is not None]
    return page(call, latest, lambda version: version.function.name, view.listed, "Functions")


async def delete_function(control: Control, call: Call) -> dict[str, Any]:
    """Deletes a function, or one version; requests that run end as they would have."""
    asked = reference(call)
    function = control.catalog.existing(asked.function)
    if asked.qualifier:
        await _delete_version(control, asked)
        return {"StatusCode": 204}
    versions = control.catalog.versions(function.name)
    await control.catalog.delete(function.name)
    for version in versions:
        control.deployer.retire(version)
    return {"StatusCode": 204}


async def _delete_version(control: Control, asked: Reference) -> None:
    if asked.qualifier == LATEST:
        raise InvalidParameterValueError(
            "$LATEST version cannot be deleted without deleting the function."
        )
    if not is_version(asked.qualifier):
        raise InvalidParameterValueError("Deletion of aliases is not currently supported.")
    version = control.catalog.version(asked.function, asked.qualifier)
    if version is None:
        raise not_found(asked)
    for alias in control.catalog.aliases(asked.function):
        if asked.qualifier in (alias.version, *alias.weights):
            raise ResourceConflictError(
                f"Version {asked.qualifier} is used by the alias {alias.name}; delete that first."
            )
    await control.catalog.delete_qualifier(asked.function, asked.qualifier)
    control.deployer.retire(version)
