"""The whole HTTP face of an emulator on a free port, over a backend that starts no sandbox.

Functions that are invoked are acted out by `tests/live/scripted_backend.py`.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from emulator.api.app import Face, create_app
from emulator.api.control.collaborators import control_of
from emulator.api.control.downloads import downloads
from emulator.api.invoke.directory import FunctionDirectory
from emulator.api.operations import all_operations
from emulator.api.server import GatewayServer, gateway_config
from emulator.core.function_names import Scope
from emulator.core.policy import SchedulerSettings
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.routes import RouteTable
from emulator.core.scheduler import Scheduler
from emulator.live.aws.endpoints import Endpoints
from emulator.live.clock import MonotonicClock
from emulator.live.cloudwatch import LOG_SCHEMAS, CloudWatch
from emulator.live.engine import Engine
from emulator.live.eventing import EVENT_SCHEMAS, Eventing
from emulator.live.functions.functions import FUNCTION_SCHEMAS, Functions
from emulator.live.functions.invoker import FunctionInvoker
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.live.store.database import Database
from emulator.live.store.function_records import written_time
from emulator.telemetry.log_store import Logs
from emulator.telemetry.metrics import Metrics
from tests.live.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from fastapi import APIRouter

    from emulator.api.app import Gateway
    from emulator.api.auth.authority import Authority
    from emulator.api.companion.route import OtherServices
    from emulator.api.control.collaborators import Control
    from emulator.api.services.calls import Registry
    from emulator.core.profile import Profile

_BOUND = 60
SPEEDUP = 600.0
"""Seconds that an asynchronous event ages in one."""


class NoJournal:
    def write(self, line: str) -> None:
        pass

    def flush(self) -> None:
        pass


@dataclass
class ServedApi:
    """What a test needs of a served emulator; the server runs in a thread of its own."""

    url: str
    engine: Engine
    loop: asyncio.AbstractEventLoop
    registry: Registry
    functions: Functions
    clients: list[Any] = field(default_factory=list)
    """Clients that were made, whose connections are closed at the end."""

    def client(self, service: str, *, region: str = "us-east-1", **more: Any) -> Any:
        """Returns boto3's client of a service, which asks once and checks no parameter itself."""
        config = Config(
            retries={"max_attempts": 0}, parameter_validation=False, max_pool_connections=32
        )
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | more
        made = boto3.client(
            service, endpoint_url=self.url, region_name=region, config=config, **keys
        )
        self.clients.append(made)
        return made

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine in the server's loop; returns its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_BOUND)


@contextmanager
def served_api(
    profile: Profile = AWS_2025,
    registry: Callable[[Control], Registry] | None = None,
    *,
    folder: Path,
    endpoints: Mapping[str, str] = MappingProxyType({}),
    authorize: Callable[[Functions], tuple[Authority, OtherServices]] | None = None,
) -> Iterator[ServedApi]:
    """Serves an emulator until the end of the block; its functions stay in `folder`.

    `registry` has all operations unless it is given; `endpoints` serve other services, by their
    names; `authorize` returns who is asked for rights.
    """
    loop = asyncio.new_event_loop()
    started, found = threading.Event(), list[ServedApi]()
    servers: list[_Server] = []

    async def serve() -> None:
        engine = _engine(profile)
        database = Database(folder / "state.db", [*FUNCTION_SCHEMAS, *EVENT_SCHEMAS])
        log_database = Database(folder / "logs.db", LOG_SCHEMAS)
        watch = CloudWatch(log_database, limit=1 << 24, home=Scope())
        functions = await Functions.open(
            database,
            folder / "code",
            engine,
            home=Scope(),
            chance=random.Random(0),
            time_of_day=_time_of_day,
        )
        await functions.resume()
        eventing = Eventing(
            database=database,
            resources=functions.catalog.resources,
            invoker=FunctionInvoker(functions.targets, engine, functions.catalog.resources),
            endpoints=Endpoints(endpoints, None),
            profile=profile,
            speedup=SPEEDUP,
        )
        control = control_of(functions, engine, profile, eventing.client, _time_of_day)
        if registry is None:
            served = all_operations(control, watch, eventing=eventing)
        else:
            served = registry(control)
        await eventing.open()
        directory = FunctionDirectory(functions.targets, functions.home)
        known: dict[str, Any] = {}
        if authorize is not None:
            authority, others = authorize(functions)
            known = {"gatekeeper": authority.gatekeeper, "others": others}
        app = _app(
            engine,
            profile,
            served,
            downloads(control),
            directory=directory,
            urls=functions.urls,
            events=eventing.queue,
            **known,
        )
        server = _Server(
            gateway_config(app, grace=0.3),
            lambda port: found.append(
                ServedApi(f"http://127.0.0.1:{port}", engine, loop, served, functions)
            ),
            started,
        )
        servers.append(server)
        await server.serve()
        await eventing.close()
        if authorize is not None:
            await others.close()
            await authority.close()
        await functions.close()
        await engine.close()
        await watch.close()
        log_database.close()
        database.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(_BOUND)
    try:
        yield found[0]
    finally:
        for client in found[0].clients:
            client.close()
        servers[0].should_exit = True
        thread.join(_BOUND)
        loop.close()


def _engine(profile: Profile) -> Engine:
    clock = MonotonicClock(asyncio.get_running_loop())
    # a client here is never so fast that its next request would find the sandbox busy on AWS
    settings = SchedulerSettings(hand_over_patience=_BOUND / 2)
    scheduler = Scheduler(settings, random.Random(0))
    logger = PlatformLogger(logs=Logs("test"), clock=clock, profile=profile, origin=time.time())
    return Engine(
        scheduler=scheduler,
        backend=ScriptedBackend(),
        runtime_api=RuntimeApiServer(profile.response_limit),
        clock=clock,
        recorder=Recorder(journal=NoJournal(), sinks=(), logger=logger),
        logger=logger,
        profile=profile,
    )


def _time_of_day() -> str:
    return written_time(time.time())


def _app(
    engine: Engine, profile: Profile, registry: Registry, code: APIRouter, **known: Any
) -> Gateway:
    """`known` are those who know functions and URLs."""
    return create_app(
        Face(
            engine,
            RouteTable([]),
            port=0,
            profile=profile,
            backend="scripted",
            logs=Logs("test"),
            metrics=Metrics(profile, lambda: list(engine.sandboxes.values())),
            registry=registry,
            code=code,
            **known,
        )
    )


class _Server(GatewayServer):
    def __init__(
        self, config: Any, serves_on: Callable[[int], None], started: threading.Event
    ) -> None:
        super().__init__(config)
        self._serves_on, self._up = serves_on, started

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._serves_on(self.servers[0].sockets[0].getsockname()[1])
        self._up.set()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    with served_api(folder=tmp_path_factory.mktemp("state")) as here:
        yield here
