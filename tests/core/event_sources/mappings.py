from __future__ import annotations

from typing import Any

from emulator.core.event_sources.mapping import SourceMapping, read_mapping

QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026-11-27T00:00:00.000"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def document(source: str = QUEUE, **members: Any) -> dict[str, Any]:
    position = {} if source.startswith("arn:aws:sqs") else {"StartingPosition": "TRIM_HORIZON"}
    found = {"UUID": "u", "EventSourceArn": source, "FunctionArn": FUNCTION} | position | members
    return {name: value for name, value in found.items() if value is not None}


def mapping(source: str = QUEUE, **members: Any) -> SourceMapping:
    return read_mapping(document(source, **members))
