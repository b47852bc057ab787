"""Builds the parts of one emulator, and takes them down again."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emulator.api.auth.authority import Authority
from emulator.api.auth.resources import StoredResources
from emulator.api.companion.route import OtherServices
from emulator.api.control.collaborators import control_of
from emulator.config import Auth
from emulator.core.function_names import Scope, named_by_arn, prefix
from emulator.core.network_paths import PATHS
from emulator.core.profiles import PROFILES
from emulator.core.scheduler import Scheduler
from emulator.core.version_key import VersionKey
from emulator.live.aws.client import Credentials
from emulator.live.aws.endpoints import Endpoints
from emulator.live.backends.package import zipped_mb
from emulator.live.companion.process import Companion
from emulator.live.companion.sessions import Sessions
from emulator.live.engine import Engine
from emulator.live.eventing import Eventing
from emulator.live.functions.functions import Functions
from emulator.live.functions.invoker import FunctionInvoker
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.live.store.catalog import written_time
from emulator.live.store.root_key import root_key
from emulator.telemetry.log_store import Logs
from emulator.telemetry.metric_data.lambda_metrics import LambdaMetrics
from emulator.telemetry.metrics import Metrics
from emulator.up.capacity import scheduling_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from emulator.api.control.collaborators import Control
    from emulator.config import Settings
    from emulator.live.asynchronous.observations import Observed
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.clock import MonotonicClock
    from emulator.live.cloudwatch import CloudWatch
    from emulator.live.journal_file import JournalFile
    from emulator.live.store.database import Database
    from emulator.live.store.state_directory import StateDirectory


@dataclass(frozen=True, slots=True)
class Parts:
    """Holds the parts of one emulator, from its first deployment to its end."""

    engine: Engine
    functions: Functions
    control: Control
    eventing: Eventing
    recorder: Recorder
    watch: CloudWatch
    logs: Logs
    metrics: Metrics
    others: OtherServices
    companion: Companion | None
    authority: Authority | None

    async def close(self) -> None:
        """Ends what invokes, the sandboxes, the services that these may ask, then the record."""
        await self.eventing.close()
        await self.functions.close()
        await self.engine.close()
        await self.others.close()
        if self.authority is not None:
            await self.authority.close()
        if self.companion is not None:
            await self.companion.close()
        self.recorder.close()
        await self.watch.close()


async def assemble(
    settings: Settings,
    backend: SandboxBackend,
    state: StateDirectory,
    *,
    database: Database,
    watch: CloudWatch,
    journal: JournalFile,
    listeners: list[socket.socket],
    clock: MonotonicClock,
    origin: float,
    available_memory_mb: Callable[[], int] | None,
) -> Parts:
    """Builds the parts of an emulator; `origin` is the time of day at which `clock` began."""
    profile = PROFILES[settings.profile]
    # a run's sandboxes count from 1 again, and their streams are kept from run to run
    logs = Logs(f"{state.instance}/{origin}", sink=watch.logs)
    chance = random.Random(settings.seed)  # noqa: S311  # lifetimes are no secret
    scheduler = Scheduler(scheduling_of(settings, profile), chance)
    metrics = Metrics(
        profile,
        lambda: list(scheduler.sandboxes.values()),
        lambda key: engine.configuration(VersionKey(key)),
    )
    logger = PlatformLogger(logs=logs, clock=clock, profile=profile, origin=origin)
    counts = LambdaMetrics(logger.epoch, lambda: recorder.requests)
    watch.metrics.gather(counts)
    recorder = Recorder(journal=journal, sinks=(metrics, counts), logger=logger)
    speedup = settings.idle_speedup / settings.dilation
    companion = None
    if settings.companion:
        companion = Companion(
            state.path / "companion.log",
            closed=settings.auth is Auth.STRICT,
            gateway=_own_address(listeners[0]),
            speedup=speedup,
        )
    sessions = None if companion is None else Sessions()
    engine = Engine(
        scheduler=scheduler,
        backend=backend,
        runtime_api=RuntimeApiServer(profile.response_limit),
        clock=clock,
        recorder=recorder,
        logger=logger,
        profile=profile,
        environment=_environment(backend, listeners),
        init_cpu=settings.init_cpu,
        available_memory_mb=available_memory_mb,
        # to weigh a package takes seconds: only where the weight decides something
        weigh=None if PATHS[settings.network].placement is None else zipped_mb,
        credentials=None if sessions is None else sessions.environment,
    )
    functions = await Functions.open(
        database,
        state.path / "code",
        engine,
        home=Scope(settings.account, settings.region),
        # a chance of its own, so that sandboxes live as long as they would without aliases
        chance=random.Random(f"{settings.seed}:aliases"),  # noqa: S311
        time_of_day=_time_of_day,
    )
    authority = None
    if companion is not None and sessions is not None:
        key = root_key(state.path) if settings.auth is Auth.STRICT else None
        authority = Authority.of(
            companion, sessions, settings.account, key, StoredResources(functions.catalog)
        )
    others = OtherServices(
        settings.aws_endpoint,
        companion,
        identities=None if authority is None else authority.identities,
        guard=None if authority is None else authority.services,
    )
    eventing = Eventing(
        database=database,
        resources=functions.catalog.resources,
        invoker=FunctionInvoker(functions.targets, engine, functions.catalog.resources),
        endpoints=Endpoints(settings.aws_endpoint, companion),
        profile=profile,
        credentials=_credentials(),
        speedup=speedup,
        dilation=settings.dilation,
        observe=partial(_observed, counts, functions.home),
    )
    control = control_of(functions, engine, profile, eventing.client, _time_of_day)
    return Parts(
        engine,
        functions,
        control,
        eventing,
        recorder,
        watch,
        logs,
        metrics,
        others,
        companion,
        authority,
    )


def _observed(
    counts: LambdaMetrics, home: Scope, function_arn: str, what: Observed, value: float
) -> None:
    function = named_by_arn(function_arn).function
    name = f"{prefix(function.scope, home)}{function.name}"
    counts.observe(name, what.value, value, time.time())


def _time_of_day() -> str:
    return written_time(time.time())


def _own_address(gateway: socket.socket) -> str:
    """Returns where a process of this machine reaches the gateway."""
    host, port = gateway.getsockname()[:2]
    found = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # not bound here
    return f"http://[{found}]:{port}" if ":" in found else f"http://{found}:{port}"


def _credentials() -> Credentials:
    """Returns the user's keys, for services at AWS itself; stand-ins take any."""
    found = os.environ.get
    own = Credentials()
    return Credentials(
        found("AWS_ACCESS_KEY_ID") or own.access_key,
        found("AWS_SECRET_ACCESS_KEY") or own.secret_key,
        found("AWS_SESSION_TOKEN"),
    )


def _environment(backend: SandboxBackend, listeners: list[socket.socket]) -> dict[str, str]:
    """Returns the variables that every sandbox has unless its function says otherwise."""
    port = listeners[-1].getsockname()[1]
    return {"AWS_ENDPOINT_URL": f"http://{backend.runtime_api_name}:{port}"}
