"""Defines what is recorded of each asynchronous event's end, and the line that records it.

Live and simulated queues write the same lines (`events.jsonl`), beside the journal, in which every
attempt stands and no event as such.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder, Encoder

from emulator.core.asynchronous.attempts import Condition

if TYPE_CHECKING:
    from emulator.core.asynchronous.rules import EventSettings

EVENTS_FILE = "events.jsonl"
"""Name of the file in a run directory; absent where no event has ended."""


class Receiver(StrEnum):
    """Names who is told of an event's end."""

    ON_SUCCESS = "destination of successes"
    ON_FAILURE = "destination of failures"
    DEAD_LETTERS = "dead letters"


class EndedEvent(Struct, frozen=True, omit_defaults=True):
    """Holds what became of one event."""

    invocation: str
    """Request id of the event's every attempt."""
    condition: Condition
    attempts: int
    """Attempts that ran the function."""
    age: float
    """Time from its acceptance to its end, as the event ages: on the scaled clock."""
    accepted_at: float = 0.0
    """Time on the journal's clock, as that of the end."""
    ended_at: float = 0.0
    told: tuple[Receiver, ...] = ()
    """Who had to be told of the end."""
    lost: int = 0
    """Number of these that did not take the record."""


def receivers(condition: Condition, asked: EventSettings) -> tuple[Receiver, ...]:
    """Returns who is to be told that an event ended so."""
    if condition is Condition.SUCCESS:
        return (Receiver.ON_SUCCESS,) if asked.on_success else ()
    found = ((Receiver.ON_FAILURE, asked.on_failure), (Receiver.DEAD_LETTERS, asked.dead_letters))
    return tuple(receiver for receiver, arn in found if arn)


_encoder = Encoder()
_decoder = Decoder(EndedEvent)


def encode_ended(event: EndedEvent) -> str:
    """Returns an ended event as one line, without the line's end."""
    return _encoder.encode(event).decode()


def decode_ended(line: str) -> EndedEvent:
    """Reads a line that `encode_ended` wrote.

    Raises:
        ValueError: the line is none.
    """
    try:
        return _decoder.decode(line)
    except MsgspecError as error:
        raise ValueError(f"not the end of an event ({error}): {line[:120]}") from error
