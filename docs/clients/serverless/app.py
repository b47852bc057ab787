"""Echoes what the Serverless Framework has it invoked with."""

from typing import Any


def handler(event: Any, _context: Any) -> Any:
    return {"echo": event}
