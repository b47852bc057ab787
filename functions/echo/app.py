"""Returns what it was sent: the floor under every other measurement."""

from __future__ import annotations

from typing import Any


def handler(event: Any, _context: Any) -> Any:
    """The event; for an HTTP event (payload format 2.0) a response with the request's body."""
    match event:
        case {"version": "2.0", "requestContext": {"http": _}}:
            return {
                "statusCode": 200,
                "body": event.get("body", ""),
                "isBase64Encoded": event.get("isBase64Encoded", False),
            }
    return event
