"""Names what is observed of asynchronous events and event sources, as CloudWatch has it.

Source: the developer guide, "Types of metrics for Lambda functions".
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Observed(StrEnum):
    """Names metrics of the namespace AWS/Lambda that no record of an invocation tells."""

    RECEIVED = "AsyncEventsReceived"
    AGE = "AsyncEventAge"
    """Milliseconds from the event's acceptance to an attempt."""
    DROPPED = "AsyncEventsDropped"
    LOOPS = "RecursiveInvocationsDropped"
    DEAD_LETTERS_LOST = "DeadLetterErrors"
    RECORDS_LOST = "DestinationDeliveryFailures"
    ITERATOR_AGE = "IteratorAge"
    """Milliseconds from the arrival of a batch's last record to its attempt."""


Observe = Callable[[str, Observed, float], None]
"""Takes a function's ARN, what is observed, and the value."""


def observe_nothing(function_arn: str, observed: Observed, value: float) -> None:
    """Does nothing, for those whose observations nobody wants."""
