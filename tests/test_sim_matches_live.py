"""The live engine on a fake backend and the simulator write the same journal.

One scenario is played twice: on the real engine, on a loop whose time jumps, with callers of whom
some leave early; and in the simulator, which has no callers at all.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from emulator.core.journal import Entry, decode, replay
from emulator.core.messages.commands import (
    Dispatch,
    Fail,
    MakeStemCell,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
    StopStemCell,
    Throttle,
)
from emulator.core.messages.events import (
    InvocationFinished,
    RuntimeExited,
    SandboxGone,
    SandboxReset,
    TimePassed,
)
from emulator.core.model import Failure, StartKind, StopReason, ThrottleReason
from emulator.core.policies.interface import PolicyChoice
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.record_fold import fold
from emulator.core.records import Status
from emulator.live.clock import LoopClock
from emulator.live.engine import Engine
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.sim import behaviour
from emulator.telemetry.log_store import Logs
from tests.core.policies.everything import Everything
from tests.core.policies.small import SMALL
from tests.core.scenario import (
    DEPROVISIONED,
    HORIZON,
    Call,
    Coarse,
    Deploy,
    OneCall,
    Retire,
    Scenario,
)
from tests.core.scheduler.reference_scheduler import ReferenceScheduler
from tests.live.fake_backend import FakeBackend, FakeRuntimeApi
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.live.invocation import Outcome

SEEDS = range(300)
ANSWERS = (Status.OK, Status.HANDLER_ERROR)


class LiveRun:
    """The scenario on the real engine; `outcomes` has those of the callers who stayed."""

    def __init__(self, scenario: Scenario, last_words: Seconds = 0.0) -> None:
        self.scenario = scenario
        self.last_words = last_words
        self.outcomes: dict[str, Outcome] = {}
        self.left = 0
        self.journal = io.StringIO()
        run(self._play())
        self.entries = [decode(line) for line in self.journal.getvalue().splitlines()]

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop)
        logger = PlatformLogger(logs=Logs("matching"), clock=clock, profile=AWS_2025, origin=1.6e9)
        recorder = Recorder(journal=self.journal, sinks=(), logger=logger)
        runtime_api = FakeRuntimeApi(self.last_words)
        backend = FakeBackend(self.scenario.service(), runtime_api)
        numbers = iter(range(1, 1000))
        engine = Engine(
            scheduler=self.scenario.scheduler(),
            backend=backend,
            runtime_api=runtime_api,
            clock=clock,
            recorder=recorder,
            logger=logger,
            profile=AWS_2025,
            new_request_id=lambda: f"i{next(numbers)}",
        )
        async with asyncio.TaskGroup() as tasks:
            for deploy in self.scenario.deploys:
                tasks.create_task(self._deploy(engine, deploy))
            for retire in self.scenario.retires:
                tasks.create_task(self._retire(engine, retire))
            for call in self.scenario.calls:
                tasks.create_task(self._call(engine, call))
        await asyncio.sleep(DEPROVISIONED - loop.time())
        for key in self.scenario.kept:
            engine.provision(key, 0)
        await asyncio.sleep(HORIZON - loop.time())
        if self.scenario.settings.policy is None:  # else sandboxes may be kept for ever
            assert not engine._invocations
            assert not engine._lives.tasks
            assert not engine.sandboxes
            assert not engine._lives.sandboxes
            assert not runtime_api.endpoints
            assert all(process.exited.done() for process in backend.processes)
        await engine.close()
        recorder.close()

    async def _deploy(self, engine: Engine, deploy: Deploy) -> None:
        await asyncio.sleep(deploy.at)
        await engine.deploy(deploy.configuration, lambda _: None)

    async def _retire(self, engine: Engine, retire: Retire) -> None:
        await asyncio.sleep(retire.at)
        engine.retire(retire.key)

    async def _call(self, engine: Engine, call: Call) -> None:
        await asyncio.sleep(call.at)
        coming = engine.invoke(call.key, b"{}", tenant=call.tenant)
        try:
            async with asyncio.timeout(call.leaves_after):
                outcome = await asyncio.shield(coming)
        except TimeoutError:
            engine.caller_left(coming)
            coming.cancel()
            self.left += 1
        else:
            self.outcomes[outcome.request_id] = outcome


def summary(outcome: Outcome) -> tuple[object, ...]:
    if outcome.throttle is not None:
        status = Status.THROTTLED
    elif outcome.failure is not None:
        status = Status(outcome.failure.value)
    else:
        status = Status.HANDLER_ERROR if outcome.function_error else Status.OK
    return status, outcome.start, outcome.sandbox


def seen(entries: list[Entry]) -> Counter[object]:
    counts: Counter[object] = Counter()
    for entry in entries:
        for command in entry.commands:
            match command:
                case Throttle(_, kind) | StopSandbox(_, kind) | Dispatch(_, _, kind):
                    counts[kind] += 1
                case Fail(_, kind, _, _) | ResetSandbox(_, kind):
                    counts[kind] += 1
                case StartSandbox() | MakeStemCell() | StopStemCell():
                    counts[type(command)] += 1
                    counts["of a cell"] += isinstance(command, StartSandbox) and command.cell > 0
                case _:
                    pass
        if isinstance(entry.event, InvocationFinished):
            counts["handler error"] += bool(entry.event.error_type)
            counts["handed over"] += any(isinstance(each, Dispatch) for each in entry.commands)
    return counts


@pytest.fixture(autouse=True)
def _no_warnings_on_the_console(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="emulator")  # until the end of the test


def test_live_engine_and_simulator_write_the_same_journal() -> None:
    counts: Counter[object] = Counter()
    for seed in SEEDS:
        scenario = Scenario(seed)
        live, simulated = LiveRun(scenario), scenario.simulated()
        for number, (one, other) in enumerate(zip(live.entries, simulated, strict=False)):
            assert one == other, (seed, number)
        assert len(live.entries) == len(simulated), seed
        replay(live.entries, scenario.scheduler())
        records = {record.invocation: record for record in fold(live.entries)[0]}
        assert len(records) == len(scenario.calls)
        for request, outcome in live.outcomes.items():
            record = records[request]
            if record.answered_at is not None and record.status not in ANSWERS:
                # the caller had an answer before the sandbox failed or took too long
                assert outcome.failure is None
                counts["answered before the failure"] += 1
            else:
                assert summary(outcome) == (record.status, record.start, record.sandbox)
        assert len(live.outcomes) + live.left == len(scenario.calls)
        counts += seen(live.entries)
        counts["callers who left"] += live.left
        counts["of a tenant"] += sum(bool(record.tenant) for record in records.values())
    # no function of the scenarios has a snapshot to be restored
    starts = set(StartKind) - {StartKind.RESTORED}
    wanted = [*StopReason, *ThrottleReason, *Failure, *starts]
    wanted += ["handler error", "callers who left", "handed over", "of a tenant"]
    wanted += ["of a cell", MakeStemCell, StopStemCell]
    assert [kind for kind in wanted if counts[kind] < 50] == [], counts


@pytest.mark.parametrize(
    "policy", [*SMALL, PolicyChoice("everything", Everything)], ids=lambda policy: policy.text
)
def test_live_engine_simulator_and_reference_agree_with_every_policy(policy: PolicyChoice) -> None:
    """Each policy decides alike whoever drives it; the reference is told of the same events."""
    ordered = 0
    for seed in range(30):
        scenario = Scenario(1000 + seed, policy)
        live, simulated = LiveRun(scenario).entries, scenario.simulated()
        live, simulated = ([e for e in each if e.at < HORIZON] for each in (live, simulated))
        for number, (one, other) in enumerate(zip(live, simulated, strict=False)):
            assert one == other, (seed, number)
        assert len(live) == len(simulated), seed
        reference = ReferenceScheduler(scenario.settings, Coarse(scenario.seed))
        for number, entry in enumerate(simulated):
            commands = reference.handle(entry.event, entry.at)
            assert tuple(commands) == entry.commands, (seed, number)
        ordered += sum(
            isinstance(command, StartSandbox) and command.invocation is None
            for entry in simulated
            for command in entry.commands
        )
    assert ordered > 0


@pytest.mark.parametrize("outcome", [behaviour.Outcome.OK, behaviour.Outcome.EXIT])
def test_what_ends_in_the_moment_of_its_timeout_has_timed_out(outcome: behaviour.Outcome) -> None:
    live = LiveRun(OneCall(outcome))
    assert live.outcomes["i1"].failure is Failure.TIMEOUT
    (record,) = fold(live.entries)[0]
    assert record.status is Status.TIMEOUT
    assert [type(entry.event) for entry in live.entries].count(SandboxReset) == 1
    assert not any(isinstance(entry.event, RuntimeExited) for entry in live.entries)


def test_runtime_that_ends_while_its_sandbox_is_reset_ends_nothing_else() -> None:
    live = LiveRun(OneCall(behaviour.Outcome.EXIT, takes=1.9375), last_words=0.09375)
    assert live.outcomes["i1"].failure is Failure.TIMEOUT
    assert [(entry.at, entry.event) for entry in live.entries[4:8]] == [
        (3.0, TimePassed()),
        (3.5, SandboxReset(1)),
        (103.5, TimePassed()),
        (103.5, SandboxGone(1)),
    ]
