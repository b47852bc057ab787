"""Puts the emulator's functions in the place of moto's own, in the companion's process.

S3 notifications, SNS subscriptions and EventBridge rules of moto end in its Lambda backend; here
they end in the emulator's `Invoke`. Everything that is replaced in moto is replaced in this module.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import flask
import moto.awslambda.utils
from moto.events.models import Rule
from moto.events.utils import EventTemplateParser
from moto.sns.models import Subscription
from moto.sqs.models import Message, Queue, SQSBackend

from emulator.live.companion.gateway import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.companion.gateway import Gateway

_LAMBDA = ":lambda:"
_TRACE_ATTRIBUTE = "AWSTraceHeader"
_INGESTED = "ingestion-time"


def connect(gateway: Gateway) -> Callable[[Rule, dict[str, Any]], None]:
    """Has moto invoke the emulator's functions; returns what sends an event to a rule's targets."""
    moto.awslambda.utils.get_backend = lambda account, region: _Functions(gateway, account, region)  # type: ignore[assignment,return-value]
    _connect_topics(gateway)
    _trace_messages()
    _keep_groups_in_order()
    return _connect_rules(gateway)


def trace() -> str:
    """Returns the trace header of the request that moto answers now; empty for none."""
    return flask.request.headers.get("X-Amzn-Trace-Id", "") if flask.has_request_context() else ""


class _Functions:
    """Looks to moto like its Lambda backend of an account and region."""

    def __init__(self, gateway: Gateway, account: str, region: str) -> None:
        self._gateway = gateway
        self._account = account
        self._region = region

    def get_function(self, name_or_arn: str, qualifier: str | None = None) -> _Function:
        arn = name_or_arn
        if not arn.startswith("arn:"):
            arn = f"arn:aws:lambda:{self._region}:{self._account}:function:{name_or_arn}"
        return _Function(self._gateway, f"{arn}:{qualifier}" if qualifier else arn)

    def invoke(
        self,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: Any,
    ) -> str:
        """Invokes a function for EventBridge's old notifications, or for a rotated secret."""
        return self.get_function(function_name, qualifier).invoke(body, headers, response_headers)


class _Function:
    """Looks to moto like one of its functions."""

    def __init__(self, gateway: Gateway, arn: str) -> None:
        self._gateway = gateway
        self.function_arn = arn

    def invoke(self, body: Any, request_headers: Any, response_headers: Any) -> str:
        """Sends an event; moto looks at no answer, as the event is asynchronous."""
        del request_headers, response_headers
        payload = body if isinstance(body, bytes) else str(body).encode()
        source = Sender("s3", _bucket_of(payload))
        self._gateway.send(self.function_arn, payload, source=source, trace=trace())
        return "{}"


def _bucket_of(event: bytes) -> str:
    """Returns the ARN of the bucket whose notification moto made; empty for other events."""
    try:
        return str(json.loads(event)["Records"][0]["s3"]["bucket"]["arn"])
    except (ValueError, KeyError, TypeError, IndexError):
        return ""


def _connect_topics(gateway: Gateway) -> None:
    """Has subscriptions of functions send what SNS sends; moto's own event has made-up fields."""
    publish = Subscription.publish

    def publish_to_function(  # noqa: PLR0917  # moto gives them in this order
        self: Subscription,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        if self.protocol != "lambda":
            publish(
                self,
                message,
                message_id,
                subject,
                message_attributes,
                group_id,
                deduplication_id,
                message_structure,
            )
            return
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        if message_structure == "json":
            message = self._parse_message_structure(message, self.protocol)
        event = {"Records": [_notification(self, message, message_id, subject, message_attributes)]}
        source = Sender("sns", self.topic.arn)
        gateway.send(self.endpoint, json.dumps(event).encode(), source=source, trace=trace())

    Subscription.publish = publish_to_function  # type: ignore[method-assign]


def _notification(
    subscription: Subscription,
    message: str,
    message_id: str,
    subject: str | None,
    attributes: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Returns the record of a message. Source: the developer guide, "Using Lambda with SNS"."""
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": subscription.topic.arn,
            "Subject": subject or None,
            "Message": message,
            "Timestamp": iso(datetime.now(UTC).timestamp(), "milliseconds"),
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": "EXAMPLE",
            "UnsubscribeUrl": "EXAMPLE",
            "MessageAttributes": {
                name: {"Type": value["Type"], "Value": value["Value"]}
                for name, value in (attributes or {}).items()
            },
        },
    }


def _trace_messages() -> None:
    """Has SQS keep the trace header of who sends a message, by which loops are found."""
    send = SQSBackend.send_message

    def send_message(self: SQSBackend, *arguments: Any, **named: Any) -> Any:
        message = send(self, *arguments, **named)
        if (header := trace()) and _TRACE_ATTRIBUTE not in message.system_attributes:
            value = {"StringValue": header, "DataType": "String"}
            message.system_attributes[_TRACE_ATTRIBUTE] = value
        return message

    SQSBackend.send_message = send_message  # type: ignore[method-assign]


def _keep_groups_in_order() -> None:
    """Has a FIFO queue give the messages of a group in their order when they come again.

    Moto notes for each message that it is out, and forgets that when it meets the message. Of two
    that come again the second would hold up the first, and be given alone.
    """

    def out(self: Queue) -> set[Message]:
        self._pending_messages = {each for each in self._pending_messages if not each.visible}
        return self._pending_messages

    def groups(self: Queue) -> set[str]:
        return {each.group_id for each in out(self) if each.group_id is not None}

    Queue.pending_messages = property(out)  # type: ignore[assignment,method-assign]
    Queue.pending_message_groups = property(groups)  # type: ignore[assignment,method-assign]


def _connect_rules(gateway: Gateway) -> Callable[[Rule, dict[str, Any]], None]:
    """Has rules send events to functions; moto sends to its other targets, and to no function."""
    others = Rule.send_to_targets

    def deliver(rule: Rule, event: dict[str, Any], *, transform: bool = True) -> None:
        for target in rule.targets:
            if _LAMBDA in target["Arn"]:
                payload = _input(target, event)
                source = Sender("events", rule.arn)
                gateway.send(target["Arn"], payload.encode(), source=source, trace=trace())
        rest = copy.copy(rule)
        rest.targets = [target for target in rule.targets if _LAMBDA not in target["Arn"]]
        others(rest, copy.deepcopy(event), transform)  # type: ignore[arg-type]

    def send_to_targets(self: Rule, event: dict[str, Any], transform_input: bool = True) -> None:
        pattern = self.event_pattern
        # a rule with a schedule alone matches no event; moto's matches every one
        if self.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(event):  # type: ignore[arg-type]
            deliver(self, event, transform=transform_input)

    Rule.send_to_targets = send_to_targets  # type: ignore[method-assign,assignment]
    return deliver


def _input(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Returns what a target gets: the event, a part of it, or what the target's owner wrote."""
    if (constant := target.get("Input")) is not None:
        return str(constant)
    seen = {name: value for name, value in event.items() if name != _INGESTED}
    seen["time"] = iso(float(event["time"]))
    if transformer := target.get("InputTransformer"):
        whole = {_INGESTED: seen["time"], **seen}
        paths = transformer.get("InputPathsMap", {})
        return json.dumps(EventTemplateParser.parse(transformer["InputTemplate"], paths, whole))  # type: ignore[arg-type]
    if path := target.get("InputPath"):
        return json.dumps(_at(seen, path))
    return json.dumps(seen)


def _at(event: Any, path: str) -> Any:
    """Returns the value at `$.detail.name`; None where there is none."""
    for name in path.removeprefix("$").split(".")[1:]:
        event = event.get(name) if isinstance(event, dict) else None
    return event


def iso(at: float, timespec: str = "seconds") -> str:
    """Returns seconds since the epoch as AWS writes times in events."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
