"""Orders log events: by time, then by arrival; an event's id says both, and so do tokens."""

from __future__ import annotations

from typing import NamedTuple, Self

_DIGITS = 56
"""Digits of an event's id, as AWS's ids have."""
_OF_ARRIVAL = 36


class Position(NamedTuple):
    """Holds an event's place among all events."""

    at: int
    """Epoch milliseconds."""
    arrival: int
    """The event's id in the database."""

    @property
    def text(self) -> str:
        """Returns the 56 digits that stand for the place."""
        return f"{self.at:0{_DIGITS - _OF_ARRIVAL}d}{self.arrival:0{_OF_ARRIVAL}d}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Reads the 56 digits.

        Raises:
            ValueError: the text is no place.
        """
        if len(text) != _DIGITS or not (text.isascii() and text.isdecimal()):
            raise ValueError(f"{text!r} is no place of an event")
        split = _DIGITS - _OF_ARRIVAL
        place = cls(int(text[:split]), int(text[split:]))
        if max(place) > _MOST:
            raise ValueError(f"{text!r} is no place of an event")
        return place


_MOST = 2**63 - 1
BEFORE_ALL = Position(0, 0)
AFTER_ALL = Position(_MOST, _MOST)
