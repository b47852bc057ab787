"""A whole emulator on scripted sandboxes, served on a real port, and a boto3 client of it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from emulator.api.app import Face, create_app
from emulator.api.network import Network
from emulator.api.peers import SandboxClients
from emulator.api.server import GatewayServer, gateway_config
from emulator.core.apis import HttpApi, RestApi, RestCors
from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.function_url import Cors, FunctionUrl, InvokeMode, UrlAuth
from emulator.core.journal import decode
from emulator.core.load_balancer import Target
from emulator.core.messages.events import InvokeRequested
from emulator.core.policy import SchedulerSettings
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.routes import PayloadFormat, Route, RouteAuth, RouteTable
from emulator.core.scheduler import Scheduler
from emulator.live.aws.endpoints import Endpoints
from emulator.live.clock import MonotonicClock
from emulator.live.engine import Engine
from emulator.live.eventing import EVENT_SCHEMAS, Eventing
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.live.store.database import Database
from emulator.live.store.resources import RESOURCES, Resources
from emulator.telemetry.log_store import Logs
from emulator.telemetry.metrics import Metrics
from tests.live.asynchronous.engine_invoker import EngineInvoker
from tests.live.streaming_runtime import StreamingBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import uvicorn

    from emulator.core.network_path import NetworkPath
    from emulator.live.invocation import Outcome

GRACE = 0.3
"""Seconds that open requests get at the end."""
HANDLERS = ("echo", "fail", "leave", "hang", "pause", "large", "stream", "say")
LATE = {"late": "hang", "late-stream": "stream"}
"""Functions of a second's timeout, and their handlers."""
TIMEOUT = 60
"""Seconds that every other function may take, which no stall of the machine does."""
PATIENCE = 30.0
"""Seconds that a request waits for a sandbox which has answered: a client here is never so fast
that its next request would find the sandbox busy on AWS."""
URLS = {
    "open": ("echo", FunctionUrl(UrlAuth.NONE)),
    "failing": ("fail", FunctionUrl(UrlAuth.NONE)),
    "pausing": ("pause", FunctionUrl(UrlAuth.NONE)),
    "hanging": ("hang", FunctionUrl(UrlAuth.NONE)),
    "guarded": ("echo", FunctionUrl(UrlAuth.AWS_IAM)),
    "Streaming": ("stream", FunctionUrl(UrlAuth.NONE, InvokeMode.RESPONSE_STREAM)),
    "collecting": ("stream", FunctionUrl(UrlAuth.NONE)),
    "whole": ("echo", FunctionUrl(UrlAuth.NONE, InvokeMode.RESPONSE_STREAM)),
    "failing-stream": ("fail", FunctionUrl(UrlAuth.NONE, InvokeMode.RESPONSE_STREAM)),
    "shared": (
        "stream",
        FunctionUrl(
            UrlAuth.NONE,
            cors=Cors(
                allow_headers=("x-a",),
                allow_methods=("GET", "POST"),
                allow_origins=("https://a.example",),
                expose_headers=("x-b",),
                max_age=60,
            ),
        ),
    ),
}
"""Functions that have a URL: their handler, and how the URL is configured."""
SPEEDUP = 600.0
"""Seconds that an asynchronous event ages in one."""
APIS = (
    RestApi(
        "rest",
        (
            Route("POST", "/echo/{id}", "echo"),
            Route("ANY", "/files/{proxy+}", "echo"),
            Route("GET", "/fail", "fail"),
            Route("POST", "/play", "stream"),
            Route("GET", "/signed", "echo", RouteAuth.AWS_IAM),
            Route("GET", "/gone", "nobody"),
        ),
        variables={"table": "t"},
        binary_media_types=("image/*",),
        cors=RestCors("https://a.example", allow_headers="x-a", max_age="60"),
    ),
    HttpApi(
        "web",
        (
            Route("POST", "/v1/{id}", "echo", payload_format=PayloadFormat.V1),
            Route("POST", "/v1/play", "stream", payload_format=PayloadFormat.V1),
            Route("GET", "/web", "echo"),
            Route("GET", "/signed", "echo", RouteAuth.AWS_IAM),
            Route("POST", "/web/play", "stream"),
        ),
        cors=Cors(allow_methods=("GET",), allow_origins=("https://a.example",)),
    ),
    HttpApi("staged", (Route("GET", "/web", "echo"),), "live", {"table": "t"}),
)
RESPONSE_LIMIT = 4000
STREAMED_RESPONSE_LIMIT = 3 << 20
_BOUND = 60


@dataclass
class Served:
    url: str
    client: Any
    """boto3's Lambda client."""
    gate: threading.Event
    """What streams that wait wait for."""
    payloads: list[bytes]
    """What reached a function, in order."""
    stop: Callable[[], None]
    """Begins the server's end; the block's end waits for it."""
    requested: list[InvokeRequested]
    """The requests that the scheduler was told of, in order."""
    invoked: threading.Event
    """Set when a function has been invoked for the first time."""

    def wait_for_an_invocation(self) -> None:
        assert self.invoked.wait(_BOUND)


@contextmanager
def served(
    folder: Path,
    settings: SchedulerSettings,
    path: NetworkPath | None = None,
    *,
    grace: float = GRACE,
) -> Iterator[Served]:
    """Serves `echo` and its siblings from a thread of its own until the end of the block.

    Requests that are open at the end get `grace` seconds.
    """
    started, ports = threading.Event(), list[int]()
    invoked = threading.Event()
    loop = asyncio.new_event_loop()
    backend = StreamingBackend()
    server: list[_Server] = []
    payloads: list[bytes] = []
    journal = _Requests()

    def stop() -> None:
        server[0].should_exit = True

    async def serve() -> None:
        database = Database(folder / "state.db", [RESOURCES, *EVENT_SCHEMAS])
        config, engine, eventing = await _app(
            folder,
            replace(settings, hand_over_patience=PATIENCE),
            backend,
            payloads,
            invoked,
            journal=journal,
            path=path,
            database=database,
            grace=grace,
        )
        server.append(_Server(config, ports, started))
        await server[0].serve()
        await eventing.close()
        await engine.close()
        database.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(_BOUND)
    url = f"http://127.0.0.1:{ports[0]}"
    client = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, max_pool_connections=32),
    )
    try:
        yield Served(url, client, backend.gate, payloads, stop, journal.requested, invoked)
    finally:
        client.close()
        stop()
        thread.join(_BOUND)
        loop.close()


class _WatchedEngine(Engine):
    """Notes the payload of each invocation."""

    def __init__(
        self, payloads: list[bytes], invoked: threading.Event, **collaborators: Any
    ) -> None:
        super().__init__(**collaborators)
        self._payloads, self._invoked = payloads, invoked

    def invoke(self, key: str, payload: bytes, **more: Any) -> asyncio.Future[Outcome]:
        self._payloads.append(payload)
        self._invoked.set()
        return super().invoke(key, payload, **more)


class _Requests:
    """Notes the requests in a journal."""

    def __init__(self) -> None:
        self.requested: list[InvokeRequested] = []

    def write(self, line: str) -> None:
        event = decode(line).event
        if isinstance(event, InvokeRequested):
            self.requested.append(event)

    def flush(self) -> None:
        pass


async def _app(
    folder: Path,
    settings: SchedulerSettings,
    backend: StreamingBackend,
    payloads: list[bytes],
    invoked: threading.Event,
    *,
    journal: _Requests,
    path: NetworkPath | None,
    database: Database,
    grace: float,
) -> tuple[uvicorn.Config, Engine, Eventing]:
    (folder / "app.py").write_text("")
    clock = MonotonicClock(asyncio.get_running_loop())
    scheduler = Scheduler(settings, random.Random(0))
    logs, metrics = Logs("test"), Metrics(AWS_2025, lambda: list(scheduler.sandboxes.values()))
    profile = replace(
        AWS_2025, response_limit=RESPONSE_LIMIT, streamed_response_limit=STREAMED_RESPONSE_LIMIT
    )
    logger = PlatformLogger(logs=logs, clock=clock, profile=profile, origin=time.time())
    recorder = Recorder(journal=journal, sinks=(metrics,), logger=logger)
    engine = _WatchedEngine(
        payloads,
        invoked,
        scheduler=scheduler,
        backend=backend,
        runtime_api=RuntimeApiServer(profile.response_limit),
        clock=clock,
        recorder=recorder,
        logger=logger,
        profile=profile,
    )
    made = [_function(handler, handler, folder) for handler in HANDLERS]
    made += [_function(name, handler, folder, timeout=1) for name, handler in LATE.items()]
    made += [
        _function(name, handler, folder, function_url=url) for name, (handler, url) in URLS.items()
    ]
    made.append(_function("isolated", "echo", folder, tenant_isolation=True))
    for configuration in made:
        await engine.deploy(configuration, print)
    routes = RouteTable(
        [
            Route("POST", "/isolated", "isolated"),
            Route("POST", "/echo/{id}", "echo"),
            Route("ANY", "/fail", "fail"),
            Route("POST", "/play", "stream"),
            Route("POST", "/hang", "hang"),
        ]
    )
    eventing = Eventing(
        database=database,
        resources=await Resources.open(database),
        invoker=EngineInvoker(engine),
        endpoints=Endpoints({}, None),
        profile=profile,
        speedup=SPEEDUP,
    )
    await eventing.open()
    app = create_app(
        Face(
            engine,
            routes,
            port=0,
            profile=profile,
            backend="scripted",
            logs=logs,
            metrics=metrics,
            network=None if path is None else Network(path, random.Random(0), SandboxClients()),
            events=eventing.queue,
            apis=APIS,
            targets=[Target("echo"), Target("stream", multi_value=True), Target("fail")],
        )
    )
    return gateway_config(app, grace=grace), engine, eventing


def _function(name: str, handler: str, folder: Path, **more: Any) -> FunctionConfiguration:
    settings = {"timeout": TIMEOUT, "code": str(folder)} | more
    return FunctionConfiguration(name, "python3.13", f"app.{handler}", **settings)


class _Server(GatewayServer):
    def __init__(self, config: uvicorn.Config, ports: list[int], started: threading.Event) -> None:
        super().__init__(config)
        self._ports, self._up = ports, started

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._ports.append(self.servers[0].sockets[0].getsockname()[1])
        self._up.set()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("code"), SchedulerSettings()) as here:
        yield here
