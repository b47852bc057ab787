"""Writes what an on-failure destination is told about discarded records of a stream. Pure.

Source: the developer guide, "Retaining discarded batches" of Kinesis and of DynamoDB (H).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.core.asynchronous.invocation_record import qualified
from emulator.core.event_sources.mapping import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.event_sources.mapping import SourceMapping
    from emulator.core.event_sources.shard import Discarded
    from emulator.core.model import Seconds

_INFO = {Source.KINESIS: "KinesisBatchInfo", Source.DYNAMODB: "DDBStreamBatchInfo"}


@dataclass(frozen=True, slots=True)
class Told:
    """Holds what the last attempt of the records came to."""

    request_id: str = ""
    function_error: str = ""
    version: str = "$LATEST"
    status: int = 200


def failure_record(
    mapping: SourceMapping,
    shard: str,
    discarded: Discarded,
    told: Told,
    *,
    now: Seconds,
    iso: Callable[[Seconds], str],
) -> dict[str, Any]:
    """Returns the record; `iso` writes seconds since the epoch as ISO 8601."""
    batch = discarded.batch
    first, last = batch.records[0], batch.records[-1]
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": told.request_id,
            "functionArn": qualified(mapping.function_arn),
            "condition": discarded.why.value,
            "approximateInvokeCount": batch.attempts,
        },
        "version": "1.0",
        "timestamp": iso(now),
        _INFO[mapping.source]: {
            "shardId": shard,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": iso(first.arrived_at),
            "approximateArrivalOfLastRecord": iso(last.arrived_at),
            "batchSize": len(batch.records),
            "streamArn": mapping.source_arn,
        },
    }
    if batch.attempts:
        record["responseContext"] = {
            "statusCode": told.status,
            "executedVersion": told.version,
            "functionError": told.function_error or None,
        }
    return record


def object_key(mapping: SourceMapping, shard: str, timestamp: str, unique: str) -> str:
    """Returns the key under which S3 gets the record, with the records themselves."""
    day, _, time = timestamp.partition("T")
    moment = f"{day}T{time[:8].replace(':', '.')}"
    return f"aws/lambda/{mapping.id}/{shard}/{day.replace('-', '/')}/{moment}-{unique}"
