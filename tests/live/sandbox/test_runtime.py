from __future__ import annotations

import asyncio

import pytest

from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.sandbox.lifecycle import Phase
from tests.live.sandbox.one_sandbox import WORK, Here

pytestmark = pytest.mark.anyio


@pytest.fixture
async def dilated() -> Here:
    """Four times slower; it runs WORK, and has used a second of CPU in a second."""
    here = Here(dilation=4.0)
    here.clock.dilation = 4.0
    here.busy()
    here.owner.heard.clear()
    here.process.cpu = 1.0
    here.clock.move(0.25)
    return here


async def test_answer_waits_until_a_slower_processor_would_have_come_to_it(dilated: Here) -> None:
    dilated.sandbox.runtime.responded("r", b"1")
    dilated.sandbox.runtime.asked()
    assert dilated.owner.heard == []
    assert dilated.sandbox.life.phase is Phase.RUNNING
    dilated.clock.move(0.99)
    assert dilated.owner.heard == []
    dilated.clock.move(1.01)
    assert dilated.owner.heard == [("r", b"1", ""), ("finished", "r", "")]


async def test_error_of_the_handler_waits_as_well(dilated: Here) -> None:
    dilated.sandbox.runtime.errored("r", "ValueError", b"2")
    dilated.clock.move(1.01)
    assert dilated.owner.heard == [("r", b"2", "ValueError")]


async def test_answer_that_waits_is_given_when_the_runtime_ends(dilated: Here) -> None:
    dilated.sandbox.runtime.responded("r", b"1")
    dilated.sandbox.runtime.finish_early()
    dilated.clock.move(2.0)
    assert dilated.owner.heard == [("r", b"1", ""), ("finished", "r", "")]


async def test_answer_that_waits_is_lost_when_its_time_is_over(dilated: Here) -> None:
    dilated.sandbox.runtime.responded("r", b"1")
    await dilated.reset()
    dilated.clock.move(2.0)
    assert dilated.owner.heard == []


async def test_answer_that_waits_is_lost_with_its_sandbox(dilated: Here) -> None:
    dilated.sandbox.runtime.responded("r", b"1")
    await dilated.sandbox.close()
    dilated.clock.move(2.0)
    assert ("r", b"1", "") not in dilated.owner.heard


async def test_invocation_is_over_when_the_runtime_asks_for_the_next(here: Here) -> None:
    here.busy()
    here.sandbox.runtime.responded("r", b"1")
    assert here.owner.heard == [("r", b"1", "")]
    assert here.sandbox.life.phase is Phase.ANSWERED
    here.sandbox.runtime.asked()
    assert here.owner.heard == [("r", b"1", ""), ("finished", "r", "")]
    assert here.sandbox.life.phase is Phase.READY


async def test_error_without_a_type_is_an_error_all_the_same(here: Here) -> None:
    here.busy()
    here.sandbox.runtime.errored("r", "", b"{}")
    here.sandbox.runtime.asked()
    here.sandbox.dispatch(WORK)
    here.sandbox.runtime.errored("r", "ValueError", b"{}")
    here.sandbox.runtime.asked()
    assert here.owner.heard == [
        ("r", b"{}", "Unhandled"),
        ("finished", "r", "Unhandled"),
        ("r", b"{}", "ValueError"),
        ("finished", "r", "ValueError"),
    ]


async def test_answer_to_what_it_does_not_run_is_not_heard(here: Here) -> None:
    here.busy()
    here.sandbox.runtime.responded("another", b"1")
    here.sandbox.runtime.asked()
    assert here.owner.heard == []


async def test_runtime_that_ends_after_its_answer_has_finished(here: Here) -> None:
    here.busy()
    here.sandbox.runtime.finish_early()
    assert here.owner.heard == []
    here.sandbox.runtime.responded("r", b"1")
    here.sandbox.runtime.finish_early()
    here.sandbox.runtime.finish_early()
    assert here.owner.heard == [("r", b"1", ""), ("finished", "r", "")]


async def test_init_error_keeps_what_the_runtime_said(here: Here) -> None:
    here.sandbox.runtime.init_failed("Runtime.ImportModuleError", b"why")
    assert here.owner.heard == ["Runtime.ImportModuleError"]
    assert here.sandbox.runtime.init_error_body == b"why"


async def test_error_of_an_init_is_kept_for_its_caller_where_the_reset_ends_the_sandbox(
    here: Here,
) -> None:
    """As a restored sandbox's does: its end and the clearing up are told in any order."""

    async def ends() -> None:
        here.process.exited.set_result(Exit(137))
        await asyncio.sleep(0)

    here.sandbox.started(here.process)
    here.process.reset = ends  # type: ignore[method-assign]
    here.sandbox.runtime.init_failed("Error", b"why")
    await here.reset()
    assert here.owner.heard[-1] == Exit(137)
    assert here.sandbox.runtime.init_error_body == b"why"


async def test_init_error_is_not_heard_after_the_init_or_during_a_reset(here: Here) -> None:
    here.ready()
    here.sandbox.runtime.init_failed("Late", b"why")
    await here.reset()
    assert here.sandbox.begin_reset()
    here.sandbox.runtime.init_failed("Late", b"why")
    assert here.owner.heard == []
    assert here.sandbox.runtime.init_error_body == b""


async def test_init_that_fails_within_an_invocation_is_heard(here: Here) -> None:
    here.busy()
    await here.reset()
    here.sandbox.dispatch(WORK)
    here.sandbox.runtime.init_failed("E", b"why")
    assert here.owner.heard == ["E"]
    assert here.sandbox.runtime.init_error_body == b"why"
    await here.reset()
    assert here.sandbox.runtime.init_error_body == b""


async def test_request_of_a_runtime_that_is_being_killed_is_not_heard(here: Here) -> None:
    here.busy()
    here.sandbox.runtime.responded("r", b"1")
    assert here.sandbox.begin_reset()
    here.sandbox.runtime.asked()
    here.sandbox.process_ended(RUNTIME, Exit(137))
    assert here.owner.heard == [("r", b"1", "")]


async def test_whole_stream_that_is_too_large_for_its_caller_is_an_error(here: Here) -> None:
    here.busy()
    here.owner.stream_error = "Function.ResponseSizeTooLarge"
    here.sandbox.runtime.stream_ended("r", "", b"")
    here.sandbox.runtime.asked()
    assert here.owner.heard[-1] == ("finished", "r", "Function.ResponseSizeTooLarge")
