"""What the engine does with faults of a backend: every request has an answer, nothing is left."""

from __future__ import annotations

import asyncio
import io
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.messages.events import HostMemoryMeasured
from emulator.core.model import Failure, ThrottleReason, VersionKey
from emulator.core.policy import Admission, FixedKeepAlive, SchedulerSettings
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.scheduler import Scheduler
from emulator.host.compiled import is_compiled
from emulator.live.clock import LoopClock
from emulator.live.engine import Engine
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.distributions import Constant
from emulator.sim.service import ServiceModel
from emulator.telemetry.log_store import Logs
from tests.live.fake_backend import FakeBackend, FakeProcess, FakeRuntimeApi
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.sandbox_spec import SandboxSpec

KEY = VersionKey.of("f")
QUICK = Behaviour(Constant(0.1))


@dataclass
class Here:
    engine: Engine
    backend: FakeBackend
    scheduler: Scheduler
    logs: Logs

    async def invoke(self) -> Any:
        return await self.engine.invoke(KEY, b"{}")


def play(
    act: Callable[[Here], Coroutine[Any, Any, None]],
    behaviour: Behaviour = QUICK,
    available_memory_mb: Callable[[], int] | None = None,
    *,
    closes: bool = False,
    **settings: Any,
) -> None:
    """`closes`: the act ends the engine itself."""

    async def whole() -> None:
        clock = LoopClock(asyncio.get_running_loop())
        logs = Logs("engine")
        logger = PlatformLogger(logs=logs, clock=clock, profile=AWS_2025, origin=0.0)
        recorder = Recorder(journal=io.StringIO(), sinks=(), logger=logger)
        runtime_api = FakeRuntimeApi()
        backend = FakeBackend(ServiceModel(1, behaviour), runtime_api)
        settings.setdefault("keep_alive", FixedKeepAlive(100.0))
        scheduler = Scheduler(SchedulerSettings(**settings), random.Random(0))
        engine = Engine(
            scheduler=scheduler,
            backend=backend,
            runtime_api=runtime_api,
            clock=clock,
            recorder=recorder,
            logger=logger,
            profile=AWS_2025,
            available_memory_mb=available_memory_mb,
        )
        configuration = FunctionConfiguration("f", "python3.13", "app.handler", timeout=1)
        await engine.deploy(configuration, lambda _: None)
        await act(Here(engine, backend, scheduler, logs))
        if not closes:
            await asyncio.sleep(200.0)
            scheduler.check()
            assert not engine.sandboxes
            assert not engine._lives.sandboxes
            await engine.close()
        assert not engine._lives.tasks
        recorder.close()

    run(whole())


def broken(*_: object, **__: object) -> Any:
    raise RuntimeError("out of descriptors")


def test_request_is_answered_where_a_start_fails_unforeseen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(here: Here) -> None:
        monkeypatch.setattr(here.backend, "start", broken)
        outcome = await here.invoke()
        assert outcome.failure is Failure.START_FAILED

    play(act)
    assert "could not be started: out of descriptors" in caplog.text


@pytest.mark.parametrize("outcome", [Outcome.NEVER, Outcome.EXIT])
def test_caller_is_told_and_the_sandbox_replaced_where_a_reset_fails(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(here: Here) -> None:
        monkeypatch.setattr(FakeProcess, "reset", broken)
        first = await here.invoke()
        assert first.failure in (Failure.TIMEOUT, Failure.EXITED)
        second = await here.invoke()
        assert second.sandbox != first.sandbox

    play(act, Behaviour(Constant(0.1), mishaps=((outcome, 1.0),)))
    assert "could not be reset: out of descriptors" in caplog.text


def test_request_that_waits_for_a_reset_is_answered_where_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(here: Here) -> None:
        monkeypatch.setattr(FakeProcess, "reset", broken)
        outcome = await here.invoke()  # its init fails, and is to run again after the reset
        assert outcome.failure is Failure.START_FAILED

    play(act, Behaviour(Constant(0.1), init_mishaps=((Outcome.ERROR, 1.0),)))


def test_sandbox_that_cannot_be_taken_away_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(here: Here) -> None:
        outcome = await here.invoke()
        assert outcome.failure is None
        monkeypatch.setattr(FakeProcess, "stop", broken)

    play(act)
    assert "could not be taken away: out of descriptors" in caplog.text


def test_the_end_of_an_invocation_is_told_after_its_last_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a slow engine END stood before the lines that the handler had written."""
    outputs: list[Output] = []
    heard: list[asyncio.Future[None]] = []
    start = FakeBackend.start

    async def starts(
        backend: FakeBackend, spec: SandboxSpec, output: Output, ended: ProcessEnded
    ) -> FakeProcess:
        outputs.append(output)
        return await start(backend, spec, output, ended)

    def asked(_: FakeProcess) -> asyncio.Future[None]:
        heard.append(asyncio.get_running_loop().create_future())
        return heard[-1]

    async def act(here: Here) -> None:
        monkeypatch.setattr(FakeBackend, "start", starts)
        monkeypatch.setattr(FakeProcess, "output_until_now", asked)
        for _ in range(2):
            await here.invoke()
            await asyncio.sleep(1)
        (output,) = outputs
        output(b"of the first\n")
        heard[0].set_result(None)
        output(b"of the second\n")
        heard[1].set_result(None)
        await asyncio.sleep(1)
        lines = [line.split()[0] for line in here.logs.tail("f")]
        assert lines == ["INIT_START", *(["START", "of", "END", "REPORT"] * 2)]
        read = sorted(here.logs.events("f"), key=lambda event: event.at_epoch)  # as logs are read
        assert [event.message.split()[0] for event in read] == lines

    play(act)


def test_records_without_output_are_in_time_and_others_wait_behind_one_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(here: Here) -> None:
        await here.invoke()
        await asyncio.sleep(0.01)
        assert here.logs.tail("f")[-1].startswith("REPORT")
        waits = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(FakeProcess, "output_until_now", lambda _: waits)
        await here.invoke()
        await asyncio.sleep(1)
        assert here.logs.tail("f")[-1].startswith("START")
        waits.set_result(None)
        await asyncio.sleep(0)
        assert here.logs.tail("f")[-1].startswith("REPORT")

    play(act)


@pytest.mark.skipif(is_compiled(), reason="a compiled scheduler cannot be watched")
def test_host_memory_is_measured_before_a_request_is_placed() -> None:
    available = [10_000]

    async def act(here: Here) -> None:
        told = []
        handle = here.scheduler.handle

        def watched(event: Any, now: float) -> Any:
            told.append(event)
            return handle(event, now)

        here.scheduler.handle = watched  # type: ignore[method-assign]
        assert (await here.invoke()).throttle is None
        await asyncio.sleep(1.0)
        available[0] = 9_990  # too little to tell of
        await here.invoke()
        await asyncio.sleep(1.0)
        available[0] = 100
        outcomes = await asyncio.gather(here.invoke(), here.invoke())
        assert [outcome.throttle for outcome in outcomes] == [None, ThrottleReason.HOST_MEMORY]
        measured = [event for event in told if isinstance(event, HostMemoryMeasured)]
        assert measured == [HostMemoryMeasured(10_000), HostMemoryMeasured(100)]

    play(
        act,
        available_memory_mb=lambda: available[0],
        admission=Admission.ACTUAL,
        host_reserve_mb=50,
    )


def test_stop_that_the_engines_end_cancels_is_seen_through() -> None:
    async def act(here: Here) -> None:
        assert (await here.invoke()).failure is None
        await asyncio.sleep(5.5)  # its keep-alive is over, and it is being stopped
        (process,) = here.backend.processes
        assert not process.exited.done()
        await here.engine.close()
        assert process.exited.done()
        assert not here.backend._runtime_api.endpoints

    behaviour = Behaviour(Constant(0.1), stop=Constant(2.0))
    play(act, behaviour, closes=True, keep_alive=FixedKeepAlive(5.0))


def test_request_whose_caller_has_left_is_run_by_the_sandbox_that_comes_free() -> None:
    async def act(here: Here) -> None:
        first = here.engine.invoke(KEY, b"{}")
        await asyncio.sleep(0)
        left = here.engine.invoke(KEY, b"{}")
        waiting = here.engine.invoke(KEY, b"{}")
        here.engine.caller_left(left)
        outcomes = [await each for each in (first, left, waiting)]
        assert [each.sandbox for each in outcomes] == [1, 1, 3]
        here.engine.caller_left(left)  # what is over changes nothing

    play(act, Behaviour(Constant(0.1), start=Constant(1.0)), start_width=1)
