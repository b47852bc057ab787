"""Says how what calls a stack's functions is made: permissions, URLs, events and their sources.

Knows nothing of moto, and makes what moto lacks beside Lambda. Sources: CloudFormation user guide,
the references of AWS::Lambda, AWS::SNS and AWS::S3.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.live.companion.recipes import Made, Recipe, removal

if TYPE_CHECKING:
    from emulator.live.companion.lambda_client import OwnApi


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


TRIGGERS = (
    Recipe(
        "AWS::Lambda::Permission",
        _make_permission,
        _change_permission,
        removal("RemovePermission"),
        attributes=("Id",),
    ),
    Recipe(
        "AWS::Lambda::Url",
        _make_url,
        _change_url,
        removal("DeleteFunctionUrlConfig"),
        attributes=("FunctionUrl", "FunctionArn"),
    ),
    Recipe(
        "AWS::Lambda::EventSourceMapping",
        _make_mapping,
        _change_mapping,
        removal("DeleteEventSourceMapping"),
        attributes=("Id", "EventSourceMappingArn"),
    ),
    Recipe(
        "AWS::Lambda::EventInvokeConfig",
        _make_event_invoke,
        _change_event_invoke,
        removal("DeleteFunctionEventInvokeConfig"),
    ),
    Recipe(
        "AWS::SNS::Subscription",
        _make_subscription,
        _change_subscription,
        _remove_subscription,
        attributes=("Arn",),
    ),
)
