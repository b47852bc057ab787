"""Makes what lets functions run besides requests: mappings, notifications, subscriptions, rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

from emulator.core.triggers import (
    BucketNotification,
    RuleTarget,
    SourceMapping,
    TopicSubscription,
)
from emulator.deploy.resources import newest_stream
from emulator.sam.references import NEWEST_STREAM

if TYPE_CHECKING:
    from emulator.core.triggers import Trigger
    from emulator.deploy.services import Services

_THERE = ("ResourceConflictException",)


class TriggerMaker:
    """Makes triggers again at each deployment: each replaces what it was before."""

    def __init__(self, services: Services, account: str, region: str) -> None:
        self._services = services
        self._functions = f"arn:aws:lambda:{region}:{account}:function:"
        self._account = account
        self._region = region

    def make(self, trigger: Trigger) -> str:
        """Makes a trigger; returns the word for it in a table.

        Raises:
            EndpointError: a service refused.
        """
        match trigger:
            case SourceMapping():
                return self._mapping(trigger)
            case BucketNotification():
                return self._notification(trigger)
            case TopicSubscription():
                return self._subscription(trigger)
            case RuleTarget():
                return self._rule(trigger)
            case _:
                assert_never(trigger)

    def _mapping(self, mapping: SourceMapping) -> str:
        source = mapping.source
        if source.endswith(NEWEST_STREAM):
            table = source.removesuffix(NEWEST_STREAM).rpartition("/")[2]
            source = newest_stream(self._services, table)
        listed = self._services.call(
            "lambda",
            "list_event_source_mappings",
            EventSourceArn=source,
            FunctionName=mapping.function,
        )["EventSourceMappings"]
        members = {"FunctionName": mapping.function, **mapping.members}
        if listed:
            changed = {
                name: value
                for name, value in members.items()
                if not name.startswith("StartingPosition")
            }
            self._services.call(
                "lambda", "update_event_source_mapping", UUID=listed[0]["UUID"], **changed
            )
        else:
            self._services.call(
                "lambda", "create_event_source_mapping", EventSourceArn=source, **members
            )
        return source

    def _notification(self, notification: BucketNotification) -> str:
        source = f"arn:aws:s3:::{notification.bucket}"
        self._allow(notification.function, "s3.amazonaws.com", source)
        identity = f"testbed-{notification.function.replace(':', '-')}"
        configured = self._services.call(
            "s3", "get_bucket_notification_configuration", Bucket=notification.bucket
        )
        configured.pop("ResponseMetadata", None)
        others = [
            each
            for each in configured.get("LambdaFunctionConfigurations", [])
            if each.get("Id") != identity
        ]
        stated: dict[str, Any] = {
            "Id": identity,
            "LambdaFunctionArn": self._functions + notification.function,
            "Events": list(notification.events),
        }
        if rules := _filter_rules(notification):
            stated["Filter"] = {"Key": {"FilterRules": rules}}
        self._services.call(
            "s3",
            "put_bucket_notification_configuration",
            Bucket=notification.bucket,
            NotificationConfiguration={
                **configured,
                "LambdaFunctionConfigurations": [*others, stated],
            },
        )
        return source

    def _subscription(self, subscription: TopicSubscription) -> str:
        self._allow(subscription.function, "sns.amazonaws.com", subscription.topic)
        attributes = {}
        if subscription.filter_policy is not None:
            attributes["FilterPolicy"] = json.dumps(subscription.filter_policy)
            attributes["FilterPolicyScope"] = subscription.filter_scope
        if subscription.dead_letter_queue:
            target = {"deadLetterTargetArn": subscription.dead_letter_queue}
            attributes["RedrivePolicy"] = json.dumps(target)
        self._services.call(
            "sns",
            "subscribe",
            TopicArn=subscription.topic,
            Protocol="lambda",
            Endpoint=self._functions + subscription.function,
            Attributes=attributes,
        )
        return subscription.topic

    def _rule(self, rule: RuleTarget) -> str:
        when = (
            {"ScheduleExpression": rule.schedule}
            if rule.schedule
            else {"EventPattern": json.dumps(rule.pattern)}
        )
        self._services.call(
            "events",
            "put_rule",
            Name=rule.name,
            EventBusName=rule.bus,
            State="ENABLED" if rule.enabled else "DISABLED",
            **when,
        )
        bus = "" if rule.bus == "default" else f"{rule.bus.rpartition('/')[2]}/"
        arn = f"arn:aws:events:{self._region}:{self._account}:rule/{bus}{rule.name}"
        self._allow(rule.function, "events.amazonaws.com", arn)
        self._services.call(
            "events",
            "put_targets",
            Rule=rule.name,
            EventBusName=rule.bus,
            Targets=[self._target(rule)],
        )
        return arn

    def _target(self, rule: RuleTarget) -> dict[str, Any]:
        target: dict[str, Any] = {"Id": "testbed", "Arn": self._functions + rule.function}
        if rule.input:
            target["Input"] = rule.input
        if rule.input_path:
            target["InputPath"] = rule.input_path
        if rule.dead_letter_queue:
            target["DeadLetterConfig"] = {"Arn": rule.dead_letter_queue}
        retry = {
            "MaximumRetryAttempts": rule.retries,
            "MaximumEventAgeInSeconds": rule.maximum_age,
        }
        stated = {name: value for name, value in retry.items() if value is not None}
        return target | ({"RetryPolicy": stated} if stated else {})

    def _allow(self, function: str, principal: str, source: str) -> None:
        """Lets a service invoke a function; does nothing where it may already."""
        name, _, qualifier = function.partition(":")
        self._services.attempt(
            "lambda",
            "add_permission",
            _THERE,
            FunctionName=name,
            StatementId=_statement(principal, source),
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source,
            **({"Qualifier": qualifier} if qualifier else {}),
        )


def _statement(principal: str, source: str) -> str:
    text = f"{principal.partition('.')[0]}-{source.rpartition(':')[2]}"
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in text)[:100]


def _filter_rules(notification: BucketNotification) -> list[dict[str, str]]:
    stated = {"prefix": notification.prefix, "suffix": notification.suffix}
    return [{"Name": name, "Value": value} for name, value in stated.items() if value]
