from __future__ import annotations

import pytest

from emulator.experiments.simulation.turns import (
    GRAIN_S,
    NEAREST,
    NEVER,
    Parts,
    Sent,
    Steps,
    lateness,
    turns_of,
)

STEPS = Steps((1,), 100.0, 1.0)


def sent(*times: float, took: float = 0.1) -> list[Sent]:
    """Warm requests sent at some times, each answered after `took`, all of it the handler's."""
    return [Sent(at, took, took, took) for at in times]


def test_turn_is_what_is_sent_within_a_millisecond_of_its_first() -> None:
    turns = turns_of([sent(1, 2, 3, 3.0009, 3.0011)], GRAIN_S, STEPS, handlers=True)
    assert turns is not None
    assert {size: len(found) for size, found in turns.by_size.items()} == {1: 3, 2: 1}
    ((_, (first, second)),) = turns.by_size[2]
    assert first == Parts(0.0, 0.1, 0.0)
    assert (second.sent, second.overhead) == pytest.approx((0.0009, 0.0009))
    assert turns.sending == pytest.approx(0.0009)


def test_lateness_is_what_lies_between_a_pause_and_the_next_request() -> None:
    # two users, answered after .1 and pausing for 1, and a third who comes later
    requests = sent(0, 0.5, 1.1, 1.62, 2.0, 2.21)
    assert lateness(requests, 1.0) == pytest.approx([0.0, 0.02, 0.01])


def test_steps_begin_as_late_as_measured() -> None:
    requests = [Sent(at, 0.1, 0.1, 0.1, users) for at, users in ((5, 3), (14, 3), (15.25, 6))]
    turns = turns_of([requests], GRAIN_S, Steps((3, 6, 3), 10.0, 1.0), handlers=True)
    assert turns is not None
    assert turns.steps_late == (0.0, 0.25, 0.0)


def test_turn_knows_for_how_long_the_turns_before_will_take() -> None:
    requests = [*sent(1), *sent(1.25, took=1.0), *sent(2), *sent(5)]
    turns = turns_of([requests], GRAIN_S, STEPS, handlers=True)
    assert turns is not None
    busy = [busy for busy, _ in turns.by_size[1]]
    assert busy == pytest.approx([NEVER - 1, 1.1 - 1.25, 0.25, -2.75])


def test_turn_of_a_number_that_was_not_measured_is_that_of_the_nearest() -> None:
    turns = turns_of([sent(1, 1, 2, 2, 2, 2, 2, 2)], GRAIN_S, STEPS, handlers=True)
    assert turns is not None
    assert [len(requests) for requests in turns.nearest(1, 0.0)] == [2]
    assert [len(requests) for requests in turns.nearest(5, 0.0)] == [6]


def test_turn_of_another_size_takes_longer_for_each_request() -> None:
    requests = [*sent(1, took=0.1), *sent(2, 2, took=0.2), *sent(3, 3, 3, took=0.3)]
    turns = turns_of([requests], GRAIN_S, STEPS, handlers=True)
    assert turns is not None
    assert turns.each == pytest.approx(0.1)
    found = [requests[0].overhead for requests in turns.nearest(3, 0.0)]
    assert found == pytest.approx([0.0, 0.1])  # the third's own, and the second's with one more


def test_turns_are_drawn_from_those_that_found_the_emulator_as_busy() -> None:
    measured = [request for number in range(60) for request in sent(number, took=number / 100)]
    turns = turns_of([measured], GRAIN_S, STEPS, handlers=True)
    assert turns is not None
    found = [turn[0].handler for turn in turns.nearest(1, -0.7)]
    assert len(found) == NEAREST
    assert {round(1 - 0.7 + 0.01 - handler, 2) for handler in found if handler} <= {
        number / 100 for number in range(-6, 7)
    }


def test_turns_of_handlers_that_follow_a_law_are_alike_however_busy_the_emulator_is() -> None:
    turns = turns_of([sent(*range(60))], GRAIN_S, STEPS, handlers=False)
    assert turns is not None
    assert len(turns.nearest(1, 0.0)) == 60


def test_nothing_measured_tells_of_no_turns() -> None:
    assert turns_of([[]], GRAIN_S, STEPS, handlers=True) is None
