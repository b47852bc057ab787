"""`testbed up`: the composition root. Everything is built here, served, and taken down again.

Owns the wiring alone: no rule about functions, requests or sandboxes stands here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import random
import signal
import socket
import time
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol

import uvloop

from emulator.api.app import create_app
from emulator.api.auth.authority import Authority
from emulator.api.auth.resources import StoredResources
from emulator.api.companion.route import OtherServices
from emulator.api.control.collaborators import control_of
from emulator.api.control.downloads import downloads
from emulator.api.function_url.route import function_url
from emulator.api.invoke.directory import FunctionDirectory
from emulator.api.load_balancer.route import load_balancer_url
from emulator.api.network import Network
from emulator.api.operations import all_operations
from emulator.api.peers import SandboxClients
from emulator.api.server import GatewayServer, gateway_config
from emulator.config import NO_TEMPLATE, Auth, BackendChoice, PageCache
from emulator.core.apis import DEFAULT_STAGE
from emulator.core.function_names import Scope, named_by_arn, prefix
from emulator.core.load_balancer import target_of
from emulator.core.network_paths import NO_NETWORK, PATHS
from emulator.core.policy import Admission
from emulator.core.profiles import PROFILES
from emulator.core.routes import RouteTable
from emulator.core.scheduler import Scheduler
from emulator.core.scheduling import scheduling, scheduling_facts
from emulator.core.version_key import VersionKey
from emulator.deploy.deployer import Deployer
from emulator.deploy.services import Services
from emulator.errors import BackendUnavailableError, SettingsError, TestbedError
from emulator.host.delegation import enter_delegated_scope
from emulator.host.machine import machine
from emulator.host.memory import AvailableMemory, memory_mb
from emulator.live.aws.client import Credentials
from emulator.live.aws.endpoints import Endpoints
from emulator.live.backends.package import zipped_mb
from emulator.live.backends.page_cache import PrivatePages, remove_orphans
from emulator.live.backends.process.backend import ProcessBackend
from emulator.live.clock import MonotonicClock
from emulator.live.cloudwatch import LOG_SCHEMAS, CloudWatch
from emulator.live.companion.process import Companion
from emulator.live.companion.sessions import Sessions
from emulator.live.engine import Engine
from emulator.live.eventing import EVENT_SCHEMAS, Eventing
from emulator.live.functions.functions import FUNCTION_SCHEMAS, Functions
from emulator.live.functions.invoker import FunctionInvoker
from emulator.live.journal_file import JournalFile
from emulator.live.listeners import listener_at
from emulator.live.platform_logger import PlatformLogger
from emulator.live.recorder import Recorder
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.live.store.apis import APIS, ApiStore
from emulator.live.store.catalog import written_time
from emulator.live.store.database import Database
from emulator.live.store.read_ahead import read_ahead
from emulator.live.store.root_key import FILE, root_key
from emulator.live.store.state_directory import StateDirectory, describe_run
from emulator.policy_choice import chosen
from emulator.sam import template
from emulator.telemetry.log_store import Logs
from emulator.telemetry.metric_data.lambda_metrics import LambdaMetrics
from emulator.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from emulator.api.app import Gateway
    from emulator.api.control.collaborators import Control
    from emulator.config import Settings
    from emulator.core.apis import Api
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.policy import SchedulerSettings
    from emulator.core.profile import Profile
    from emulator.live.asynchronous.observations import Observed
    from emulator.live.backends.interface import SandboxBackend

_SCHEMAS = (*FUNCTION_SCHEMAS, *EVENT_SCHEMAS, APIS)
_VERSIONED = ("awslambdaric", "docker", "fastapi", "locust", "moto", "numpy", "uvicorn")
_HOST_SHARE = 0.75
_RESERVE_MB = 512
"""MB of available memory that no sandbox is started into, so that this machine goes on working."""
"""Share of this machine's memory that sandboxes get; the rest is for everything else."""
_BYTES_OF_A_DOWNLOAD = ": Progress "
"""Marks pip's lines of a running download, which are for bars only: four of them a second."""
_MOST_PORT = 65535


class Display(Protocol):
    """Shows the user how functions come to be served, and every deviation from Lambda."""

    def say(self, line: str) -> None:
        """Shows a line that stays."""

    def deploying(self, name: str, memory_mb: int) -> AbstractContextManager[Callable[[str], None]]:
        """Shows the deployment of a function; yields a callback for the lines of its progress."""


class LineDisplay:
    """Prints every line, for a log or a pipe."""

    def say(self, line: str) -> None:
        print(line, flush=True)

    @contextlib.contextmanager
    def deploying(self, name: str, memory_mb: int) -> Iterator[Callable[[str], None]]:
        self.say(f"Deploying {name} ({memory_mb} MB) …")
        yield lambda line: None if _BYTES_OF_A_DOWNLOAD in line else self.say(line)


async def up(settings: Settings, display: Display) -> None:
    """Serves until SIGINT or SIGTERM.

    Raises:
        TestbedError: One of its subclasses, each a sentence for the user.
        OSError: A file of the state or run directory cannot be written.
    """
    _check_auth(settings)
    loaded = _template(settings)
    _scheduling(settings, PROFILES[settings.profile])  # what is wrong there is told at once
    with (
        StateDirectory(settings.state_dir) as state,
        _gateway_listener(settings.host, settings.port) as listener,
        _cancelled_by_signals(),
    ):
        backend = await open_backend(settings, state, loaded.functions, display)
        try:
            with read_ahead(state.path, backend.storage, settings.read_ahead, display.say):
                await _serve(settings, loaded, backend, state, listener, display=display)
        finally:
            await backend.close()


def _template(settings: Settings) -> template.Template:
    if settings.template == NO_TEMPLATE:
        return template.Template((), ())
    return template.load(
        settings.template,
        PROFILES[settings.profile],
        account=settings.account,
        region=settings.region,
    )


async def open_backend(
    settings: Settings,
    state: StateDirectory,
    functions: tuple[FunctionConfiguration, ...],
    display: Display,
) -> SandboxBackend:
    """Opens the backend that was asked for; `auto` says why where Docker cannot be taken."""
    remove_orphans(state.path)
    private = PrivatePages(state.path) if settings.page_cache is PageCache.PRIVATE else None
    if private is not None:
        await asyncio.to_thread(private.open)
    no_engine = ""
    if settings.backend is not BackendChoice.PROCESS:
        # not before it is wanted: a machine without an engine need not import its SDK
        from emulator.live.backends.docker.backend import DockerBackend  # noqa: PLC0415

        docker = DockerBackend(state.instance, cgroup_root=settings.cgroup_root, private=private)
        try:
            await docker.check(functions, display.say)
            await docker.open()
        except BackendUnavailableError as error:
            await docker.close()
            if settings.backend is BackendChoice.DOCKER:
                raise
            no_engine = f"{error} Sandboxes are processes of this machine instead."
        except SettingsError:
            await docker.close()
            raise
        else:
            return docker
    enter_delegated_scope(display.say, settings.cgroup_root)
    if no_engine:  # said after the move: the program that starts again says it anew
        display.say(no_engine)
    process = ProcessBackend(
        state.path, state.instance, cgroup_root=settings.cgroup_root, private=private
    )
    await process.open()
    return process


async def _serve(
    settings: Settings,
    loaded: template.Template,
    backend: SandboxBackend,
    state: StateDirectory,
    listener: socket.socket,
    *,
    display: Display,
) -> None:
    """Deploys the template's functions and serves them until a signal comes."""
    profile = PROFILES[settings.profile]
    clock = MonotonicClock(asyncio.get_running_loop(), settings.dilation)
    origin = time.time()
    run = settings.run_dir or state.new_run()
    facts = _facts(settings, profile, backend, loaded.functions, origin)
    describe_run(run, facts)
    for sentence in (*loaded.remarks, *backend.unenforced.values()):
        display.say(f"Not as on Lambda: {sentence}")
    for sentence in _room(settings, _scheduling(settings, profile), loaded.functions):
        display.say(sentence)
    with (
        JournalFile(run / "journal.jsonl", limit=settings.journal_limit << 20) as journal,
        _listeners(listener, backend) as listeners,
        contextlib.closing(AvailableMemory(settings.cgroup_root)) as available,
        contextlib.closing(Database(state.path / "state.db", _SCHEMAS)) as database,
        contextlib.closing(Database(state.path / "logs.db", LOG_SCHEMAS)) as log_database,
    ):
        parts = await _assemble(
            settings,
            backend,
            state,
            database=database,
            watch=CloudWatch(
                log_database,
                limit=settings.log_limit << 20,
                home=Scope(settings.account, settings.region),
            ),
            journal=journal,
            listeners=listeners,
            clock=clock,
            origin=origin,
            available_memory_mb=available.mb if settings.admission is Admission.ACTUAL else None,
        )
        try:
            await _deploy(loaded, parts.functions, display)
            sandboxes = SandboxClients.dialling(
                backend.runtime_api_host,
                "" if parts.companion is None else parts.companion.secret,
            )
            app = create_app(
                parts.engine,
                RouteTable(()),
                apis=await _apis(loaded, ApiStore(database)),
                api_store=ApiStore(database),
                port=listener.getsockname()[1],
                profile=profile,
                backend=backend.name,
                logs=parts.logs,
                metrics=parts.metrics,
                others=parts.others,
                sandboxes=sandboxes,
                network=_network(settings, sandboxes),
                registry=all_operations(parts.control, parts.watch, parts.eventing),
                directory=FunctionDirectory(parts.functions.targets, parts.functions.home),
                urls=parts.functions.urls,
                code=downloads(parts.control),
                watch=parts.watch,
                events=parts.eventing.queue,
                targets=[target_of(text) for text in settings.alb],
                gatekeeper=None if parts.authority is None else parts.authority.gatekeeper,
            )
            if settings.auth is Auth.STRICT:
                display.say(
                    "Calls need a signature and a right (--auth strict); the root's access key is "
                    f"in {state.path / FILE}"
                )
            server = _Server(app, run, loaded, settings, eventing=parts.eventing, say=display.say)
            await server.serve(listeners)
        finally:
            _describe_functions(run, facts, parts.engine)
            await parts.close()


async def _apis(loaded: template.Template, store: ApiStore) -> list[Api]:
    """Returns the template's APIs, and those that clients have put there before."""
    own = {api.id for api in loaded.apis}
    return [*loaded.apis, *(api for api in await store.load() if api.id not in own)]


async def _deploy(loaded: template.Template, functions: Functions, display: Display) -> None:
    """Deploys the template's functions; those that were made by API are made when needed."""
    await functions.deployer.forget_templates([function.name for function in loaded.functions])
    for function in loaded.functions:
        with display.deploying(function.name, function.memory_mb) as told:
            await functions.deployer.deploy(function, told)
    await functions.resume()


@dataclass(frozen=True, slots=True)
class _Parts:
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


async def _assemble(
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
) -> _Parts:
    """Builds the parts of an emulator; `origin` is the time of day at which `clock` began."""
    profile = PROFILES[settings.profile]
    # a run's sandboxes count from 1 again, and their streams are kept from run to run
    logs = Logs(f"{state.instance}/{origin}", sink=watch.logs)
    chance = random.Random(settings.seed)  # noqa: S311  # lifetimes are no secret
    scheduler = Scheduler(_scheduling(settings, profile), chance)
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
    return _Parts(
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


def _check_auth(settings: Settings) -> None:
    """Checks that nobody is let in unawares.

    Raises:
        SettingsError: the gateway would be open to other machines, or IAM would not be there.
    """
    if settings.auth is None and not _is_loopback(settings.host):
        raise SettingsError(
            f"On {settings.host} other machines reach the gateway, and who reaches it may run code "
            "here and read every log: say --auth strict (signatures and IAM's policies decide) or "
            "--auth off (everyone may), or listen on 127.0.0.1 (--host)."
        )
    if settings.auth is not Auth.STRICT:
        return
    if not settings.companion:
        raise SettingsError(
            "--auth strict asks the companion, which has the users: leave out --no-companion."
        )
    if elsewhere := {"iam", "sts"} & set(settings.aws_endpoint):
        raise SettingsError(
            f"--auth strict asks the companion's own IAM: leave out --aws-endpoint "
            f"{min(elsewhere)}=…."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _network(settings: Settings, sandboxes: SandboxClients) -> Network | None:
    """Returns what lies between clients and functions; None where nothing does."""
    if settings.network == NO_NETWORK:
        return None
    # a chance of its own, so that sandboxes live as long as they would without a network
    chance = random.Random(f"{settings.seed}:network")  # noqa: S311  # jitter is no secret
    return Network(
        PATHS[settings.network],
        chance,
        sandboxes,
        dilation=settings.dilation,
        idle_speedup=settings.idle_speedup,
    )


def _room(
    settings: Settings, scheduling: SchedulerSettings, functions: tuple[FunctionConfiguration, ...]
) -> Iterator[str]:
    """Yields how many sandboxes of the largest function would fit on this machine."""
    if not functions:
        return
    largest = max(functions, key=lambda function: function.memory_mb)
    fit = scheduling.host_memory_mb // largest.memory_mb
    room = f"Sandboxes have {scheduling.host_memory_mb} MB of this machine"
    size = f"{largest.name} ({largest.memory_mb} MB)"
    if settings.admission is Admission.NOMINAL:
        yield f"{room}: {fit} of {size} fit, then requests are throttled (--host-memory)."
    else:
        yield (
            f"{room}: {fit} of {size} fit if each uses all of its memory, and more as long as they "
            "use less (--host-memory nominal counts each in full)."
        )


def _scheduling(settings: Settings, profile: Profile) -> SchedulerSettings:
    policy = chosen(settings.policy)
    try:
        return scheduling(
            profile,
            host_memory_mb=settings.host_memory or int(memory_mb() * _HOST_SHARE),
            keep_alive=settings.keep_alive,
            recycle_age=settings.recycle_age,
            policy=policy,
            init_timeout=settings.init_timeout,
            pick_order=settings.pick_order,
            binding=settings.binding,
            admission=settings.admission,
            host_reserve_mb=_RESERVE_MB if settings.admission is Admission.ACTUAL else 0,
            start_width=settings.start_width,
            idle_speedup=settings.idle_speedup,
            placement=PATHS[settings.network].placement,
        )
    except ValueError as error:
        raise SettingsError(f"--keep-alive: {error}") from error


def _facts(
    settings: Settings,
    profile: Profile,
    backend: SandboxBackend,
    functions: tuple[FunctionConfiguration, ...],
    origin: float,
) -> dict[str, Any]:
    return {
        "name": f"{backend.name} {profile.name}",
        "started_at": origin,
        "profile": profile.name,
        "backend": backend.name,
        "unenforced": list(backend.unenforced.values()),
        "settings": asdict(settings),
        "scheduling": scheduling_facts(_scheduling(settings, profile)),
        "seed": settings.seed,
        "versions": _versions(),
        "machine": machine(settings.cgroup_root, backend.storage),
        "functions": {f.name: _described(f) for f in functions},
    }


def _described(function: FunctionConfiguration) -> dict[str, Any]:
    return asdict(function) | {"environment": dict(function.environment)}


def _describe_functions(run: Path, facts: dict[str, Any], engine: Engine) -> None:
    """Adds the functions that were made by API to what a run tells of itself, for its bill."""
    made = {function.scheduled_name: _described(function) for function in engine.ever_deployed}
    if not made.keys() <= facts["functions"].keys():
        describe_run(run, facts | {"functions": made | facts["functions"]})


def _versions() -> dict[str, str]:
    found = {}
    for name in ("serverless-testbed", *_VERSIONED):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@contextlib.contextmanager
def _gateway_listener(host: str, port: int) -> Iterator[socket.socket]:
    """Takes the gateway's address before any long work; nobody is let in until it serves.

    Raises:
        SettingsError: The address cannot be had.
    """
    if port > _MOST_PORT:
        raise SettingsError(f"Port {port} does not exist; the last one is {_MOST_PORT} (--port).")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(f"Port {port} of {host} is taken (--port).") from None
            raise SettingsError(f"{host}:{port} cannot be listened on: {error}") from None
        yield listener


@contextlib.contextmanager
def _listeners(gateway: socket.socket, backend: SandboxBackend) -> Iterator[list[socket.socket]]:
    """Yields the gateway's listener and, where sandboxes reach another address, theirs after it."""
    second = listener_at(backend.runtime_api_host, gateway)
    with contextlib.closing(second) if second is not None else contextlib.nullcontext():
        yield [gateway, *([second] if second is not None else [])]


def _environment(backend: SandboxBackend, listeners: list[socket.socket]) -> dict[str, str]:
    """Returns the variables that every sandbox has unless its function says otherwise."""
    port = listeners[-1].getsockname()[1]
    return {"AWS_ENDPOINT_URL": f"http://{backend.runtime_api_name}:{port}"}


class _Server(GatewayServer):
    """Runs uvicorn in our loop; signals are ours, since work remains when the server has ended."""

    def __init__(
        self,
        app: Gateway,
        run: Path,
        loaded: template.Template,
        settings: Settings,
        *,
        eventing: Eventing,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(gateway_config(app))
        self._eventing = eventing
        self._run = run
        self._say = say
        self._loaded = loaded
        self._settings = settings
        self._connection: asyncio.Future[None] | None = None
        """Makes the template's resources and triggers, while requests are served."""
        self._apis = loaded.apis
        self._functions = loaded.functions
        self._targets = [target_of(text) for text in settings.alb]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # functions may ask the gateway from now on
        await self._eventing.open()
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        address = f"http://{host}:{port}"
        self._say(f"Serving on {address}; the journal goes to {self._run}")
        for api in self._apis:
            stage = "" if api.stage == DEFAULT_STAGE else f"/{api.stage}"
            for route in api.routes:
                self._say(f"  {route.method} {address}{stage}{route.path} -> {route.function}")
        for function in self._functions:
            if function.function_url is not None:
                self._say(f"  URL {function_url(function.name, port)} -> {function.name}")
        for target in self._targets:
            url = load_balancer_url(target.function, port)
            self._say(f"  ALB {url} -> {target.function}")
        if self._loaded.resources or self._loaded.triggers:
            loop = asyncio.get_running_loop()
            self._connection = loop.run_in_executor(None, self._connect, address)

    def _connect(self, address: str) -> None:
        """Makes what the template has beside its functions, as a client of this emulator would."""
        account, region = self._settings.account, self._settings.region
        keys = (account, "any")
        if self._settings.auth is Auth.STRICT:
            root = root_key(self._settings.state_dir)
            keys = (root.access_key, root.secret_key)
        deployer = Deployer(
            Services(address, account, region, keys=keys),
            account=account,
            region=region,
            put_api=lambda _: [],
            progress=self._say,
        )
        try:
            for row in deployer.connect(self._loaded):
                self._say(f"  {row.kind} {row.name} {row.outcome}{row.at and f': {row.at}'}")
        except TestbedError as error:
            self._say(f"Not as on Lambda: the rest of the template was not made: {error}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._connection is not None:
            self._connection.cancel()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """Lets SIGINT and SIGTERM cancel the work under way until the server takes the signals."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def run(settings: Settings, display: Display | None = None) -> int:
    """Runs `up` to its end and returns the exit code; `display` is plain lines unless given."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(up(settings, display or LineDisplay()))
    return 0
