"""The real engine, driven through any interleaving of what callers and sandboxes can do.

Hypothesis picks the steps. After each the scheduler's own invariants hold; at the end every
accepted invocation has an outcome, and its own, nothing lives, and the journal gives the same
commands when it is replayed.
"""

from __future__ import annotations

import asyncio
import io
import random
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.journal import decode, replay
from emulator.core.model import VersionKey
from emulator.core.policy import Binding, FixedKeepAlive, SchedulerSettings
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.scheduler import Scheduler
from emulator.live.clock import LoopClock
from emulator.live.engine import Engine
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.telemetry.log_store import Logs
from tests.live.jumping_loop import JumpingLoop
from tests.live.steered_backend import SteeredBackend

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from emulator.live.invocation import Outcome

KEYS = (VersionKey.of("a"), VersionKey.of("b"))
TURNS = 60
"""Turns of the loop after a step; a step leads through some ten tasks at most."""
CLOSED_WITHIN = 1000
FINISHING = ("start", "connect", "ask", "respond", "end stream", "go on")


class EngineMachine(RuleBasedStateMachine):
    """Keeps one engine, its callers and its steered sandboxes."""

    @initialize(binding=st.sampled_from(Binding), width=st.integers(1, 3))
    def begin(self, binding: Binding, width: int) -> None:
        self.loop = JumpingLoop()
        self.scheduling = SchedulerSettings(
            keep_alive=FixedKeepAlive(30.0),
            binding=binding,
            start_width=width,
            host_memory_mb=1536,
        )
        self.payloads: dict[asyncio.Future[Outcome], bytes] = {}
        self.run(self.build())

    async def build(self) -> None:
        self.backend, self.journal = SteeredBackend(), io.StringIO()
        clock = LoopClock(asyncio.get_running_loop())
        logger = PlatformLogger(logs=Logs("model"), clock=clock, profile=AWS_2025, origin=0.0)
        self.recorder = Recorder(journal=self.journal, sinks=(), logger=logger)
        self.scheduler = Scheduler(self.scheduling, random.Random(0))
        self.engine = Engine(
            scheduler=self.scheduler,
            backend=self.backend,
            runtime_api=self.backend,
            clock=clock,
            recorder=self.recorder,
            logger=logger,
            profile=AWS_2025,
        )
        for key in KEYS:
            await self.engine.deploy(
                FunctionConfiguration(
                    key.name, "python3.13", "app.run", memory_mb=256, timeout=5, code="."
                ),
                lambda _: None,
            )

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self.scheduler.check()

    # what may happen

    @rule(key=st.sampled_from(KEYS))
    def invoke(self, key: VersionKey) -> None:
        async def ask() -> None:
            payload = b"%d" % len(self.payloads)
            self.payloads[self.engine.invoke(key, payload)] = payload
            await self.settle()

        self.run(ask())

    @precondition(lambda self: any(not outcome.done() for outcome in self.payloads))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        waiting = [outcome for outcome in self.payloads if not outcome.done()]
        caller = data.draw(st.sampled_from(range(len(waiting))))
        waiting[caller].cancel()
        self.run(self.settle())

    @precondition(lambda self: bool(self.backend.steps()))
    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        steps = self.backend.steps()
        name = data.draw(st.sampled_from(sorted(steps)))

        async def take() -> None:
            steps[name]()
            await self.settle()

        self.run(take())

    @precondition(lambda self: bool(self.backend.steps()))
    @rule(count=st.integers(1, 6))
    def go_well(self, count: int) -> None:
        """Lets sandboxes come on as they mostly do, so that warm ones are met often."""

        async def several() -> None:
            for _ in range(count):
                await self.finish_steps()
            await self.settle()

        self.run(several())

    @rule(seconds=st.sampled_from([0.001, 0.1, 1.0, 5.0, 10.0, 31.0]))
    def wait(self, seconds: float) -> None:
        async def pass_time() -> None:
            await asyncio.sleep(seconds)
            await self.settle()

        self.run(pass_time())

    @rule(key=st.sampled_from(KEYS), count=st.integers(0, 2))
    def provision(self, key: VersionKey, count: int) -> None:
        async def change() -> None:
            self.engine.provision(key, count)
            await self.settle()

        self.run(change())

    @rule(key=st.sampled_from(KEYS), limit=st.sampled_from([None, None, 0, 2]))
    def reserve(self, key: VersionKey, limit: int | None) -> None:
        async def change() -> None:
            self.engine.reserve(key.name, limit)
            await self.settle()

        self.run(change())

    # the end

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.run(self.finish())
            self.judge()
        finally:
            self.run(self.loop.shutdown_asyncgens())
            self.loop.close()

    async def finish(self) -> None:
        """Lets all that is under way come to its end, then closes the engine."""
        for key in KEYS:
            self.engine.provision(key, 0)
        for _ in range(CLOSED_WITHIN):
            if all(outcome.done() for outcome in self.payloads):
                break
            await self.finish_steps()
            await asyncio.sleep(0.5)
        closing = asyncio.create_task(self.engine.close())
        for _ in range(CLOSED_WITHIN):
            if closing.done():
                break
            await self.finish_steps()
        await closing
        self.recorder.close()

    async def finish_steps(self) -> None:
        for name, step in self.backend.steps().items():
            if name.partition(": ")[2] in FINISHING:
                step()
                break
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def judge(self) -> None:
        answers: dict[str, bytes] = {}
        for sandbox in self.backend.sandboxes:
            assert sandbox.exited.done(), f"sandbox {sandbox.port} lives"
            assert sandbox.closed, f"the Runtime API of sandbox {sandbox.port} is open"
            answers |= sandbox.answers
        for future, payload in self.payloads.items():
            if future.cancelled():
                continue
            outcome = future.result()
            if not outcome.function_error and outcome.throttle is None and outcome.failure is None:
                assert outcome.payload == payload == answers[outcome.request_id]
        entries = [decode(line) for line in self.journal.getvalue().splitlines()]
        replay(entries, Scheduler(self.scheduling, random.Random(0)))


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
