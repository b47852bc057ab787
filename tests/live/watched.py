"""An engine on scripted sandboxes whose logs and metrics CloudWatch keeps."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.function_names import Scope
from emulator.core.model import VersionKey
from emulator.core.policy import SchedulerSettings
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.scheduler import Scheduler
from emulator.live.clock import MonotonicClock
from emulator.live.cloudwatch import LOG_SCHEMAS, CloudWatch
from emulator.live.engine import Engine
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.live.store.database import Database
from emulator.live.store.logs.events import Span, scan
from emulator.live.store.logs.groups import find_group
from emulator.live.store.metrics.tables import read
from emulator.telemetry.log_store import Logs
from emulator.telemetry.metric_data.distribution import Distribution
from emulator.telemetry.metric_data.lambda_metrics import LambdaMetrics
from tests.live.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.telemetry.metric_data.metric import Dimensions

HERE = Scope()
FAR = 10**11


class NoJournal:
    def write(self, line: str) -> None:
        pass

    def flush(self) -> None:
        pass


@dataclass
class Watched:
    engine: Engine
    recorder: Recorder
    watch: CloudWatch
    code: Path

    async def run(self, handler: str, event: object = None, **more: Any) -> None:
        """Deploys a function, invokes it, and waits for its record."""
        configuration = FunctionConfiguration(
            handler, "python3.13", f"app.{handler}", code=str(self.code), timeout=10, **more
        )
        await self.engine.deploy(configuration, lambda _: None)
        async with asyncio.timeout(20):
            await self.engine.invoke(VersionKey.of(handler), json.dumps(event).encode())
            while self.recorder.requests.running:  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0.005)
        self.recorder.flush()

    async def lines(self, group: str) -> list[str]:
        def work(connection: sqlite3.Connection) -> list[str]:
            found = find_group(connection, HERE, group)
            return [] if found is None else [e.message for e in scan(connection, found.id, Span())]

        return await self.watch.logs.read(work)

    async def values(self, name: str, dimensions: Dimensions) -> Distribution:
        readings = await self.watch.metrics.read(
            lambda c: read(c, HERE, "AWS/Lambda", name, dimensions, start=0, end=FAR)
        )
        whole = Distribution()
        for reading in readings:
            assert time.time() - 120 <= reading.at <= time.time()
            whole.merge(reading.values)
        return whole


@asynccontextmanager
async def watched(folder: Path, dilation: float = 1.0) -> AsyncIterator[Watched]:
    (folder / "app.py").write_text("")
    clock = MonotonicClock(asyncio.get_running_loop(), dilation)
    with closing(Database(folder / "logs.db", LOG_SCHEMAS)) as database:
        watch = CloudWatch(database, limit=1 << 20, home=HERE)
        logs = Logs("one", sink=watch.logs)
        logger = PlatformLogger(logs=logs, clock=clock, profile=AWS_2025, origin=time.time())
        counts = LambdaMetrics(logger.epoch, lambda: recorder.requests)
        watch.metrics.gather(counts)
        recorder = Recorder(journal=NoJournal(), sinks=(counts,), logger=logger)
        engine = Engine(
            scheduler=Scheduler(SchedulerSettings(), random.Random(0)),
            backend=ScriptedBackend(),
            runtime_api=RuntimeApiServer(AWS_2025.response_limit),
            clock=clock,
            recorder=recorder,
            logger=logger,
            profile=AWS_2025,
        )
        try:
            yield Watched(engine, recorder, watch, folder)
        finally:
            await engine.close()
            recorder.close()
            await watch.close()
