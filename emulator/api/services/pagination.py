"""Cuts a list into the pages that a caller asks for. Pure.

A marker holds the key of the last item that was shown, not a position, so that a page is right
even when items came or went since the one before.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from emulator.api.services.calls import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Key = str | int


class Page(NamedTuple):
    """Holds the items of a page, and the marker of the next one; None where it is the last."""

    items: list[Any]
    marker: str | None


def page(
    items: Sequence[Item],
    key: Callable[[Item], Key],
    marker: str | None,
    most: int | None,
    *,
    cap: int = 50,
) -> Page:
    """Returns the page after a marker, of `most` items and never more than `cap`.

    `items` are in the order of their keys, all of one kind.

    Raises:
        ServiceError: the marker is none of ours.
    """
    begin = 0
    if marker:
        begin = bisect_right([key(item) for item in items], _last_key(marker, items, key))
    size = min(most or cap, cap)
    shown = list(items[begin : begin + size])
    more = begin + size < len(items)
    return Page(shown, _marker(key(shown[-1])) if more and shown else None)


def _marker(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _last_key(marker: str, items: Sequence[Item], key: Callable[[Item], Key]) -> Key:
    try:
        found = json.loads(base64.urlsafe_b64decode(marker))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    wanted = type(key(items[0])) if items else str | int
    if not isinstance(found, wanted):
        raise ServiceError("InvalidParameterValueException", "Invalid pagination token.", 400)
    return found
