"""An engine with all that belongs to it, on any backend, and Python functions to deploy there."""

from __future__ import annotations

import asyncio
import io
import json
import math
import random
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.journal import decode
from emulator.core.model import SandboxState, VersionKey
from emulator.core.policy import FixedKeepAlive, InitCpu, SchedulerSettings
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.record_fold import fold
from emulator.core.scheduler import Scheduler
from emulator.live.engine import Engine
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.telemetry.log_store import Logs
from tests.live.skipped_clock import SkippedClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.core.journal import Entry
    from emulator.core.profile import Profile
    from emulator.core.records import InvocationRecord
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.backends.limitations import Limitation
    from emulator.live.invocation import Outcome

HANDLERS = """
import os, time

def echo(event, context):
    return event

def context(event, context):
    return [context.function_name, context.aws_request_id, context.memory_limit_in_mb]

def pause(event, context):
    time.sleep(0.1)
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]

def fail(event, context):
    raise ValueError("no luck")

def leave(event, context):
    os._exit(event)

def hang(event, context):
    time.sleep(60)

def eat(event, context):
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)))

def say(event, context):
    print("said", event)

def spin(event, context):
    begun, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < event:
        pass
    return (time.process_time() - cpu) / (time.perf_counter() - begun)
"""
BOUND = 120.0
"""Seconds that any one wait may take."""
PATIENT = {"hand_over_patience": 30.0, "queue_patience": math.inf, "init_timeout": 60.0}
"""Settings under which a machine that stands still for a while changes no request's start.

By default a request waits .2 s for a sandbox that has answered, and an init may take 10 s.
"""


def lacks(backend: SandboxBackend, *limitations: Limitation) -> bool:
    """Returns whether the backend says that it cannot enforce one of these here."""
    return not backend.unenforced.keys().isdisjoint(limitations)


@dataclass
class World:
    engine: Engine
    backend: SandboxBackend
    logs: Logs
    recorder: Recorder
    journal: io.StringIO
    folder: Path
    clock: SkippedClock

    async def deploy(self, handler: str, *, code: str = HANDLERS, **more: Any) -> VersionKey:
        """Deploys `app.<handler>` under the handler's name; its key."""
        source = self.folder / f"{handler}-{abs(hash(code)) % 10_000}"
        source.mkdir(exist_ok=True)
        (source / "app.py").write_text(code)
        name = f"{handler}-{len(self.engine.functions)}"
        settings: dict[str, Any] = {"memory_mb": 256, "timeout": 30} | more
        await self.engine.deploy(
            FunctionConfiguration(
                name, "python3.13", f"app.{handler}", code=str(source), **settings
            ),
            lambda _: None,
        )
        return VersionKey.of(name)

    async def invoke(self, key: VersionKey, event: object = None) -> Outcome:
        async with asyncio.timeout(BOUND):
            return await self.engine.invoke(key, json.dumps(event).encode())

    async def gone(self, *, leaving: int = 0) -> None:
        """Waits until no more than `leaving` sandboxes are there."""
        async with asyncio.timeout(BOUND):
            while len(self.engine.sandboxes) > leaving:  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0.005)

    async def idle(self) -> None:
        """Waits until every sandbox is: a caller has its answer a moment before its record ends."""
        async with asyncio.timeout(BOUND):
            while any(  # noqa: ASYNC110  # nothing tells a test
                sandbox.state is not SandboxState.IDLE for sandbox in self.engine.sandboxes.values()
            ):
                await asyncio.sleep(0.005)

    async def frozen(self) -> None:
        """Waits until every sandbox is: a moment after its last answer, or later."""
        await self.idle()
        async with asyncio.timeout(BOUND):
            while not all(  # noqa: ASYNC110  # nothing tells a test
                live._freezing._frozen for live in self.engine._lives.sandboxes.values()
            ):
                await asyncio.sleep(0.005)

    async def busy(self) -> None:
        """Waits until a sandbox has an invocation."""
        async with asyncio.timeout(BOUND):
            while not any(  # noqa: ASYNC110  # nothing tells a test
                sandbox.state is SandboxState.BUSY for sandbox in self.engine.sandboxes.values()
            ):
                await asyncio.sleep(0.005)

    async def timed_out(
        self, key: VersionKey, event: object = None, seconds: float = 30
    ) -> Outcome:
        """Invokes what does not end before its timeout of so many seconds, which is skipped."""
        outcome = asyncio.create_task(self.invoke(key, event))
        await self.busy()
        self.clock.skip(seconds)
        return await outcome

    async def logged(self, function: str, text: str) -> list[str]:
        """Returns a function's log as soon as a line of it contains this."""
        async with asyncio.timeout(BOUND):
            while not self.has_logged(function, text):  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0.005)
        return self.logs.tail(function)

    def has_logged(self, function: str, text: str) -> bool:
        return any(text in line for line in self.logs.tail(function))

    def entries(self) -> list[Entry]:
        """The journal so far."""
        self.recorder.flush()
        return [decode(line) for line in self.journal.getvalue().splitlines()]

    def records(self) -> list[InvocationRecord]:
        return fold(self.entries())[0]


@asynccontextmanager
async def world(
    backend: SandboxBackend,
    folder: Path,
    keep_alive: float = 600.0,
    *,
    idle_speedup: float = 1.0,
    dilation: float = 1.0,
    profile: Profile = AWS_2025,
    init_cpu: InitCpu = InitCpu.BOOSTED,
    **settings: Any,
) -> AsyncIterator[World]:
    """`settings` are more of SchedulerSettings."""
    clock = SkippedClock(asyncio.get_running_loop(), dilation)
    logs, journal = Logs("contract"), io.StringIO()
    logger = PlatformLogger(logs=logs, clock=clock, profile=profile, origin=time.time())
    recorder = Recorder(journal=journal, sinks=(), logger=logger)
    scheduling = SchedulerSettings(
        keep_alive=FixedKeepAlive(keep_alive),
        host_memory_mb=64_000,
        idle_speedup=idle_speedup,
        **PATIENT | settings,
    )
    engine = Engine(
        scheduler=Scheduler(scheduling, random.Random(0)),
        backend=backend,
        runtime_api=RuntimeApiServer(profile.response_limit),
        clock=clock,
        recorder=recorder,
        logger=logger,
        profile=profile,
        init_cpu=init_cpu,
    )
    try:
        yield World(engine, backend, logs, recorder, journal, folder, clock)
    finally:
        await engine.close()
        recorder.close()
