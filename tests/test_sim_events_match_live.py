"""The live queue of asynchronous events and the simulated one leave the same journal.

One scenario is played twice: on the real queue and engine, on a loop whose time jumps, and in the
simulator. Both ask the same core; this shows that they ask it at the same moments.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.ended_event import encode_ended
from emulator.core.asynchronous.rules import AsynchronousRules, EventSettings
from emulator.core.journal import decode, encode, replay
from emulator.core.messages.commands import Fail, Throttle
from emulator.core.messages.events import InvokeRequested
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.live.asynchronous.event_queue import EventQueue
from emulator.live.clock import LoopClock
from emulator.live.engine import Engine
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.sim.asynchronous import Events
from emulator.sim.attempts import Attempts
from emulator.sim.behaviour import Outcome
from emulator.sim.engine import Simulation
from emulator.sim.service import TICK
from emulator.telemetry.log_store import Logs
from tests.core.scenario import DEPROVISIONED, HORIZON, Scenario
from tests.live.asynchronous.engine_invoker import EngineInvoker, version_key
from tests.live.asynchronous.queued import MemoryStore
from tests.live.fake_backend import FakeBackend, FakeRuntimeApi
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from emulator.core.asynchronous.ended_event import EndedEvent
    from emulator.core.asynchronous.invocation_record import Ended
    from emulator.core.journal import Entry
    from emulator.core.model import VersionKey
    from tests.core.scenario import Call, Deploy

SEEDS = range(120)
AWS_DELAYS = AsynchronousRules().retry_delays
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


class EventScenario(Scenario):
    """A scenario whose calls are events, of functions of which many fail often."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        chance = random.Random(f"events of {seed}")
        # a cell begins its init in the moment of its start, when the next event may come as well
        self.settings = replace(self.settings, stem_cells=None)
        if chance.random() < 0.5:
            mishaps = (*self.behaviour.mishaps, (Outcome.ERROR, 0.5))
            self.behaviour = replace(self.behaviour, mishaps=mishaps)
        self.retires = []
        delays = chance.choice((AWS_DELAYS, AWS_DELAYS, (8.0,)))
        ages = tuple(age + 987 * TICK for age in (21_600.0, 21_600.0, 200.0, 20.0, 3.0))
        # no wait is as long as a timeout: what is first of two at once is not decided
        self.rules = AsynchronousRules(
            retry_delays=tuple(delay + 1234 * TICK for delay in delays),
            least_backoff=AsynchronousRules().least_backoff + 4321 * TICK,
            longest_age=chance.choice(ages),
        )
        self.speedup = chance.choice((1.0, 2.0))
        self.most_at_once = chance.choice((1, 2, 100))
        self.asked = {
            name: EventSettings(
                retry_attempts=chance.choice((None, None, 0, 1)),
                longest_age=chance.choice((None, None, 90.0, 2.0 + 55 * TICK)),
                barred=chance.random() < 0.1,
                on_success="arn:successes" if name == "small" else "",
                on_failure="arn:failures" if name == "middle" else "",
                dead_letters="" if name == "small" else "arn:letters",
            )
            for name in ("small", "middle", "large")
        }

    def settings_of(self, key: VersionKey) -> EventSettings:
        return self.asked[key.name]

    def simulated_events(self) -> tuple[list[Entry], list[EndedEvent]]:
        ended: list[EndedEvent] = []
        stimuli = [one for one in self.stimuli() if not isinstance(one[1], InvokeRequested)]
        events = Events(
            Simulation(self.scheduler(), Attempts(self.service())),
            [
                (call.at, InvokeRequested(f"i{number}", call.key, tenant=call.tenant))
                for number, call in enumerate(self.calls, 1)
            ],
            self.rules,
            self.settings_of,
            self.most_at_once,
            self.speedup,
            ended.append,
        )
        return list(events.run(stimuli, 3, HORIZON)), ended


class _Invoker(EngineInvoker):
    """Heeds what the scenario's functions ask for."""

    def __init__(self, engine: Engine, scenario: EventScenario) -> None:
        super().__init__(engine)
        self._scenario = scenario

    def settings(self, function_arn: str) -> EventSettings:
        return self._scenario.settings_of(version_key(function_arn))


class _Told:
    """Stands for destinations, and keeps what became of each event."""

    def __init__(self) -> None:
        self.ended: list[Ended] = []

    async def deliver(self, ended: Ended, asked: EventSettings, trace_id: str) -> list[str]:
        del asked, trace_id
        self.ended.append(ended)
        return []


class LiveRun:
    """The scenario on the real queue and engine."""

    def __init__(self, scenario: EventScenario) -> None:
        self.scenario = scenario
        self.told = _Told()
        self.recorded: list[EndedEvent] = []
        self.journal = io.StringIO()
        run(self._play())
        self.entries = [decode(line) for line in self.journal.getvalue().splitlines()]

    async def _play(self) -> None:
        scenario, loop = self.scenario, asyncio.get_running_loop()
        clock = LoopClock(loop)
        logger = PlatformLogger(logs=Logs("matching"), clock=clock, profile=AWS_2025, origin=1.6e9)
        recorder = Recorder(journal=self.journal, sinks=(), logger=logger)
        runtime_api = FakeRuntimeApi()
        service = Attempts(scenario.service())
        engine = Engine(
            scheduler=scenario.scheduler(),
            backend=FakeBackend(service, runtime_api),
            runtime_api=runtime_api,
            clock=clock,
            recorder=recorder,
            logger=logger,
            profile=AWS_2025,
        )
        queue = EventQueue(
            store=MemoryStore(),
            invoker=_Invoker(engine, scenario),
            rules=scenario.rules,
            most_at_once=scenario.most_at_once,
            speedup=scenario.speedup,
            record=self.recorded.append,
            wall_time=loop.time,
        )
        await queue.open(self.told)
        async with asyncio.TaskGroup() as tasks:
            for deploy in scenario.deploys:
                tasks.create_task(self._deploy(engine, deploy))
            for number, call in enumerate(scenario.calls, 1):
                tasks.create_task(self._accept(queue, number, call))
        await asyncio.sleep(DEPROVISIONED - loop.time())
        for key in scenario.kept:
            engine.provision(key, 0)
        await asyncio.sleep(HORIZON - loop.time())
        await queue.close()
        await engine.close()
        recorder.close()

    async def _deploy(self, engine: Engine, deploy: Deploy) -> None:
        await asyncio.sleep(deploy.at)
        await engine.deploy(deploy.configuration, lambda _: None)

    async def _accept(self, queue: EventQueue, number: int, call: Call) -> None:
        await asyncio.sleep(call.at)
        await queue.accept(ARN + call.key.name, b"{}", request_id=f"i{number}", tenant=call.tenant)


def told_to_the_ns(entry: Entry) -> object:
    """The entry as the journal has it; a retry counts from where a wait ended, at any time."""
    return json.loads(encode(entry), parse_float=lambda number: round(float(number), 9))


def falls_on_a_timeout(entries: list[Entry]) -> bool:
    """Whether a request comes in the very moment of a timeout; which is first is not decided.

    An event that waited for the reset of a sandbox and timed out as the one before is such a one.
    """
    return any(
        isinstance(entry.event, InvokeRequested)
        and any(isinstance(command, Fail) for command in entry.commands)
        for entry in entries
    )


def lines_of(ended: list[EndedEvent]) -> list[str]:
    """What the file of a run's ends would have, to the microsecond and by the request id."""
    rounded = [
        structs.replace(
            one,
            age=round(one.age, 6),
            accepted_at=round(one.accepted_at, 6),
            ended_at=round(one.ended_at, 6),
        )
        for one in ended
    ]
    return sorted(encode_ended(one) for one in rounded)


@pytest.fixture(autouse=True)
def _no_warnings_on_the_console(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="emulator")  # until the end of the test


def test_live_and_simulated_events_leave_the_same_journal_and_come_to_the_same_ends() -> None:
    counts: Counter[object] = Counter()
    for seed in SEEDS:
        scenario = EventScenario(seed)
        simulated, ended = scenario.simulated_events()
        simulated = [entry for entry in simulated if entry.at < HORIZON]
        if falls_on_a_timeout(simulated):
            counts["left out"] += 1
            continue
        live = LiveRun(scenario)
        entries = [entry for entry in live.entries if entry.at < HORIZON]
        for number, (one, other) in enumerate(zip(entries, simulated, strict=False)):
            assert told_to_the_ns(one) == told_to_the_ns(other), (seed, number)
        assert len(entries) == len(simulated), seed
        replay(entries, scenario.scheduler())
        told = {one.request_id: (one.condition, one.attempts) for one in live.told.ended}
        assert told == {one.invocation: (one.condition, one.attempts) for one in ended}, seed
        assert lines_of(live.recorded) == lines_of(ended), seed
        counts.update(one.condition for one in ended)
        counts.update(one.attempts for one in ended)
        counts["throttled"] += sum(
            isinstance(command, Throttle) for entry in entries for command in entry.commands
        )
    assert counts["left out"] < len(SEEDS) / 20
    wanted = [*(set(Condition) - {Condition.LOOP}), 1, 2, 3, "throttled"]
    assert [kind for kind in wanted if counts[kind] < 50] == [], counts
