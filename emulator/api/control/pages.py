"""Cuts lists into pages; a marker is the name of the last entry of a page, encoded."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.errors import InvalidParameterValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.api.services.calls import Call

T = TypeVar("T")

MOST = 50
"""Entries of a page, whatever more was asked for. Source: the API reference (ListFunctions)."""


def page(
    call: Call,
    entries: Sequence[T],
    name: Callable[[T], str],
    write: Callable[[T], Any],
    member: str,
    *,
    most: int = MOST,
) -> dict[str, Any]:
    """Returns a page of `entries`, whose order is that of the list, as the answer's `member`.

    `most` is how many there are at most, however many more were asked for.

    Raises:
        InvalidParameterValueError: the marker is none that an answer had.
    """
    most = min(call.arguments.get("MaxItems") or most, most)
    marker = call.arguments.get("Marker")
    begin = _after(entries, name, _read(marker)) if marker else 0
    found = entries[begin : begin + most]
    is_last = begin + len(found) >= len(entries)
    return {
        member: [write(entry) for entry in found],
        "NextMarker": None if is_last or not found else _written(name(found[-1])),
    }


def _after(entries: Sequence[T], name: Callable[[T], str], last: str) -> int:
    """Returns the place after the entry of a name; of one that has gone, where the page began."""
    for place, entry in enumerate(entries):
        if name(entry) == last:
            return place + 1
    return next((n for n, entry in enumerate(entries) if name(entry) > last), len(entries))


def _written(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _read(marker: str) -> str:
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidParameterValueError("Invalid Marker value.") from error
