"""Names what may be done with the events that an emulator's earlier run has left."""

from __future__ import annotations

from enum import StrEnum


class LeftEvents(StrEnum):
    """Says what becomes, at a start, of events that had not ended at the end before."""

    TAKE_UP = "take-up"
    """Their attempts go on: no accepted event is lost."""
    FORGET = "forget"
    """They are dropped, so that an experiment meets its own load alone."""
