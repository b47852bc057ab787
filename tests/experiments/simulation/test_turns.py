from __future__ import annotations

from emulator.experiments.simulation.turns import GRAIN_S, turns_of
from emulator.sim.clients import Request, Users


def test_requests_of_a_turn_keep_their_ranks_among_all_of_their_cell() -> None:
    alone, pair = ((0.010, 0.3),), ((None, 0.1), (0.020, 0.2))
    turns = turns_of([[alone, pair]], GRAIN_S)
    assert turns is not None
    assert turns.by_size == {1: (((0.0, 1.0),),), 2: (((None, 0.0), (1.0, 0.5)),)}


def test_turn_of_a_number_that_was_not_measured_is_that_of_the_nearest() -> None:
    turns = turns_of([[((0.01, 0.1),) * 2, ((0.01, 0.1),) * 6]], GRAIN_S)
    assert turns is not None
    assert len(turns.of_size(1)[0]) == 2
    assert len(turns.of_size(5)[0]) == 6


def test_nothing_measured_tells_of_no_turns() -> None:
    assert turns_of([[]], GRAIN_S) is None


def test_users_whose_pauses_end_within_a_grain_ask_together_from_then_on() -> None:
    users = Users((2,), 10.0, pause=0.1, grain=0.001)
    first = users.answered(Request(0.0, 2, 0), 0.0102)
    second = users.answered(Request(0.0, 2, 1), 0.0108)
    later = users.answered(Request(0.0, 2, 1), 0.0112)
    assert first is not None
    assert second is not None
    assert later is not None
    assert first.at == second.at == 0.111
    assert later.at == 0.112
