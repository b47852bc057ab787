from __future__ import annotations

import pytest

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.ended_event import (
    EndedEvent,
    Receiver,
    decode_ended,
    encode_ended,
    receivers,
)
from emulator.core.asynchronous.rules import EventSettings

ALL = EventSettings(on_success="arn:s", on_failure="arn:f", dead_letters="arn:d")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (Condition.SUCCESS, (Receiver.ON_SUCCESS,)),
        (Condition.RETRIES_EXHAUSTED, (Receiver.ON_FAILURE, Receiver.DEAD_LETTERS)),
        (Condition.EVENT_AGE_EXCEEDED, (Receiver.ON_FAILURE, Receiver.DEAD_LETTERS)),
    ],
)
def test_failures_go_to_a_destination_and_to_dead_letters(
    condition: Condition, told: tuple[Receiver, ...]
) -> None:
    assert receivers(condition, ALL) == told
    assert receivers(condition, EventSettings()) == ()


def test_a_line_is_read_back() -> None:
    ended = EndedEvent(
        "i1", Condition.RETRIES_EXHAUSTED, 3, 181.5, 0.5, 182.0, (Receiver.DEAD_LETTERS,), 1
    )
    assert decode_ended(encode_ended(ended)) == ended


def test_another_line_is_told() -> None:
    with pytest.raises(ValueError, match="not the end of an event"):
        decode_ended('{"invocation": "i1"}')
