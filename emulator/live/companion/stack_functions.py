"""Says how a stack's functions are made in the emulator, with their versions, aliases and layers.

Knows nothing of moto. Source: CloudFormation user guide, the reference of AWS::Lambda.
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from emulator.live.companion.recipes import Made, Recipe, keep, leave, removal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.companion.lambda_client import OwnApi

_LONGEST_WAIT = 900.0
"""Seconds for a function to become active."""
_BETWEEN_LOOKS = 0.1
_INLINE = {"python": "index.py", "nodejs": "index.js"}
_CODE = ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
_SET_APART = ("ReservedConcurrentExecutions", "RuntimeManagementConfig", "RecursiveLoop")
_STATED = "stated"
_THERE = "ResourceConflictException"


def _make_function(api: OwnApi, name: str, properties: dict[str, Any]) -> Made:
    members = _function_members(properties)
    try:
        created = api.call("CreateFunction", {**members, "FunctionName": name})
    except ClientError as error:
        if error.response["Error"]["Code"] != _THERE or not _is_of_an_earlier_run(api, name):
            raise
        _clear_away(api, name)
        created = api.call("CreateFunction", {**members, "FunctionName": name})
    _wait(api, name)
    _reserve(api, name, properties)
    return Made(name, {"Arn": created["FunctionArn"]}, {"FunctionName": name})


def _is_of_an_earlier_run(api: OwnApi, name: str) -> bool:
    """Returns whether a function was there before the emulator began.

    A stack ends with its run and its functions do not: the same stack made again would meet them.
    """
    changed = api.call("GetFunctionConfiguration", {"FunctionName": name})["LastModified"]
    began = float(os.environ.get("TESTBED_BEGAN", "0"))
    return datetime.strptime(changed, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() < began


def _clear_away(api: OwnApi, name: str) -> None:
    """Deletes a function with its event source mappings, which Lambda keeps apart."""
    listed = api.call("ListEventSourceMappings", {"FunctionName": name})
    for mapping in listed["EventSourceMappings"]:
        api.call("DeleteEventSourceMapping", {"UUID": mapping["UUID"]})
    api.call("DeleteFunction", {"FunctionName": name})


def _change_function(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    members = _function_members(properties)
    code = {"Architectures": members.pop("Architectures", ["x86_64"]), **members.pop("Code")}
    members.pop("PackageType", None)
    members.pop("Tags", None)
    stated = json.dumps(properties, sort_keys=True, default=str)
    if made.facts.get(_STATED) == stated:
        return made
    api.call("UpdateFunctionCode", {**made.members, **code})
    _wait(api, made.id)
    api.call("UpdateFunctionConfiguration", {**members, **made.members})
    _wait(api, made.id)
    _reserve(api, made.id, properties)
    made.facts[_STATED] = stated  # not before: what was refused is tried again
    return made


def _function_members(properties: dict[str, Any]) -> dict[str, Any]:
    left_out = ("FunctionName", *_SET_APART)
    members = {name: value for name, value in properties.items() if name not in left_out}
    code = {name: value for name, value in members["Code"].items() if name in _CODE}
    if isinstance(code.get("ZipFile"), str):
        code["ZipFile"] = _packed(code["ZipFile"], str(members.get("Runtime", "")))
    members["Code"] = code
    if "ImageUri" in code:
        members["PackageType"] = "Image"
    if isinstance(members.get("Tags"), list):
        members["Tags"] = {tag["Key"]: tag["Value"] for tag in members["Tags"]}
    return members


def _packed(text: str, runtime: str) -> bytes:
    """Returns code that stands in a template as the package that CloudFormation makes of it."""
    name = next((name for start, name in _INLINE.items() if runtime.startswith(start)), "index.py")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def _wait(api: OwnApi, name: str) -> None:
    until = time.monotonic() + _LONGEST_WAIT
    while time.monotonic() < until:
        there = api.call("GetFunctionConfiguration", {"FunctionName": name})
        states = (there.get("State", "Active"), there.get("LastUpdateStatus", "Successful"))
        if "Failed" in states:
            reason = there.get("StateReason") or there.get("LastUpdateStatusReason") or "it failed"
            raise RuntimeError(f"{name}: {reason}")
        if states == ("Active", "Successful"):
            return
        time.sleep(_BETWEEN_LOOKS)
    raise RuntimeError(f"{name} is not active after {_LONGEST_WAIT:.0f} s")


def _reserve(api: OwnApi, name: str, properties: dict[str, Any]) -> None:
    stated = properties.get("ReservedConcurrentExecutions")
    if stated is not None:
        members = {"FunctionName": name, "ReservedConcurrentExecutions": stated}
        api.call("PutFunctionConcurrency", members)


def _make_version(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    known = ("FunctionName", "Description", "CodeSha256")
    members = {name: properties[name] for name in known if name in properties}
    version = api.call("PublishVersion", members)
    arn = version["FunctionArn"]
    return Made(arn, {"Version": version["Version"], "FunctionArn": arn})


def _alias_members(properties: dict[str, Any]) -> dict[str, Any]:
    known = ("FunctionName", "FunctionVersion", "Name", "Description")
    members = {name: properties[name] for name in known if name in properties}
    weights = (properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights", ())
    if weights:
        shares = {one["FunctionVersion"]: one["FunctionWeight"] for one in weights}
        members["RoutingConfig"] = {"AdditionalVersionWeights": shares}
    return members


def _make_alias(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    alias = api.call("CreateAlias", _alias_members(properties))
    named = {"FunctionName": str(properties["FunctionName"]), "Name": str(properties["Name"])}
    _provision(api, named, properties)
    return Made(alias["AliasArn"], {"AliasArn": alias["AliasArn"]}, named)


def _change_alias(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    api.call("UpdateAlias", _alias_members(properties))
    _provision(api, made.members, properties)
    return made


def _provision(api: OwnApi, named: Mapping[str, str], properties: dict[str, Any]) -> None:
    stated = (properties.get("ProvisionedConcurrencyConfig") or {}).get(
        "ProvisionedConcurrentExecutions"
    )
    if stated is not None:
        members = {
            "FunctionName": named["FunctionName"],
            "Qualifier": named["Name"],
            "ProvisionedConcurrentExecutions": stated,
        }
        api.call("PutProvisionedConcurrencyConfig", members)


def _make_layer(api: OwnApi, name: str, properties: dict[str, Any]) -> Made:
    version = api.call("PublishLayerVersion", {**properties, "LayerName": name})
    arn = version["LayerVersionArn"]
    named = {"LayerName": name, "VersionNumber": str(version["Version"])}
    return Made(arn, {"LayerVersionArn": arn}, named)


def _change_layer(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    return _make_layer(api, made.members["LayerName"], properties)


FUNCTIONS = (
    Recipe(
        "AWS::Lambda::Function",
        _make_function,
        _change_function,
        removal("DeleteFunction"),
        named_by="FunctionName",
        attributes=("Arn",),
    ),
    Recipe(
        "AWS::Lambda::Version",
        _make_version,
        keep,
        leave,
        attributes=("Version", "FunctionArn"),
    ),
    Recipe(
        "AWS::Lambda::Alias",
        _make_alias,
        _change_alias,
        removal("DeleteAlias"),
        attributes=("AliasArn",),
    ),
    Recipe(
        "AWS::Lambda::LayerVersion",
        _make_layer,
        _change_layer,
        leave,
        named_by="LayerName",
        attributes=("LayerVersionArn",),
    ),
)
