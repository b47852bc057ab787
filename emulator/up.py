"""`testbed up`: the composition root. Everything is built here, served, and taken down again."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import random
import signal
import socket
import time
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

from emulator.api.app import create_app
from emulator.api.companion.route import OtherServices
from emulator.api.function_url.route import function_url
from emulator.config import BackendChoice
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.profile import PROFILES
from emulator.core.routes import RouteTable
from emulator.core.scheduler import Scheduler
from emulator.errors import BackendUnavailableError, SettingsError
from emulator.host.delegation import enter_delegated_scope
from emulator.host.machine import machine
from emulator.host.memory import memory_mb
from emulator.live.backends.process.backend import ProcessBackend
from emulator.live.clock import MonotonicClock
from emulator.live.companion.process import Companion
from emulator.live.engine import Engine
from emulator.live.listeners import listener_at
from emulator.live.recorder import Recorder
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.live.store.state_directory import StateDirectory, describe_run
from emulator.sam import template
from emulator.telemetry.log_store import Logs
from emulator.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from emulator.config import Settings
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.live.backends.interface import SandboxBackend

_VERSIONED = ("awslambdaric", "docker", "fastapi", "locust", "moto", "numpy", "uvicorn")
_HOST_SHARE = 0.75
"""Of this machine's memory, for sandboxes; the rest is for everything else."""
_KEEP_CONNECTION = 75
"""Seconds that an idle client's connection is kept: load that comes at a slow pace, such as one
request a few seconds, must not meet the moment in which it is closed."""
_GRACE = 3
"""Seconds that requests under way get when the emulator is told to stop."""


def say(line: str) -> None:
    print(line, flush=True)


async def up(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM.

    Raises:
        TestbedError: one of its kinds, each a sentence for the user.
    """
    loaded = template.load(settings.template, PROFILES[settings.profile])
    with (
        StateDirectory(settings.state_dir) as state,
        _bound(settings.host, settings.port) as listener,
        _stoppable(),
    ):
        backend = await open_backend(settings, state, loaded.functions)
        try:
            await _serve(settings, loaded, backend, state, listener)
        finally:
            await backend.close()


async def open_backend(
    settings: Settings, state: StateDirectory, functions: tuple[FunctionConfiguration, ...]
) -> SandboxBackend:
    """The backend that was asked for; `auto` says why where it cannot take Docker."""
    if settings.backend is not BackendChoice.PROCESS:
        # not before it is wanted: a machine without an engine need not import its SDK
        from emulator.live.backends.docker.backend import DockerBackend  # noqa: PLC0415

        docker = DockerBackend(state.instance, cgroup_root=settings.cgroup_root)
        try:
            await docker.check(functions, say)
            await docker.open()
        except BackendUnavailableError as error:
            await docker.close()
            if settings.backend is BackendChoice.DOCKER:
                raise
            say(f"{error} Sandboxes are processes of this machine instead.")
        else:
            return docker
    enter_delegated_scope(say, settings.cgroup_root)
    process = ProcessBackend(state.path, state.instance, cgroup_root=settings.cgroup_root)
    await process.open()
    return process


async def _serve(
    settings: Settings,
    loaded: template.Template,
    backend: SandboxBackend,
    state: StateDirectory,
    listener: socket.socket,
) -> None:
    profile = PROFILES[settings.profile]
    clock = MonotonicClock(asyncio.get_running_loop(), settings.dilation)
    origin = time.time()
    run = settings.run_dir or state.new_run()
    describe_run(run, _facts(settings, profile, backend, loaded.functions, origin))
    for sentence in (*loaded.remarks, *backend.unenforced.values()):
        say(f"Not as on Lambda: {sentence}")
    with (
        (run / "journal.jsonl").open("w") as journal,
        _listeners(listener, backend) as listeners,
    ):
        logs = Logs(state.instance)
        chance = random.Random(settings.seed)  # noqa: S311  # lifetimes are no secret
        scheduler = Scheduler(_scheduling(settings, profile), chance)
        configured = {function.name: function for function in loaded.functions}
        metrics = Metrics(profile, lambda: list(scheduler.sandboxes.values()), configured.get)
        recorder = Recorder(
            journal=journal,
            sinks=(metrics,),
            logs=logs,
            clock=clock,
            profile=profile,
            origin=origin,
        )
        engine = Engine(
            scheduler=scheduler,
            backend=backend,
            runtime_api=RuntimeApiServer(profile.response_limit),
            clock=clock,
            recorder=recorder,
            profile=profile,
            environment=_environment(backend, listeners),
        )
        companion = Companion(state.path / "companion.log") if settings.companion else None
        others = OtherServices(settings.aws_endpoint, companion)
        try:
            for function in loaded.functions:
                say(f"Deploying {function.name} ({function.memory_mb} MB) …")
                await engine.deploy(function, say)
            app = create_app(
                engine,
                RouteTable(loaded.routes),
                port=listener.getsockname()[1],
                profile=profile,
                backend=backend.name,
                logs=logs,
                metrics=metrics,
                others=others,
            )
            await _Server(app, run, loaded).serve(listeners)
        finally:
            await engine.close()
            await others.close()
            if companion is not None:
                await companion.close()
            recorder.close()


def _scheduling(settings: Settings, profile: Profile) -> SchedulerSettings:
    fixed = settings.keep_alive
    return SchedulerSettings(
        keep_alive=profile.keep_alive if fixed is None else FixedKeepAlive(fixed),
        pick_order=settings.pick_order,
        binding=settings.binding,
        host_memory_mb=settings.host_memory or int(memory_mb() * _HOST_SHARE),
        start_width=settings.start_width,
        account_concurrency=profile.account_concurrency,
        requests_per_concurrency=profile.requests_per_concurrency,
        scale_out=profile.scale_out,
        recycle_age=profile.recycle_age,
        provisioned_init_timeout=profile.provisioned_init_timeout,
        init_timeout=settings.init_timeout or profile.init_timeout,
        idle_speedup=settings.idle_speedup,
    )


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
        "scheduling": asdict(_scheduling(settings, profile)),
        "seed": settings.seed,
        "versions": _versions(),
        "machine": machine(settings.cgroup_root),
        "functions": {f.name: asdict(f) | {"environment": dict(f.environment)} for f in functions},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in ("serverless-testbed", *_VERSIONED):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """The gateway's address, taken before any long work; nobody is let in until it serves.

    Raises:
        SettingsError: it cannot be had.
    """
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
    """The gateway's, and the one that sandboxes reach where that is another; theirs is last."""
    second = listener_at(backend.runtime_api_host, gateway)
    with contextlib.closing(second) if second is not None else contextlib.nullcontext():
        yield [gateway, *([second] if second is not None else [])]


def _environment(backend: SandboxBackend, listeners: list[socket.socket]) -> dict[str, str]:
    """What every sandbox's environment has unless its function says otherwise."""
    port = listeners[-1].getsockname()[1]
    return {"AWS_ENDPOINT_URL": f"http://{backend.runtime_api_name}:{port}"}


class _Server(uvicorn.Server):
    """uvicorn in our loop; signals are ours, since a server's end is not the end of the work."""

    def __init__(self, app: FastAPI, run: Path, loaded: template.Template) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=_KEEP_CONNECTION,
            timeout_graceful_shutdown=_GRACE,
            server_header=False,
        )
        super().__init__(config)
        self._run = run
        self._routes = loaded.routes
        self._functions = loaded.functions

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
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        address = f"http://{host}:{port}"
        say(f"Serving on {address}; the journal goes to {self._run}")
        for route in self._routes:
            say(f"  {route.method} {address}{route.path} -> {route.function}")
        for function in self._functions:
            if function.function_url is not None:
                say(f"  URL {function_url(function.name, port)} -> {function.name}")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Until the server takes the signals, they cancel the work under way."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    yield


def run(settings: Settings) -> int:
    """Runs `up` to its end; the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(up(settings))
    return 0
