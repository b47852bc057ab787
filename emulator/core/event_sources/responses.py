"""Reads which records of a batch failed out of a function's response.

Source: the developer guide, "Implementing partial batch responses": nothing, null or an empty list
is a success of all; a response that cannot be read, or names no record of the batch, is a failure
of all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


def failed_records(response: bytes, batch: Collection[str]) -> frozenset[str]:
    """Returns the identifiers of the failed records, all of `batch` for a failure of all."""
    every = frozenset(batch)
    try:
        found = json.loads(response) if response.strip() else None
    except ValueError:
        return every
    if found is None:
        return frozenset()
    if not isinstance(found, dict):
        # a text or a number is no partial response, which is one that succeeded
        return frozenset()
    listed = found.get("batchItemFailures")
    if not listed:
        return frozenset()
    if not isinstance(listed, list):
        return every
    failed = frozenset(map(_identifier, listed))
    return every if failed - every else failed


def _identifier(entry: Any) -> str:
    """Returns an entry's identifier; an empty text, which no record has, where there is none."""
    identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
    return identifier if isinstance(identifier, str) else ""
