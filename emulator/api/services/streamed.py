"""Answers with a stream of events, as operations do whose output is one (StartLiveTail).

The first message is the output without the stream, as the protocols ask that have no other place
for it. Source: the Smithy specification, "Amazon Event Stream".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import StreamingResponse

from emulator.api.invoke.event_stream import CONTENT_TYPE, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from emulator.api.services.service_model import OperationModel, Shape

_JSON = "application/json"


class StreamedEvent(NamedTuple):
    """Holds one event of a stream, or the error that ends it."""

    name: str
    """The member of the stream's shape."""
    members: Mapping[str, Any]
    is_error: bool = False


def streamed_answer(
    operation: OperationModel, members: Mapping[str, Any], request_id: str
) -> StreamingResponse | None:
    """Returns the answer of an operation that streams; None for any other.

    The stream is an asynchronous iterator of `StreamedEvent` under its member.
    """
    if not operation.has_event_stream_output:
        return None
    return _response(members[_stream_member(operation)], request_id)


def _stream_member(operation: OperationModel) -> str:
    shapes: Mapping[str, Shape] = operation.output_shape.members
    return next(name for name, shape in shapes.items() if shape.serialization.get("eventstream"))


def _response(stream: AsyncIterator[StreamedEvent], request_id: str) -> StreamingResponse:
    return StreamingResponse(
        _messages(stream),
        media_type=CONTENT_TYPE.decode(),
        headers={"x-amzn-requestid": request_id},
    )


async def _messages(stream: AsyncIterator[StreamedEvent]) -> AsyncIterator[bytes]:
    yield _message(StreamedEvent("initial-response", {}))
    async for event in stream:
        yield _message(event)


def _message(event: StreamedEvent) -> bytes:
    kind = "exception" if event.is_error else "event"
    headers = {
        f":{kind}-type": event.name,
        ":content-type": _JSON,
        ":message-type": kind,
    }
    return message(headers, json.dumps(event.members).encode())
