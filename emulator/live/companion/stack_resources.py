"""Says how CloudFormation's resources that are not moto's alone are made in the emulator.

Knows nothing of moto. Sources: CloudFormation user guide, the references of AWS::Lambda,
AWS::ApiGateway and AWS::ApiGatewayV2.
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

from emulator.live.companion.recipes import Made, Recipe, keep, leave

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.companion.lambda_client import OwnApi

_LONGEST_WAIT = 900.0
"""Seconds for a function to become active."""
_BETWEEN_LOOKS = 0.1
_INLINE = {"python": "index.py", "nodejs": "index.js"}
_CODE = ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
_SET_APART = ("ReservedConcurrentExecutions", "RuntimeManagementConfig", "RecursiveLoop")
_STATED = "stated"
_MISSING, _THERE = "ResourceNotFoundException", "ResourceConflictException"


# functions


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


# versions, aliases, layers


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


# permissions, URLs, events


def _make_permission(api: OwnApi, name: str, properties: dict[str, Any]) -> Made:
    known = {**properties, "StatementId": name[:100]}
    api.call("AddPermission", known)
    named = {"FunctionName": str(properties["FunctionName"]), "StatementId": name[:100]}
    return Made(name, {"Id": name}, named)


def _change_permission(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    api.call("RemovePermission", made.members)
    return _make_permission(api, made.id, properties)


def _url_members(properties: dict[str, Any]) -> dict[str, Any]:
    members = {name: value for name, value in properties.items() if name != "TargetFunctionArn"}
    return {**members, "FunctionName": properties["TargetFunctionArn"]}


def _make_url(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    members = _url_members(properties)
    made = api.call("CreateFunctionUrlConfig", members)
    named: dict[str, str] = {
        name: str(members[name]) for name in ("FunctionName", "Qualifier") if name in members
    }
    facts = {"FunctionUrl": made["FunctionUrl"], "FunctionArn": made["FunctionArn"]}
    return Made(made["FunctionArn"], facts, named)


def _change_url(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    api.call("UpdateFunctionUrlConfig", _url_members(properties))
    return made


def _make_mapping(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    made = api.call("CreateEventSourceMapping", _without_tags(properties))
    return Made(made["UUID"], {"Id": made["UUID"]}, {"UUID": made["UUID"]})


def _change_mapping(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    fixed = ("EventSourceArn", "StartingPosition", "StartingPositionTimestamp")
    changed = {
        name: value for name, value in _without_tags(properties).items() if name not in fixed
    }
    api.call("UpdateEventSourceMapping", {**changed, **made.members})
    return made


def _without_tags(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != "Tags"}


def _make_event_invoke(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    api.call("PutFunctionEventInvokeConfig", properties)
    named = {str(name): str(properties[name]) for name in ("FunctionName", "Qualifier")}
    return Made("|".join(named.values()), {}, named)


def _change_event_invoke(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    return _make_event_invoke(api, made.id, properties)


def _removal(operation: str) -> Callable[[OwnApi, Made], None]:
    """Returns what deletes a resource; what is gone already is left at that."""

    def remove(api: OwnApi, made: Made) -> None:
        try:
            api.call(operation, made.members)
        except ClientError as error:
            if error.response["Error"]["Code"] != _MISSING:
                raise

    return remove


def _make_subscription(api: OwnApi, _name: str, properties: dict[str, Any]) -> Made:
    named = ("TopicArn", "Protocol", "Endpoint")
    attributes = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in properties.items()
        if name not in (*named, "Region")
    }
    members = {name: properties[name] for name in named if name in properties}
    asked = {**members, "Attributes": attributes, "ReturnSubscriptionArn": True}
    arn = api.call("Subscribe", asked, "sns")["SubscriptionArn"]
    return Made(arn, {"Arn": arn}, {"SubscriptionArn": arn})


def _change_subscription(api: OwnApi, made: Made, properties: dict[str, Any]) -> Made:
    _remove_subscription(api, made)
    return _make_subscription(api, made.id, properties)


def _remove_subscription(api: OwnApi, made: Made) -> None:
    api.call("Unsubscribe", made.members, "sns")


_NOTIFICATIONS = {
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}
"""By CloudFormation's name for one kind of notification: S3's, and both names of the receiver."""


def put_notifications(api: OwnApi, bucket: str, stated: dict[str, Any]) -> None:
    """Sets a bucket's notifications to what a template states."""
    found: dict[str, Any] = {}
    for name, (listed, receiver, arn) in _NOTIFICATIONS.items():
        for one in stated.get(name, ()):
            made = {arn: one[receiver], "Events": [one["Event"]]}
            rules = one.get("Filter", {}).get("S3Key", {}).get("Rules", ())
            if rules:
                made["Filter"] = {"Key": {"FilterRules": list(rules)}}
            found.setdefault(listed, []).append(made)
    if "EventBridgeConfiguration" in stated:
        found["EventBridgeConfiguration"] = {}
    members = {"Bucket": bucket, "NotificationConfiguration": found}
    api.call("PutBucketNotificationConfiguration", members, "s3")


RECIPES = (
    Recipe(
        "AWS::Lambda::Function",
        _make_function,
        _change_function,
        _removal("DeleteFunction"),
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
        _removal("DeleteAlias"),
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
    Recipe(
        "AWS::Lambda::Permission",
        _make_permission,
        _change_permission,
        _removal("RemovePermission"),
        attributes=("Id",),
    ),
    Recipe(
        "AWS::Lambda::Url",
        _make_url,
        _change_url,
        _removal("DeleteFunctionUrlConfig"),
        attributes=("FunctionUrl", "FunctionArn"),
    ),
    Recipe(
        "AWS::Lambda::EventSourceMapping",
        _make_mapping,
        _change_mapping,
        _removal("DeleteEventSourceMapping"),
        attributes=("Id", "EventSourceMappingArn"),
    ),
    Recipe(
        "AWS::Lambda::EventInvokeConfig",
        _make_event_invoke,
        _change_event_invoke,
        _removal("DeleteFunctionEventInvokeConfig"),
    ),
    Recipe(
        "AWS::SNS::Subscription",
        _make_subscription,
        _change_subscription,
        _remove_subscription,
        attributes=("Arn",),
    ),
)
"""Resources of Lambda, and what moto lacks beside them."""
