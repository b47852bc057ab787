from __future__ import annotations

import asyncio

import pytest

from emulator.live.backends.interface import Exit
from emulator.live.sandbox.lifecycle import IllegalPhaseError, Phase
from tests.live.sandbox.one_sandbox import WORK, Here

pytestmark = pytest.mark.anyio


async def test_request_within_the_grace_spares_the_freeze(here: Here) -> None:
    here.ready()
    here.sandbox.freeze_after(0.01)
    here.clock.move(0.009)
    here.sandbox.dispatch(WORK)
    here.clock.move(1.0)
    assert here.told == ["dispatch r"]


async def test_frozen_sandbox_is_thawed_before_it_gets_a_request(here: Here) -> None:
    here.ready()
    here.sandbox.freeze_after(0.01)
    here.clock.move(0.01)
    here.sandbox.dispatch(WORK)
    assert here.told == ["freeze", "thaw", "dispatch r"]
    with pytest.raises(IllegalPhaseError, match="RUNNING -> STARTING_AGAIN"):
        here.sandbox.dispatch(WORK)


async def test_reset_cuts_the_runtime_off_and_kills_it(here: Here) -> None:
    here.busy()
    await here.reset()
    assert here.told == ["cut off", "reset"]
    assert here.sandbox.life.phase is Phase.BARE
    here.sandbox.runtime.responded("r", b"1")
    assert here.owner.heard == []


async def test_frozen_sandbox_is_thawed_for_its_reset_and_not_frozen_during_it(here: Here) -> None:
    here.ready()
    here.sandbox.freeze_after(0.01)
    here.clock.move(0.01)
    here.sandbox.freeze_after(0.01)
    await here.reset()
    here.clock.move(1.0)
    assert here.told == ["freeze", "thaw", "cut off", "reset"]


async def test_last_words_are_read_for_a_tenth_of_a_second_at_most(here: Here) -> None:
    await here.sandbox.read_to_the_end()
    assert here.told == ["drained 0.1"]


async def test_end_of_its_own_is_reported_and_a_commanded_one_is_not(here: Here) -> None:
    here.ready()
    here.process.exited.set_result(Exit(3))
    await asyncio.sleep(0)
    assert here.owner.heard == [Exit(3)]
    stopped = Here()
    stopped.ready()
    await stopped.sandbox.close()
    await asyncio.sleep(0)
    assert stopped.owner.heard == []
    assert stopped.told == ["stop", "close"]


async def test_sandbox_that_ends_is_not_frozen_any_more(here: Here) -> None:
    here.ready()
    here.sandbox.freeze_after(0.01)
    await here.sandbox.close()
    here.clock.move(1.0)
    assert "freeze" not in here.told
