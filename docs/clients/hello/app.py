"""Answers with what came, and says so in its log."""

from typing import Any


def handler(event: Any, _context: Any) -> Any:
    print("hello", event)
    return {"echo": event}
