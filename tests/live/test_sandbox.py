"""One sandbox between its runtime, its process and its owner, with a clock that a test moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.catalog import FunctionConfiguration
from emulator.live.backend import Exit
from emulator.live.runtime_api import Work
from emulator.live.sandbox import LiveSandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.messages import Anatomy

pytestmark = pytest.mark.anyio
WORK = Work("r", 0, "arn", b"{}")


class Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    def __init__(self) -> None:
        self.at = 0.0
        self.timers: list[tuple[float, Timer]] = []

    def now(self) -> float:
        return self.at

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        self.timers.append((self.at + delay, Timer(callback)))
        return self.timers[-1][1]

    def move(self, to: float) -> None:
        self.at = to
        for at, timer in self.timers:
            if at <= to and not timer.cancelled:
                timer.cancelled = True
                timer.callback()


class Process:
    """Writes down what it is told."""

    create, start = 0.02, 0.08

    def __init__(self, told: list[str]) -> None:
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.memory_mb = 10
        self._told = told

    def limit_cpu(self) -> None:
        self._told.append("limit")

    def freeze(self) -> None:
        self._told.append("freeze")

    def thaw(self) -> None:
        self._told.append("thaw")

    def max_memory_mb(self) -> int:
        self._told.append("memory")
        return self.memory_mb

    async def stop(self) -> None:
        self._told.append("stop")
        if not self.exited.done():
            self.exited.set_result(Exit(137))


class Endpoint:
    port = 1

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def dispatch(self, work: Work) -> None:
        self._told.append(f"dispatch {work.request_id}")

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109
        self._told.append(f"drained {timeout}")

    async def close(self) -> None:
        self._told.append("close")


class Owner:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def sandbox_ready(self, _: LiveSandbox, anatomy: Anatomy) -> None:
        self.heard.append(anatomy)

    def init_failed(self, _: LiveSandbox, error_type: str) -> None:
        self.heard.append(error_type)

    def finished(self, _: LiveSandbox, request_id: str, body: bytes, error_type: str) -> None:
        self.heard.append((request_id, body, error_type))

    def sandbox_exited(self, _: LiveSandbox, ended: Exit) -> None:
        self.heard.append(ended)


class Here:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.clock, self.owner, self.process = Clock(), Owner(), Process(self.told)
        configuration = FunctionConfiguration("f", "python3.13", "app.handler")
        self.sandbox = LiveSandbox(7, configuration, "package", self.owner, self.clock)  # type: ignore[arg-type]
        self.sandbox.endpoint = Endpoint(self.told)

    def ready(self) -> None:
        self.sandbox.started(self.process)
        self.sandbox.connected()
        self.sandbox.ready()
        self.told.clear()
        self.owner.heard.clear()


@pytest.fixture
async def here() -> Here:
    return Here()


async def test_anatomy_parts_add_up_to_the_whole(here: Here) -> None:
    here.clock.move(0.1)
    here.sandbox.started(here.process)
    here.clock.move(0.13)
    here.sandbox.connected()
    here.clock.move(0.15)
    here.sandbox.ready()
    (anatomy,) = here.owner.heard
    assert (anatomy.create, anatomy.start) == (0.02, 0.08)
    assert anatomy.connect == pytest.approx(0.03)
    assert anatomy.init == pytest.approx(0.02)
    assert here.told == ["limit"]


async def test_runtime_faster_than_the_engines_answer_is_not_charged_for_its_creation(
    here: Here,
) -> None:
    here.clock.move(0.09)
    here.sandbox.connected()
    here.clock.move(0.091)
    here.sandbox.ready()
    (anatomy,) = here.owner.heard
    assert (anatomy.start, anatomy.connect) == (0.09, 0.0)
    assert anatomy.init == pytest.approx(0.001)
    here.sandbox.started(here.process)
    assert here.told == ["limit"]


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
    here.sandbox.dispatch(WORK)
    assert here.told == ["freeze", "thaw", "dispatch r", "dispatch r"]


async def test_memory_is_looked_at_ten_times_a_second_at_most(here: Here) -> None:
    here.ready()
    assert here.sandbox.max_memory_mb() == 10
    here.process.memory_mb = 20
    here.clock.move(0.05)
    assert here.sandbox.max_memory_mb() == 10
    here.clock.move(0.2)
    assert here.sandbox.max_memory_mb() == 20
    assert here.told == ["memory", "memory"]


async def test_error_without_a_type_is_an_error_all_the_same(here: Here) -> None:
    here.sandbox.responded("a", b"1")
    here.sandbox.errored("b", "", b"{}")
    here.sandbox.errored("c", "ValueError", b"{}")
    assert here.owner.heard == [
        ("a", b"1", ""),
        ("b", b"{}", "Unhandled"),
        ("c", b"{}", "ValueError"),
    ]


async def test_init_error_keeps_what_the_runtime_said(here: Here) -> None:
    here.sandbox.init_failed("Runtime.ImportModuleError", b"why")
    assert here.owner.heard == ["Runtime.ImportModuleError"]
    assert here.sandbox.init_error_body == b"why"


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
