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
from emulator.live.store.function_records import written_time
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
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.live.asynchronous.ended_events import EndedEvents
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


@dataclass(frozen=True, slots=True)
class Ground:
    """Holds what stands before the parts of an emulator, and is taken down after these."""

    settings: Settings
    backend: SandboxBackend
    state: StateDirectory
    database: Database
    watch: CloudWatch
    journal: JournalFile
    listeners: list[socket.socket]
    clock: MonotonicClock
    origin: float
    """Time of day at which the clock began."""
    available_memory_mb: Callable[[], int] | None
    ended: EndedEvents | None = None
    """Writes the ends of asynchronous events down, where anybody does."""

    @property
    def profile(self) -> Profile:
        """Returns the behaviour that is imitated."""
        return PROFILES[self.settings.profile]

    @property
    def speedup(self) -> float:
        """Returns how much faster idle time runs than the time of this machine."""
        return self.settings.idle_speedup / self.settings.dilation


@dataclass(frozen=True, slots=True)
class _Record:
    """Holds those who write down what happens."""

    logs: Logs
    metrics: Metrics
    counts: LambdaMetrics
    logger: PlatformLogger
    recorder: Recorder


async def assemble(ground: Ground) -> Parts:
    """Builds the parts of an emulator, each out of those before."""
    settings, profile = ground.settings, ground.profile
    chance = random.Random(settings.seed)  # noqa: S311  # lifetimes are no secret
    scheduler = Scheduler(scheduling_of(settings, profile), chance)
    record = _record(ground, scheduler, lambda key: engine.configuration(VersionKey(key)))
    companion = _companion(ground) if settings.companion else None
    sessions = None if companion is None else Sessions()
    engine = _engine(ground, scheduler, record, sessions)
    functions = await _functions(ground, engine)
    authority = _authority(ground, companion, sessions, functions)
    eventing = _eventing(ground, engine, functions, companion, record.counts)
    return Parts(
        engine,
        functions,
        control_of(functions, engine, profile, eventing.client, _time_of_day),
        eventing,
        record.recorder,
        ground.watch,
        record.logs,
        record.metrics,
        _others(settings, companion, authority),
        companion,
        authority,
    )


def _record(
    ground: Ground,
    scheduler: Scheduler,
    configuration: Callable[[str], FunctionConfiguration | None],
) -> _Record:
    profile, clock, origin = ground.profile, ground.clock, ground.origin
    # a run's sandboxes count from 1 again, and their streams are kept from run to run
    logs = Logs(f"{ground.state.instance}/{origin}", sink=ground.watch.logs)
    metrics = Metrics(profile, lambda: list(scheduler.sandboxes.values()), configuration)
    logger = PlatformLogger(logs=logs, clock=clock, profile=profile, origin=origin)
    counts = LambdaMetrics(logger.epoch, lambda: recorder.requests)
    ground.watch.metrics.gather(counts)
    recorder = Recorder(journal=ground.journal, sinks=(metrics, counts), logger=logger)
    return _Record(logs, metrics, counts, logger, recorder)


def _companion(ground: Ground) -> Companion:
    return Companion(
        ground.state.path / "companion.log",
        closed=ground.settings.auth is Auth.STRICT,
        gateway=_own_address(ground.listeners[0]),
        speedup=ground.speedup,
        identities=ground.state.path / "identities.json",
    )


def _engine(
    ground: Ground, scheduler: Scheduler, record: _Record, sessions: Sessions | None
) -> Engine:
    return Engine(
        scheduler=scheduler,
        backend=ground.backend,
        runtime_api=RuntimeApiServer(ground.profile.response_limit),
        clock=ground.clock,
        recorder=record.recorder,
        logger=record.logger,
        profile=ground.profile,
        environment=_environment(ground.backend, ground.listeners),
        init_cpu=ground.settings.init_cpu,
        available_memory_mb=ground.available_memory_mb,
        # to weigh a package takes seconds: only where the weight decides something
        weigh=None if PATHS[ground.settings.network].placement is None else zipped_mb,
        credentials=None if sessions is None else sessions.environment,
    )


async def _functions(ground: Ground, engine: Engine) -> Functions:
    settings = ground.settings
    return await Functions.open(
        ground.database,
        ground.state.path / "code",
        engine,
        home=Scope(settings.account, settings.region),
        # a chance of its own, so that sandboxes live as long as they would without aliases
        chance=random.Random(f"{settings.seed}:aliases"),  # noqa: S311
        time_of_day=_time_of_day,
    )


def _authority(
    ground: Ground, companion: Companion | None, sessions: Sessions | None, functions: Functions
) -> Authority | None:
    """Returns who knows the rights of callers; nobody does where no companion keeps them."""
    if companion is None or sessions is None:
        return None
    strict = ground.settings.auth is Auth.STRICT
    key = root_key(ground.state.path) if strict else None
    resources = StoredResources(functions.catalog)
    return Authority.of(companion, sessions, ground.settings.account, key, resources)


def _others(
    settings: Settings, companion: Companion | None, authority: Authority | None
) -> OtherServices:
    return OtherServices(
        settings.aws_endpoint,
        companion,
        identities=None if authority is None else authority.identities,
        guard=None if authority is None else authority.services,
    )


def _eventing(
    ground: Ground,
    engine: Engine,
    functions: Functions,
    companion: Companion | None,
    counts: LambdaMetrics,
) -> Eventing:
    resources = functions.catalog.resources
    return Eventing(
        database=ground.database,
        resources=resources,
        invoker=FunctionInvoker(functions.targets, engine, resources),
        endpoints=Endpoints(ground.settings.aws_endpoint, companion),
        profile=ground.profile,
        credentials=_credentials(),
        speedup=ground.speedup,
        dilation=ground.settings.dilation,
        observe=partial(_observed, counts, functions.home),
        ended=ground.ended,
        left=ground.settings.left_events,
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
