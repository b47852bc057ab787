"""Publishes, shows, lists and deletes layers. Source: the API reference and botocore's model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api.control.checks import check_storage
from emulator.api.control.code import archive_of
from emulator.api.control.collaborators import scope_of
from emulator.api.control.pages import page
from emulator.errors import (
    ConstraintError,
    InvalidParameterValueError,
    ResourceNotFoundError,
)
from emulator.live.store.layers import LayerVersion, layer_name, layer_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Call, Operation
    from emulator.core.function_names import Scope

_DESCRIBED = ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
_MISSING = "The resource you requested does not exist."


def layer_operations(control: Control) -> Mapping[str, Operation]:
    """Returns the operations on layers, by name."""
    return {
        "PublishLayerVersion": partial(publish_layer_version, control),
        "GetLayerVersion": partial(get_layer_version, control),
        "GetLayerVersionByArn": partial(get_layer_version_by_arn, control),
        "ListLayers": partial(list_layers, control),
        "ListLayerVersions": partial(list_layer_versions, control),
        "DeleteLayerVersion": partial(delete_layer_version, control),
    }


async def publish_layer_version(control: Control, call: Call) -> dict[str, Any]:
    """Keeps a zip as the next version of a layer."""
    arguments = call.arguments
    scope, name = layer_name(arguments["LayerName"], scope_of(call))
    content = arguments["Content"]
    if not content.get("ZipFile") and not content.get("S3Bucket"):
        raise InvalidParameterValueError("Please provide a source for layer content.")
    archive = await archive_of(control, scope, content, call.operation)
    check_storage(control, scope, archive.size)
    layer = LayerVersion(
        scope,
        name,
        control.catalog.layers.next_number(scope, name),
        archive.name,
        archive.sha256,
        archive.size,
        archive.unzipped,
        control.time_of_day(),
        {member: arguments[member] for member in _DESCRIBED if arguments.get(member)},
    )
    await control.catalog.layers.publish(layer)
    return _whole(control, call, layer)


async def get_layer_version(control: Control, call: Call) -> dict[str, Any]:
    """Shows a layer's version with a link to its zip."""
    return _whole(control, call, _existing(control, *_named(call)))


async def get_layer_version_by_arn(control: Control, call: Call) -> dict[str, Any]:
    """Shows the layer's version of an ARN with a link to its zip."""
    named = layer_reference(call.arguments["Arn"])
    if named is None:
        raise ConstraintError(
            f"1 validation error detected: Value '{call.arguments['Arn']}' at 'arn' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: "
            "(arn:(aws[a-zA-Z-]*)?:lambda:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\\d{1}:\\d{12}:"
            "layer:[a-zA-Z0-9-_]+:[0-9]+)"
        )
    return _whole(control, call, _existing(control, *named))


async def list_layers(control: Control, call: Call) -> dict[str, Any]:
    """Lists the layers that have a fitting version, each with its latest such."""
    scope = scope_of(call)
    latest = []
    for name in control.catalog.layers.names(scope):
        fitting = [v for v in control.catalog.layers.versions(scope, name) if _fits(call, v)]
        latest += fitting[:1]
    return page(call, latest, lambda layer: layer.name, _entry, "Layers")


async def list_layer_versions(control: Control, call: Call) -> dict[str, Any]:
    """Lists a layer's fitting versions, the latest first."""
    scope, name = layer_name(call.arguments["LayerName"], scope_of(call))
    versions = [v for v in control.catalog.layers.versions(scope, name) if _fits(call, v)]
    return page(call, versions, lambda layer: str(layer.number), _described, "LayerVersions")


async def delete_layer_version(control: Control, call: Call) -> dict[str, Any]:
    """Deletes a layer's version; nothing happens where there is none."""
    await control.catalog.layers.delete(*_named(call))
    return {}


def _named(call: Call) -> tuple[Scope, str, int]:
    scope, name = layer_name(call.arguments["LayerName"], scope_of(call))
    return scope, name, call.arguments["VersionNumber"]


def _existing(control: Control, scope: Scope, name: str, number: int) -> LayerVersion:
    found = control.catalog.layers.version(scope, name, number)
    if found is None:
        raise ResourceNotFoundError(_MISSING)
    return found


def _fits(call: Call, layer: LayerVersion) -> bool:
    """Returns whether a version says that it works with what the call asks for, if anything."""
    runtime = call.arguments.get("CompatibleRuntime")
    architecture = call.arguments.get("CompatibleArchitecture")
    runtimes = layer.members.get("CompatibleRuntimes", ())
    architectures = layer.members.get("CompatibleArchitectures", ())
    return (runtime is None or runtime in runtimes) and (
        architecture is None or architecture in architectures
    )


def _described(layer: LayerVersion) -> dict[str, Any]:
    return {
        "LayerVersionArn": layer.arn,
        "Version": layer.number,
        "CreatedDate": layer.created,
        **layer.members,
    }


def _entry(layer: LayerVersion) -> dict[str, Any]:
    return {
        "LayerName": layer.name,
        "LayerArn": layer.layer_arn,
        "LatestMatchingVersion": _described(layer),
    }


def _whole(control: Control, call: Call, layer: LayerVersion) -> dict[str, Any]:
    return {
        **_described(layer),
        "LayerArn": layer.layer_arn,
        "Content": {
            "Location": control.links.link(call.host, layer.archive),
            "CodeSha256": layer.sha256,
            "CodeSize": layer.size,
        },
    }
