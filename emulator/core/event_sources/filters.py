"""Decides which records a mapping's filters let through.

Source: the developer guide, "Control which events Lambda sends to your function": a filter sees the
body of a record as JSON where the pattern is JSON, else as text; what the pattern cannot be held
against is dropped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.core.event_patterns import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.event_patterns import Pattern
    from emulator.core.event_sources.mapping import SourceMapping


def passes(mapping: SourceMapping, record: Mapping[str, Any]) -> bool:
    """Returns whether a record, as the function would get it, comes to the function.

    Of Kinesis the record must have its data decoded, as text, in `data`.
    """
    if not mapping.filters:
        return True
    body = mapping.source.value.body
    return any(_passes(pattern, record, body) for pattern in mapping.filters)


def _passes(pattern: Pattern, record: Mapping[str, Any], body: str) -> bool:
    if isinstance(pattern.get(body), dict):
        record = {**record, body: _read(record.get(body))}
    return matches(pattern, record)


def _read(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
