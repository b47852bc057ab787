"""One sandbox between its runtime, its process and its owner, with a clock that a test moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.messages.measurements import Anatomy, JvmUse, MemoryUse
from emulator.host.jvm_counters import JvmCounters
from emulator.host.memory_counters import MemoryCounters
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.runtime_api.extensions import Extensions, FunctionIdentity, ShutdownReason
from emulator.live.runtime_api.interface import Work
from emulator.live.sandbox.dilation import SandboxCpu
from emulator.live.sandbox.lifecycle import IllegalPhaseError, Phase
from emulator.live.sandbox.live_sandbox import LiveSandbox, Usage
from tests.live.moved_clock import MovedClock

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.anyio
WORK = Work("r", 0, "arn", b"{}")


class Process:
    """Writes down what it is told."""

    create, start = 0.02, 0.08
    resettable = True

    def __init__(self, told: list[str]) -> None:
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.memory_mb = 10
        self.used_up = (0, 0.0)
        self.cpu = 0.0
        self.counted: MemoryCounters | None = None
        self.jvm_counted: JvmCounters | None = None
        self._told = told

    def run(self, name: str) -> None:
        self._told.append(f"run {name}")

    def terminate(self, name: str) -> None:
        self._told.append(f"terminate {name}")

    async def reset(self) -> None:
        self._told.append("reset")

    def limit_cpu(self) -> None:
        self._told.append("limit")

    def freeze(self) -> None:
        self._told.append("freeze")

    def thaw(self) -> None:
        self._told.append("thaw")

    def max_memory_mb(self) -> int:
        self._told.append("memory")
        return self.memory_mb

    def memory(self) -> MemoryCounters | None:
        return self.counted

    def jvm(self) -> JvmCounters | None:
        return self.jvm_counted

    def throttled(self) -> tuple[int, float]:
        return self.used_up

    def cpu_seconds(self) -> float:
        return self.cpu

    async def stop(self) -> None:
        self._told.append("stop")
        if not self.exited.done():
            self.exited.set_result(Exit(137))


class Endpoint:
    port = 1
    peer = ""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def dispatch(self, work: Work) -> None:
        self._told.append(f"dispatch {work.request_id}")

    def reset(self) -> None:
        self._told.append("cut off")

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109
        self._told.append(f"drained {timeout}")

    async def close(self) -> None:
        self._told.append("close")


class Owner:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.stream_error = ""

    def init_began(self, _: LiveSandbox) -> None:
        self.heard.append("init began")

    def sandbox_ready(self, _: LiveSandbox, anatomy: Anatomy) -> None:
        self.heard.append(anatomy)

    def init_failed(self, _: LiveSandbox, error_type: str) -> None:
        self.heard.append(error_type)

    def answered(self, _: LiveSandbox, request_id: str, body: bytes, error_type: str) -> None:
        self.heard.append((request_id, body, error_type))

    def finished(self, _: LiveSandbox, request_id: str, error_type: str) -> None:
        self.heard.append(("finished", request_id, error_type))

    def stream_began(self, request_id: str, content_type: str, _: Callable[[bool], None]) -> None:
        self.heard.append(("stream began", request_id, content_type))

    def streamed(self, request_id: str, piece: bytes) -> None:
        self.heard.append(("streamed", request_id, piece))

    def stream_ended(
        self, _: LiveSandbox, request_id: str, error_type: str, error_body: bytes
    ) -> str:
        self.heard.append(("stream ended", request_id, error_type, error_body))
        return self.stream_error or error_type

    def stayed_busy(self, _: LiveSandbox) -> None:
        self.heard.append("stayed busy")

    def subscribed(self, _: LiveSandbox, event: object) -> None:
        self.heard.append(event)

    def process_ended(self, _: LiveSandbox, name: str, ended: Exit) -> None:
        self.heard.append((name, ended))

    def sandbox_exited(self, _: LiveSandbox, ended: Exit) -> None:
        self.heard.append(ended)


class Here:
    def __init__(self, dilation: float = 1.0) -> None:
        self.told: list[str] = []
        self.clock, self.owner, self.process = MovedClock(), Owner(), Process(self.told)
        self.sandbox = LiveSandbox(
            7,
            FunctionConfiguration("f", "python3.13", "app.handler"),
            "package",
            (),
            owner=self.owner,
            clock=self.clock,  # type: ignore[arg-type]
            epoch=lambda at: at,
            cpu=SandboxCpu(0.001 if dilation == 1 else 5.0, 1, dilation),
        )
        self.sandbox.start_with(Endpoint(self.told))

    def ready(self) -> None:
        self.sandbox.started(self.process)
        self.sandbox.connected()
        self.sandbox.asked()
        self.told.clear()
        self.owner.heard.clear()

    def busy(self) -> None:
        """It runs WORK."""
        self.ready()
        self.sandbox.dispatch(WORK)
        self.told.clear()

    async def reset(self) -> None:
        """As the engine does it."""
        assert self.sandbox.begin_reset()
        await self.sandbox.reset(ShutdownReason.FAILURE)


@pytest.fixture
async def here() -> Here:
    return Here()


async def test_anatomy_parts_add_up_to_the_whole(here: Here) -> None:
    here.clock.move(0.1)
    here.sandbox.started(here.process)
    here.clock.move(0.13)
    here.sandbox.connected()
    here.clock.move(0.15)
    here.sandbox.asked()
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
    here.sandbox.connected()
    here.sandbox.asked()
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
    here.sandbox.connected()
    here.sandbox.asked()
    anatomy = here.owner.heard[-1]
    assert (anatomy.create, anatomy.start) == (0.005, 0.02)
    assert anatomy.other == pytest.approx(0.075)
    here.sandbox.dispatch(WORK)
    here.clock.move(1.0)
    here.process.used_up = (5, 0.8)
    assert here.sandbox.usage() == Usage(10, throttled=0.2, throttled_periods=5)


async def test_throttling_of_the_first_init_is_not_the_first_invocations(here: Here) -> None:
    here.process.used_up = (3, 0.1)
    here.busy()
    here.clock.move(1.0)
    here.process.used_up = (4, 0.5)
    assert here.sandbox.usage() == Usage(10, throttled=0.4, throttled_periods=1)


async def test_runtime_faster_than_the_engines_answer_is_not_charged_for_its_creation(
    here: Here,
) -> None:
    here.clock.move(0.09)
    here.sandbox.connected()
    here.clock.move(0.091)
    here.sandbox.asked()
    (anatomy,) = here.owner.heard
    assert (anatomy.start, anatomy.connect) == (0.09, 0.0)
    assert anatomy.init == pytest.approx(0.001)
    here.sandbox.started(here.process)
    assert here.told == ["limit"]
    assert here.owner.heard == [anatomy], "its init is not begun any more"


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


# usage


async def test_memory_is_looked_at_ten_times_a_second_at_most_where_it_need_not_be_exact(
    here: Here,
) -> None:
    here.ready()
    assert here.sandbox.usage(exact=False) == Usage(10)
    here.process.memory_mb = 20
    here.clock.move(0.05)
    assert here.sandbox.usage(exact=False) == Usage(10)
    here.clock.move(0.2)
    assert here.sandbox.usage(exact=False) == Usage(20)
    assert here.told == ["memory", "memory"]
    here.process.memory_mb = 30
    assert here.sandbox.usage() == Usage(30)


async def test_peak_memory_never_falls(here: Here) -> None:
    here.ready()
    here.process.memory_mb = 20
    assert here.sandbox.usage() == Usage(20)
    here.process.memory_mb = 10
    assert here.sandbox.usage() == Usage(20)


async def test_throttling_is_counted_from_one_look_to_the_next(here: Here) -> None:
    here.ready()
    here.process.used_up = (3, 0.25)
    assert here.sandbox.usage() == Usage(10, 0.25, 3)
    here.process.used_up = (5, 1.0)
    assert here.sandbox.usage() == Usage(10, 0.75, 2)


async def test_invocation_too_short_to_be_throttled_is_not_asked_about(here: Here) -> None:
    here.clock.move(1.0)
    here.busy()
    here.process.used_up = (3, 0.25)
    here.clock.move(1.0005)
    assert here.sandbox.usage(exact=False) == Usage(10)
    here.clock.move(1.5)
    assert here.sandbox.usage(exact=False) == Usage(10, 0.25, 3)


async def test_faults_are_counted_from_one_look_to_the_next_and_the_first_has_those_of_the_init(
    here: Here,
) -> None:
    here.ready()
    here.process.counted = MemoryCounters(5 << 20, (2 << 20) + 1, 40, 9)
    assert here.sandbox.usage().memory == MemoryUse(5, 3, 40, 9)
    here.process.counted = MemoryCounters(6 << 20, 1 << 20, 42, 12)
    assert here.sandbox.usage().memory == MemoryUse(6, 1, 2, 3)


async def test_collections_of_a_jvm_are_counted_from_one_look_to_the_next(here: Here) -> None:
    here.ready()
    here.process.counted = MemoryCounters(5 << 20, 0, 0, 0)
    here.process.jvm_counted = JvmCounters(9 << 20, (2 << 20) + 1, 4, 0.5)
    assert here.sandbox.usage().memory == MemoryUse(5, 0, 0, 0, JvmUse(9, 3, 4, 0.5))
    here.process.jvm_counted = JvmCounters(8 << 20, 2 << 20, 6, 0.75)
    assert here.sandbox.usage().memory == MemoryUse(5, 0, 0, 0, JvmUse(8, 2, 2, 0.25))


async def test_jvm_of_a_restarted_runtime_is_counted_from_its_start(here: Here) -> None:
    here.ready()
    here.process.counted = MemoryCounters(0, 0, 0, 0)
    for count in (7, 3):
        here.process.jvm_counted = JvmCounters(0, 0, count, count / 10)
        used = here.sandbox.usage().memory
    assert used is not None
    assert used.jvm == JvmUse(0, 0, 3, 0.3)


async def test_kernel_that_tells_no_refaults_leaves_them_unknown(here: Here) -> None:
    here.ready()
    for faults in (1, 3):
        here.process.counted = MemoryCounters(0, 0, faults, None)
        used = here.sandbox.usage().memory
    assert used == MemoryUse(0, 0, 2, None)


async def test_short_invocation_leaves_its_faults_to_the_next_that_is_looked_at(here: Here) -> None:
    here.busy()
    here.process.counted = MemoryCounters(0, 0, 1, 0)
    assert here.sandbox.usage(exact=False).memory == MemoryUse(0, 0, 1, 0)
    here.process.counted = MemoryCounters(0, 0, 3, 0)
    here.clock.move(0.009)
    assert here.sandbox.usage(exact=False).memory is None
    here.process.counted = MemoryCounters(0, 0, 8, 0)
    here.clock.move(0.0101)
    assert here.sandbox.usage(exact=False).memory == MemoryUse(0, 0, 7, 0)
    assert here.told.count("memory") == 1, "the peak, which costs more, is not read for that"


async def test_sandbox_whose_cgroup_is_gone_has_no_figures(here: Here) -> None:
    here.ready()
    here.process.counted = MemoryCounters(5 << 20, 0, 40, 9)
    assert here.sandbox.memory() == here.process.counted
    here.process.counted = None
    assert here.sandbox.usage().memory is None


async def test_sandbox_that_was_not_made_has_used_nothing(here: Here) -> None:
    assert here.sandbox.usage() == Usage()


# answers of dilated sandboxes


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
    dilated.sandbox.responded("r", b"1")
    dilated.sandbox.asked()
    assert dilated.owner.heard == []
    assert dilated.sandbox.phase is Phase.RUNNING
    dilated.clock.move(0.99)
    assert dilated.owner.heard == []
    dilated.clock.move(1.01)
    assert dilated.owner.heard == [("r", b"1", ""), ("finished", "r", "")]


async def test_error_of_the_handler_waits_as_well(dilated: Here) -> None:
    dilated.sandbox.errored("r", "ValueError", b"2")
    dilated.clock.move(1.01)
    assert dilated.owner.heard == [("r", b"2", "ValueError")]


async def test_answer_that_waits_is_given_when_the_runtime_ends(dilated: Here) -> None:
    dilated.sandbox.responded("r", b"1")
    dilated.sandbox.finish_early()
    dilated.clock.move(2.0)
    assert dilated.owner.heard == [("r", b"1", ""), ("finished", "r", "")]


async def test_answer_that_waits_is_lost_when_its_time_is_over(dilated: Here) -> None:
    dilated.sandbox.responded("r", b"1")
    await dilated.reset()
    dilated.clock.move(2.0)
    assert dilated.owner.heard == []


async def test_answer_that_waits_is_lost_with_its_sandbox(dilated: Here) -> None:
    dilated.sandbox.responded("r", b"1")
    await dilated.sandbox.close()
    dilated.clock.move(2.0)
    assert ("r", b"1", "") not in dilated.owner.heard


# answers


async def test_invocation_is_over_when_the_runtime_asks_for_the_next(here: Here) -> None:
    here.busy()
    here.sandbox.responded("r", b"1")
    assert here.owner.heard == [("r", b"1", "")]
    assert here.sandbox.phase is Phase.ANSWERED
    here.sandbox.asked()
    assert here.owner.heard == [("r", b"1", ""), ("finished", "r", "")]
    assert here.sandbox.phase is Phase.READY


async def test_error_without_a_type_is_an_error_all_the_same(here: Here) -> None:
    here.busy()
    here.sandbox.errored("r", "", b"{}")
    here.sandbox.asked()
    here.sandbox.dispatch(WORK)
    here.sandbox.errored("r", "ValueError", b"{}")
    here.sandbox.asked()
    assert here.owner.heard == [
        ("r", b"{}", "Unhandled"),
        ("finished", "r", "Unhandled"),
        ("r", b"{}", "ValueError"),
        ("finished", "r", "ValueError"),
    ]


async def test_answer_to_what_it_does_not_run_is_not_heard(here: Here) -> None:
    here.busy()
    here.sandbox.responded("another", b"1")
    here.sandbox.asked()
    assert here.owner.heard == []


async def test_runtime_that_ends_after_its_answer_has_finished(here: Here) -> None:
    here.busy()
    here.sandbox.finish_early()
    assert here.owner.heard == []
    here.sandbox.responded("r", b"1")
    here.sandbox.finish_early()
    here.sandbox.finish_early()
    assert here.owner.heard == [("r", b"1", ""), ("finished", "r", "")]


# init


async def test_init_error_keeps_what_the_runtime_said(here: Here) -> None:
    here.sandbox.init_failed("Runtime.ImportModuleError", b"why")
    assert here.owner.heard == ["Runtime.ImportModuleError"]
    assert here.sandbox.init_error_body == b"why"


async def test_init_error_is_not_heard_after_the_init_or_during_a_reset(here: Here) -> None:
    here.ready()
    here.sandbox.init_failed("Late", b"why")
    await here.reset()
    assert here.sandbox.begin_reset()
    here.sandbox.init_failed("Late", b"why")
    assert here.owner.heard == []
    assert here.sandbox.init_error_body == b""


# extensions


def with_extension(here: Here) -> Callable[[], None]:
    """What has the sandbox's extension register."""
    extensions = here.sandbox.extensions = Extensions(
        FunctionIdentity("f", "$LATEST", "app.handler", ""),
        ("watcher",),
        lambda: str(UUID(int=1)),
        here.sandbox.look,
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
    here.sandbox.look()
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


# resets


async def test_reset_cuts_the_runtime_off_and_kills_it(here: Here) -> None:
    here.busy()
    await here.reset()
    assert here.told == ["cut off", "reset"]
    assert here.sandbox.phase is Phase.BARE
    here.sandbox.responded("r", b"1")
    assert here.owner.heard == []


async def test_frozen_sandbox_is_thawed_for_its_reset_and_not_frozen_during_it(here: Here) -> None:
    here.ready()
    here.sandbox.freeze_after(0.01)
    here.clock.move(0.01)
    here.sandbox.freeze_after(0.01)
    await here.reset()
    here.clock.move(1.0)
    assert here.told == ["freeze", "thaw", "cut off", "reset"]


async def test_request_after_a_reset_starts_the_runtime_and_waits_for_its_init(here: Here) -> None:
    here.busy()
    await here.reset()
    here.told.clear()
    here.clock.move(1.0)
    here.sandbox.dispatch(WORK)
    assert here.told == ["limit", "run runtime"]
    here.clock.move(1.25)
    here.sandbox.connected()
    here.clock.move(2.0)
    here.sandbox.asked()
    assert here.told == ["limit", "run runtime", "limit", "dispatch r"]
    assert here.owner.heard == [Anatomy(connect=0.25, init=0.75)]
    here.sandbox.responded("r", b"1")
    here.sandbox.asked()
    assert here.owner.heard[1:] == [("r", b"1", ""), ("finished", "r", "")]


async def test_init_that_fails_within_an_invocation_is_heard(here: Here) -> None:
    here.busy()
    await here.reset()
    here.sandbox.dispatch(WORK)
    here.sandbox.init_failed("E", b"why")
    assert here.owner.heard == ["E"]
    assert here.sandbox.init_error_body == b"why"
    await here.reset()
    assert here.sandbox.init_error_body == b""


async def test_request_of_a_runtime_that_is_being_killed_is_not_heard(here: Here) -> None:
    here.busy()
    here.sandbox.responded("r", b"1")
    assert here.sandbox.begin_reset()
    here.sandbox.asked()
    here.sandbox.process_ended(RUNTIME, Exit(137))
    assert here.owner.heard == [("r", b"1", "")]


async def test_runtime_that_ends_is_told_and_is_started_again_after_the_reset(here: Here) -> None:
    here.busy()
    here.sandbox.process_ended(RUNTIME, Exit(3))
    assert here.owner.heard == [(RUNTIME, Exit(3))]
    await here.reset()
    here.sandbox.dispatch(WORK)
    assert here.told == ["cut off", "reset", "limit", "run runtime"]


async def test_last_words_are_read_for_a_tenth_of_a_second_at_most(here: Here) -> None:
    await here.sandbox.read_to_the_end()
    assert here.told == ["drained 0.1"]


# ends


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


async def test_whole_stream_that_is_too_large_for_its_caller_is_an_error(here: Here) -> None:
    here.busy()
    here.owner.stream_error = "Function.ResponseSizeTooLarge"
    here.sandbox.stream_ended("r", "", b"")
    here.sandbox.asked()
    assert here.owner.heard[-1] == ("finished", "r", "Function.ResponseSizeTooLarge")
