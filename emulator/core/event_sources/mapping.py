"""Defines an event source mapping: which records come to which function, and how.

Sources: botocore's service model (CreateEventSourceMapping), the developer guide's pages of SQS,
Kinesis and DynamoDB for defaults and quotas (H unless noted).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from emulator.core.event_patterns import PatternError, read_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping as AnyMapping

    from emulator.core.event_patterns import Pattern
    from emulator.core.model import Seconds

_MOST_FILTERS = 10
_ENDLESS = -1
_FIFO = ".fifo"
_NO_POSITION = (
    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
    "Member must not be null."
)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Holds how Lambda treats one kind of event source."""

    service: str
    """Service in the source's ARN."""
    batch_size: int
    """Records in a batch where the mapping names no number."""
    most_in_batch: int
    is_stream: bool
    poll_every: Seconds = 0.0
    """Time between two looks into a shard; a queue is waited for instead."""
    body: str = ""
    """Field of a record that a filter sees as JSON rather than as text."""


class Source(Enum):
    """Names the kinds of event sources."""

    SQS = SourceFacts("sqs", 10, 10_000, is_stream=False, body="body")
    KINESIS = SourceFacts("kinesis", 100, 10_000, is_stream=True, poll_every=1.0, body="data")
    DYNAMODB = SourceFacts("dynamodb", 100, 10_000, is_stream=True, poll_every=0.25)


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """Holds what a mapping's owner has asked for."""

    id: str
    source: Source
    source_arn: str
    function_arn: str
    batch_size: int
    window: Seconds = 0.0
    """Time for which a batch may wait for more records."""
    tumbling: Seconds = 0.0
    """Length of the windows whose batches hand a state on; 0: there are none."""
    filters: tuple[Pattern, ...] = ()
    """A record comes where any of the patterns matches; none: every record."""
    reports_failures: bool = False
    """Whether the response names the records that failed."""
    most_at_once: int | None = None
    """MaximumConcurrency of a queue; None: no limit of its own."""
    lanes: int = 1
    """Batches of a shard that may run at a time (ParallelizationFactor)."""
    most_retries: int | None = None
    """None: until the records expire."""
    longest_age: Seconds | None = None
    """None: until the records expire."""
    bisects: bool = False
    on_failure: str = ""
    """ARN where discarded batches are told; empty: nowhere."""
    starting_position: str = ""
    starting_timestamp: Seconds | None = None
    """Seconds since the epoch, for AT_TIMESTAMP."""

    @property
    def is_fifo(self) -> bool:
        """Returns whether messages come in groups, each in order."""
        return self.source is Source.SQS and self.source_arn.endswith(_FIFO)


def source_of(arn: str) -> Source | None:
    """Returns the kind of an event source; None for those that are not emulated."""
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""  # noqa: PLR2004
    return next((source for source in Source if source.value.service == service), None)


def read_mapping(document: AnyMapping[str, Any]) -> SourceMapping:
    """Reads a mapping from the members of the service model, as JSON has them."""
    arn = document["EventSourceArn"]
    source = source_of(arn)
    assert source is not None, "checked when it was created"
    destination = (document.get("DestinationConfig") or {}).get("OnFailure") or {}
    return SourceMapping(
        id=document["UUID"],
        source=source,
        source_arn=arn,
        function_arn=document["FunctionArn"],
        batch_size=document.get("BatchSize") or source.value.batch_size,
        window=float(document.get("MaximumBatchingWindowInSeconds") or 0),
        tumbling=float(document.get("TumblingWindowInSeconds") or 0),
        filters=_patterns(document.get("FilterCriteria")),
        reports_failures="ReportBatchItemFailures" in (document.get("FunctionResponseTypes") or ()),
        most_at_once=(document.get("ScalingConfig") or {}).get("MaximumConcurrency"),
        lanes=document.get("ParallelizationFactor") or 1,
        most_retries=_bounded(document.get("MaximumRetryAttempts")),
        longest_age=_bounded(document.get("MaximumRecordAgeInSeconds")),
        bisects=bool(document.get("BisectBatchOnFunctionError")),
        on_failure=destination.get("Destination") or "",
        starting_position=document.get("StartingPosition") or "",
        starting_timestamp=document.get("StartingPositionTimestamp"),
    )


def _bounded(value: int | None) -> int | None:
    return None if value in (None, _ENDLESS) else value


def _patterns(criteria: AnyMapping[str, Any] | None) -> tuple[Pattern, ...]:
    filters = (criteria or {}).get("Filters") or ()
    return tuple(read_pattern(one["Pattern"]) for one in filters if one.get("Pattern"))


def mapping_faults(document: AnyMapping[str, Any]) -> list[str]:
    """Returns why Lambda would refuse a mapping, a sentence each; none where it is valid.

    The sentences are AWS's where a recording of them is known (M), else ours.
    """
    source = source_of(document["EventSourceArn"])
    if source is None:
        return ["Unrecognized event source."]
    kind = _stream_faults(document) if source.value.is_stream else _queue_faults(document)
    return [*kind, *_size_faults(document, source), *_filter_faults(document)]


def _size_faults(document: AnyMapping[str, Any], source: Source) -> list[str]:
    size, most = document.get("BatchSize"), source.value.most_in_batch
    if size is not None and not 1 <= size <= most:
        return [f"Batch size must be between 1 and {most}."]
    return []


def _queue_faults(document: AnyMapping[str, Any]) -> list[str]:
    found = []
    if document.get("TumblingWindowInSeconds"):
        found.append("TumblingWindowInSeconds is only valid for Kinesis and DynamoDB streams.")
    if document.get("StartingPosition"):
        found.append("StartingPosition is not valid for SQS event sources.")
    if not document.get("BatchSize"):
        return found
    window = document.get("MaximumBatchingWindowInSeconds") or 0
    if document["EventSourceArn"].endswith(_FIFO):
        if document["BatchSize"] > Source.SQS.value.batch_size:
            found.append("Batch size must be at most 10 for FIFO queues.")
    elif document["BatchSize"] > Source.SQS.value.batch_size and not window:
        found.append(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )
    if document["EventSourceArn"].endswith(_FIFO) and window:
        found.append("Batching window is not supported for FIFO queues.")
    return found


def _stream_faults(document: AnyMapping[str, Any]) -> list[str]:
    position = document.get("StartingPosition")
    if not position:
        return [_NO_POSITION]
    if position == "AT_TIMESTAMP":
        if source_of(document["EventSourceArn"]) is Source.DYNAMODB:
            return ["Unsupported starting position for DynamoDB streams: AT_TIMESTAMP."]
        if document.get("StartingPositionTimestamp") is None:
            return ["StartingPositionTimestamp is required for the AT_TIMESTAMP position."]
    if document.get("ScalingConfig"):
        return ["ScalingConfig is only valid for SQS event sources."]
    return []


def _filter_faults(document: AnyMapping[str, Any]) -> list[str]:
    filters = (document.get("FilterCriteria") or {}).get("Filters") or ()
    if len(filters) > _MOST_FILTERS:
        return [f"A mapping can have at most {_MOST_FILTERS} filters."]
    try:
        _patterns(document.get("FilterCriteria"))
    except PatternError as error:
        return [f"Invalid filter pattern definition: {error}."]
    return []
