"""Defines what makes functions run besides requests: queues, streams, buckets, topics and rules.

Knows no template and no service: a template is read into these values, and whoever serves or makes
the sources consumes them. Members of event source mappings keep the names of Lambda's API, so that
one goes to CreateEventSourceMapping as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """Holds a queue or a stream that Lambda itself reads."""

    function: str
    """The function's name; one that is deployed with an alias is invoked by that."""
    source: str
    """ARN of the queue or stream."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Members of CreateEventSourceMapping, without function and source."""


@dataclass(frozen=True, slots=True)
class BucketNotification:
    """Holds events of an S3 bucket for a function."""

    function: str
    bucket: str
    events: tuple[str, ...]
    """Such as `s3:ObjectCreated:*`."""
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class TopicSubscription:
    """Holds a function's subscription to an SNS topic."""

    function: str
    topic: str
    """ARN of the topic."""
    filter_policy: Mapping[str, Any] | None = None
    filter_scope: str = "MessageAttributes"
    dead_letter_queue: str = ""
    """ARN of the queue for messages that could not be delivered."""


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """Holds an EventBridge rule for a function: a schedule, or a pattern of events."""

    function: str
    name: str
    schedule: str = ""
    """`rate(5 minutes)`, `cron(…)` or `at(…)`; empty: the rule has a pattern."""
    pattern: Mapping[str, Any] | None = None
    bus: str = "default"
    input: str = ""
    """JSON in the place of the event; empty: the event itself."""
    input_path: str = ""
    enabled: bool = True
    dead_letter_queue: str = ""
    retries: int | None = None
    """Attempts after the first; None: EventBridge's."""
    maximum_age: int | None = None
    """Seconds; None: EventBridge's."""


Trigger = SourceMapping | BucketNotification | TopicSubscription | RuleTarget
