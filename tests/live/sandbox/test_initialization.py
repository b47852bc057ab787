from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from msgspec.structs import replace

from emulator.core.messages.measurements import Anatomy
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.runtime_api.extensions import Extensions, FunctionIdentity
from emulator.live.sandbox.usage import Usage
from tests.live.sandbox.one_sandbox import WORK, Here

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.anyio


async def test_anatomy_parts_add_up_to_the_whole(here: Here) -> None:
    here.clock.move(0.1)
    here.sandbox.started(here.process)
    here.clock.move(0.13)
    here.sandbox.runtime.connected()
    here.clock.move(0.15)
    here.sandbox.runtime.asked()
    began, anatomy = here.owner.heard
    assert began == "init began"
    assert (anatomy.create, anatomy.start) == (0.02, 0.08)
    assert anatomy.connect == pytest.approx(0.03)
    assert anatomy.init == pytest.approx(0.02)
    assert anatomy.other == pytest.approx(0.0)
    assert here.told == ["limit"]


async def test_what_the_backends_engine_does_not_account_for_is_other(here: Here) -> None:
    here.clock.move(0.35)
    here.sandbox.started(here.process)
    here.sandbox.runtime.connected()
    here.sandbox.runtime.asked()
    _, anatomy = here.owner.heard
    assert anatomy.other == pytest.approx(0.25)
    assert replace(anatomy, other=0.0) == Anatomy(0.02, 0.08)


async def test_seconds_of_the_backend_are_the_machines_and_the_clocks_are_dilated(
    here: Here,
) -> None:
    here.clock.dilation = 4.0
    here.clock.move(0.1)
    here.sandbox.started(here.process)
    here.clock.move(0.13)
    here.sandbox.runtime.connected()
    here.sandbox.runtime.asked()
    anatomy = here.owner.heard[-1]
    assert (anatomy.create, anatomy.start) == (0.005, 0.02)
    assert anatomy.other == pytest.approx(0.075)
    here.sandbox.dispatch(WORK)
    here.clock.move(1.0)
    here.process.used_up = (5, 0.8)
    assert here.sandbox.meter.read() == Usage(10, throttled=0.2, throttled_periods=5)


async def test_runtime_faster_than_the_engines_answer_is_not_charged_for_its_creation(
    here: Here,
) -> None:
    here.clock.move(0.09)
    here.sandbox.runtime.connected()
    here.clock.move(0.091)
    here.sandbox.runtime.asked()
    (anatomy,) = here.owner.heard
    assert (anatomy.start, anatomy.connect) == (0.09, 0.0)
    assert anatomy.init == pytest.approx(0.001)
    here.sandbox.started(here.process)
    assert here.told == ["limit"]
    assert here.owner.heard == [anatomy], "its init is not begun any more"


def with_extension(here: Here) -> Callable[[], None]:
    """What has the sandbox's extension register."""
    extensions = here.sandbox.parts.extensions = Extensions(
        FunctionIdentity("f", "$LATEST", "app.handler", ""),
        ("watcher",),
        lambda: str(UUID(int=1)),
        here.sandbox.runtime.look,
        lambda *_: None,
    )

    def register() -> None:
        headers = {b"lambda-extension-name": b"watcher"}
        path, body = b"/2020-01-01/extension/register", b'{"events": ["INVOKE"]}'
        assert extensions.answer(b"POST", path, headers, body, lambda _: None)

    return register


async def test_runtime_is_started_when_the_extension_has_registered(here: Here) -> None:
    register = with_extension(here)
    here.sandbox.started(here.process)
    assert here.told == []
    register()
    assert here.told == ["run runtime"]


async def test_extension_faster_than_the_backends_answer_has_the_runtime_started(
    here: Here,
) -> None:
    with_extension(here)()
    here.sandbox.started(here.process)
    assert here.told == ["run runtime"]


async def test_runtime_that_ended_is_not_started_again_before_the_reset(here: Here) -> None:
    register = with_extension(here)
    here.sandbox.started(here.process)
    register()
    here.sandbox.process_ended(RUNTIME, Exit(1))
    here.sandbox.runtime.look()
    assert here.told == ["run runtime"]
    await here.reset()
    here.told.clear()
    here.sandbox.dispatch(WORK)
    register()
    assert here.told == ["limit", "run watcher", "run runtime"]


async def test_shutdown_does_not_wait_for_who_did_not_register_for_it(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.sandbox.shutdown._EXTERNAL_GRACE", 600.0)
    register = with_extension(here)
    here.sandbox.started(here.process)
    register()
    here.sandbox.process_ended(RUNTIME, Exit(1))
    async with asyncio.timeout(20):
        await here.reset()
    assert here.told == ["run runtime", "cut off", "reset"]


async def test_request_after_a_reset_starts_the_runtime_and_waits_for_its_init(here: Here) -> None:
    here.busy()
    await here.reset()
    here.told.clear()
    here.clock.move(1.0)
    here.sandbox.dispatch(WORK)
    assert here.told == ["limit", "run runtime"]
    here.clock.move(1.25)
    here.sandbox.runtime.connected()
    here.clock.move(2.0)
    here.sandbox.runtime.asked()
    assert here.told == ["limit", "run runtime", "limit", "dispatch r"]
    assert here.owner.heard == [Anatomy(connect=0.25, init=0.75)]
    here.sandbox.runtime.responded("r", b"1")
    here.sandbox.runtime.asked()
    assert here.owner.heard[1:] == [("r", b"1", ""), ("finished", "r", "")]


async def test_runtime_that_ends_is_told_and_is_started_again_after_the_reset(here: Here) -> None:
    here.busy()
    here.sandbox.process_ended(RUNTIME, Exit(3))
    assert here.owner.heard == [(RUNTIME, Exit(3))]
    await here.reset()
    here.sandbox.dispatch(WORK)
    assert here.told == ["cut off", "reset", "limit", "run runtime"]
