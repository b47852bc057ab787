"""Reads a function's events that are no requests: queues, streams, buckets, topics and rules.

Source: the AWS SAM specification 2016-10-31, "EventSource". Events of other types are refused by
name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.core.triggers import (
    BucketNotification,
    RuleTarget,
    SourceMapping,
    TopicSubscription,
    Trigger,
)
from emulator.sam.loader import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.sam.nodes import Entry, NodeReader

_SHARED = (
    *("BatchSize", "Enabled", "FilterCriteria", "FunctionResponseTypes", "KmsKeyArn"),
    *("MaximumBatchingWindowInSeconds", "MetricsConfig", "ProvisionedPollerConfig"),
)
_STREAM = (
    *("BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds"),
    *("MaximumRetryAttempts", "ParallelizationFactor", "StartingPosition"),
    *("StartingPositionTimestamp", "TumblingWindowInSeconds"),
)
_RETRIES = ("DeadLetterConfig", "RetryPolicy")
_SCHEDULE = ("Schedule", "Name", "Description", "Enabled", "State", "Input", *_RETRIES)
_SCHEDULE_V2 = (
    *("ScheduleExpression", "Name", "Description", "State", "Input", "RetryPolicy"),
    *("DeadLetterConfig", "PermissionsBoundary", "RoleArn", "FlexibleTimeWindow"),
    *("ScheduleExpressionTimezone", "GroupName", "OmitName"),
)
_RULE = (
    *("Pattern", "EventBusName", "Input", "InputPath", "RuleName", "State", "Enabled", "Target"),
    *_RETRIES,
)
_TOPIC = ("Topic", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "Region")


class EventReader:
    """Reads one event a call; what is returned is of no use where a fault was noted."""

    def __init__(self, nodes: NodeReader) -> None:
        self._nodes = nodes
        self._known: Mapping[str, Callable[[Entry, Entry | None, str], Trigger | None]] = {
            "SQS": self._queue,
            "Kinesis": self._stream,
            "DynamoDB": self._stream,
            "S3": self._bucket,
            "SNS": self._topic,
            "Schedule": self._schedule,
            "ScheduleV2": self._scheduler,
            "EventBridgeRule": self._rule,
            "CloudWatchEvent": self._rule,
        }

    @property
    def types(self) -> tuple[str, ...]:
        """Returns the types of events that can be read here."""
        return tuple(self._known)

    def read(self, kind: str, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        """Returns an event of one of the `types`; None where it is faulty."""
        return self._known[kind](event, section, function)

    # queues and streams

    def _queue(self, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        known = (*_SHARED, "Queue", "ScalingConfig")
        return self._mapping(event, section, function, "Queue", known)

    def _stream(self, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        known = (*_SHARED, *_STREAM, "Stream")
        found = self._mapping(event, section, function, "Stream", known)
        if found is not None and "StartingPosition" not in found.members:
            self._nodes.faults.add(event.line, f"{event.key} needs StartingPosition")
        return found

    def _mapping(
        self,
        event: Entry,
        section: Entry | None,
        function: str,
        source: str,
        known: tuple[str, ...],
    ) -> SourceMapping | None:
        parts = self._parts(event, section, known)
        arn = self._required(event, parts, source)
        members = {
            name: self._nodes.plain(entry.node, f"{event.key}: {name}")
            for name, entry in parts.items()
            if name != source
        }
        return None if arn is None else SourceMapping(function, arn, members)

    # buckets and topics

    def _bucket(self, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        parts = self._parts(event, section, ("Bucket", "Events", "Filter"))
        bucket = self._required(event, parts, "Bucket")
        stated = parts.get("Events")
        if stated is None:
            self._nodes.faults.add(event.line, f"{event.key} needs Events")
            return None
        events = self._nodes.plain(stated.node, f"{event.key}: Events")
        rules = self._bucket_rules(event, parts.get("Filter"))
        names = (events,) if isinstance(events, str) else tuple(str(name) for name in events or ())
        if bucket is None:
            return None
        return BucketNotification(
            function, bucket, names, rules.get("prefix", ""), rules.get("suffix", "")
        )

    def _bucket_rules(self, event: Entry, section: Entry | None) -> dict[str, str]:
        """Returns prefix and suffix of `Filter: {S3Key: {Rules: [{Name, Value}]}}`."""
        document = self._nodes.plain(section.node, f"{event.key}: Filter") if section else {}
        try:
            rules = document.get("S3Key", {}).get("Rules", [])
            return {str(rule["Name"]).lower(): str(rule["Value"]) for rule in rules}
        except (AttributeError, KeyError, TypeError):
            assert section is not None
            self._nodes.faults.add(section.line, f"{event.key}: Filter needs S3Key with Rules")
            return {}

    def _topic(self, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        parts = self._parts(event, section, _TOPIC)
        topic = self._required(event, parts, "Topic")
        redrive = self._document(event, parts.get("RedrivePolicy")) or {}
        if topic is None:
            return None
        return TopicSubscription(
            function,
            topic,
            self._document(event, parts.get("FilterPolicy")),
            self._text(event, parts, "FilterPolicyScope") or "MessageAttributes",
            str(redrive.get("deadLetterTargetArn", "")),
        )

    # rules

    def _schedule(self, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        parts = self._parts(event, section, _SCHEDULE)
        expression = self._required(event, parts, "Schedule")
        return self._scheduled(event, parts, function, expression)

    def _scheduler(self, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        parts = self._parts(event, section, _SCHEDULE_V2)
        expression = self._required(event, parts, "ScheduleExpression")
        return self._scheduled(event, parts, function, expression)

    def _scheduled(
        self, event: Entry, parts: Mapping[str, Entry], function: str, expression: str | None
    ) -> Trigger | None:
        if expression is None:
            return None
        return self._target(event, parts, function, schedule=expression)

    def _rule(self, event: Entry, section: Entry | None, function: str) -> Trigger | None:
        parts = self._parts(event, section, _RULE)
        pattern = parts.get("Pattern")
        if pattern is None:
            self._nodes.faults.add(event.line, f"{event.key} needs Pattern")
            return None
        return self._target(event, parts, function, pattern=self._document(event, pattern))

    def _target(
        self,
        event: Entry,
        parts: Mapping[str, Entry],
        function: str,
        *,
        schedule: str = "",
        pattern: Mapping[str, Any] | None = None,
    ) -> RuleTarget:
        retry = self._document(event, parts.get("RetryPolicy")) or {}
        dead_letters = self._document(event, parts.get("DeadLetterConfig")) or {}
        named = "RuleName" if "RuleName" in parts else "Name"
        return RuleTarget(
            function=function,
            name=self._text(event, parts, named) or _rule_name(event),
            schedule=schedule,
            pattern=pattern,
            bus=self._text(event, parts, "EventBusName") or "default",
            input=self._text(event, parts, "Input"),
            input_path=self._text(event, parts, "InputPath"),
            enabled=self._is_enabled(event, parts),
            dead_letter_queue=str(dead_letters.get("Arn", "")),
            retries=retry.get("MaximumRetryAttempts"),
            maximum_age=retry.get("MaximumEventAgeInSeconds"),
        )

    def _is_enabled(self, event: Entry, parts: Mapping[str, Entry]) -> bool:
        if "State" in parts:
            return self._text(event, parts, "State") != "DISABLED"
        entry = parts.get("Enabled")
        stated = self._nodes.string(entry.node, f"{event.key}: Enabled") if entry else "true"
        return stated != "false"

    # parts

    def _parts(
        self, event: Entry, section: Entry | None, known: tuple[str, ...]
    ) -> dict[str, Entry]:
        return self._nodes.entries(section.node, event.key, known) if section else {}

    def _required(self, event: Entry, parts: Mapping[str, Entry], name: str) -> str | None:
        entry = parts.get(name)
        if entry is None:
            self._nodes.faults.add(event.line, f"{event.key} needs {name}")
            return None
        return self._nodes.text(entry.node, f"{event.key}: {name}")

    def _text(self, event: Entry, parts: Mapping[str, Entry], name: str) -> str:
        entry = parts.get(name)
        return (self._nodes.string(entry.node, f"{event.key}: {name}") or "") if entry else ""

    def _document(self, event: Entry, entry: Entry | None) -> dict[str, Any] | None:
        """Returns a mapping, also of JSON in a text; None where there is none."""
        if entry is None:
            return None
        what = f"{event.key}: {entry.key}"
        found = self._nodes.plain(entry.node, what)
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except ValueError:
                found = None
        if not isinstance(found, dict):
            self._nodes.faults.add(line_of(entry.node), f"{what} must be a mapping")
            return None
        return found


def _rule_name(event: Entry) -> str:
    """Returns the logical id that SAM gives a rule: of `Fn: event Tick` it is FnTick."""
    function, _, name = event.key.partition(": event ")
    return f"{function}{name}"
