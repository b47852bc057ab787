from __future__ import annotations

from itertools import product

import pytest

from emulator.live.sandbox.lifecycle import BROKEN_OFF, INITIALIZING, MOVES, Phase


def test_every_phase_has_its_moves() -> None:
    assert set(MOVES) == set(Phase)


def test_end_is_final_and_can_come_at_any_time() -> None:
    assert [phase for phase in Phase if Phase.ENDING not in MOVES[phase]] == [Phase.ENDING]
    assert MOVES[Phase.ENDING] == frozenset()


@pytest.mark.parametrize("phase", sorted(set(Phase) - BROKEN_OFF, key=lambda phase: phase.name))
def test_sandbox_can_be_reset_until_it_is_or_ends(phase: Phase) -> None:
    assert Phase.RESETTING in MOVES[phase]


def test_only_an_init_or_an_answer_makes_a_sandbox_ready() -> None:
    before = {one for one, other in product(Phase, Phase) if other in MOVES[one]}
    assert before == set(Phase) - {Phase.ENDING}
    ready = {phase for phase in Phase if Phase.READY in MOVES[phase]}
    assert ready == INITIALIZING | {Phase.ANSWERED}
