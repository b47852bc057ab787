"""Builds everything, serves it and takes it down again: `testbed up`, the composition root.

Owns the wiring alone: no rule about functions, requests or sandboxes stands here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

import uvloop

from emulator.config import NO_TEMPLATE, Auth, BackendChoice, PageCache
from emulator.core.function_names import Scope
from emulator.core.policy import Admission
from emulator.core.profiles import PROFILES
from emulator.errors import BackendUnavailableError, SettingsError
from emulator.host.delegation import enter_delegated_scope
from emulator.host.memory import AvailableMemory
from emulator.live.asynchronous.ended_events import EndedEvents
from emulator.live.backends.page_cache import PrivatePages, remove_orphans
from emulator.live.backends.process.backend import ProcessBackend
from emulator.live.clock import MonotonicClock
from emulator.live.cloudwatch import LOG_SCHEMAS, CloudWatch
from emulator.live.eventing import EVENT_SCHEMAS
from emulator.live.functions.functions import FUNCTION_SCHEMAS, Functions
from emulator.live.functions.template_events import TemplateEvents
from emulator.live.journal_file import JournalFile
from emulator.live.store.apis import APIS
from emulator.live.store.database import Database
from emulator.live.store.read_ahead import read_ahead
from emulator.live.store.root_key import FILE
from emulator.live.store.state_directory import StateDirectory, describe_run
from emulator.sam import template
from emulator.up.capacity import room, scheduling_of
from emulator.up.checks import check_auth
from emulator.up.description import describe_functions, facts_of
from emulator.up.display import Display, LineDisplay
from emulator.up.face import app_of
from emulator.up.gateway import Server, gateway_listener, listeners_of
from emulator.up.parts import Ground, assemble

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterator
    from typing import TypeAlias

    from emulator.config import Settings
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.interface import SandboxBackend

    OpenBackend: TypeAlias = Callable[
        [Settings, StateDirectory, tuple[FunctionConfiguration, ...], Display],
        Awaitable[SandboxBackend],
    ]

_SCHEMAS = (*FUNCTION_SCHEMAS, *EVENT_SCHEMAS, APIS)


async def up(settings: Settings, display: Display, opens: OpenBackend | None = None) -> None:
    """Serves until SIGINT or SIGTERM; `opens` opens another backend than the settings name.

    Raises:
        TestbedError: One of its subclasses, each a sentence for the user.
        OSError: A file of the state or run directory cannot be written.
    """
    check_auth(settings)
    loaded = _template(settings)
    scheduling_of(settings, PROFILES[settings.profile])  # what is wrong there is told at once
    with (
        StateDirectory(settings.state_dir) as state,
        gateway_listener(settings.host, settings.port) as listener,
        _cancelled_by_signals(),
    ):
        backend = await (opens or open_backend)(settings, state, loaded.functions, display)
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
        try:
            return await _open_docker(settings, state, functions, display, private)
        except BackendUnavailableError as error:
            if settings.backend is BackendChoice.DOCKER:
                raise
            no_engine = f"{error} Sandboxes are processes of this machine instead."
    if settings.oci_runtime:
        raise SettingsError(
            f"--oci-runtime {settings.oci_runtime} is of a Docker engine, and sandboxes are to be "
            f"processes. {no_engine}".rstrip()
        )
    enter_delegated_scope(display.say, settings.cgroup_root)
    if no_engine:  # said after the move: the program that starts again says it anew
        display.say(no_engine)
    process = ProcessBackend(
        state.path,
        state.instance,
        cgroup_root=settings.cgroup_root,
        private=private,
        stem_cells=bool(settings.stem_cells),
    )
    await process.open()
    return process


async def _open_docker(
    settings: Settings,
    state: StateDirectory,
    functions: tuple[FunctionConfiguration, ...],
    display: Display,
    private: PrivatePages | None,
) -> SandboxBackend:
    # not before it is wanted: a machine without an engine need not import its SDK
    from emulator.live.backends.docker.backend import DockerBackend  # noqa: PLC0415

    docker = DockerBackend(
        state.instance,
        cgroup_root=settings.cgroup_root,
        private=private,
        facts=state.path / "images.json",
        stem_cells=state.path / "files" if settings.stem_cells else None,
        state=state.path / "snapshots",
        oci_runtime=settings.oci_runtime,
    )
    try:
        await docker.check(functions, display.say)
        await docker.open()
    except BaseException:  # no engine, a setting that does not fit, or a signal in the midst of it
        await docker.close()
        raise
    return docker


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
    facts = facts_of(settings, profile, backend, loaded.functions, origin)
    describe_run(run, facts)
    for sentence in (*loaded.remarks, *backend.unenforced.values()):
        display.say(f"Not as on Lambda: {sentence}")
    for sentence in room(settings, scheduling_of(settings, profile), loaded.functions):
        display.say(sentence)
    with (
        JournalFile(run / "journal.jsonl", limit=settings.journal_limit << 20) as journal,
        listeners_of(listener, backend) as listeners,
        contextlib.closing(AvailableMemory(settings.cgroup_root)) as available,
        contextlib.closing(Database(state.path / "state.db", _SCHEMAS)) as database,
        contextlib.closing(Database(state.path / "logs.db", LOG_SCHEMAS)) as log_database,
    ):
        ground = Ground(
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
            ended=EndedEvents(
                run,
                origin=origin,
                dilation=settings.dilation,
                limit=settings.journal_limit << 20,
            ),
        )
        parts = await assemble(ground)
        try:
            await _deploy(loaded, parts.functions, display)
            app = await app_of(ground, parts, loaded, listener.getsockname()[1])
            if settings.auth is Auth.STRICT:
                display.say(
                    "Calls need a signature and a right (--auth strict); the root's access key is "
                    f"in {state.path / FILE}"
                )
            server = Server(app, run, loaded, settings, eventing=parts.eventing, say=display.say)
            await server.serve(listeners)
        finally:
            describe_functions(run, facts, parts.engine)
            await parts.close()


async def _deploy(loaded: template.Template, functions: Functions, display: Display) -> None:
    """Deploys the template's functions; those that were made by API are made when needed."""
    await functions.deployer.forget_templates([function.name for function in loaded.functions])
    for function in loaded.functions:
        with display.deploying(function.name, function.memory_mb) as told:
            await functions.deployer.deploy(function, told, _events(loaded, function.name))
    await functions.resume()


def _events(loaded: template.Template, function: str) -> TemplateEvents:
    extras = loaded.extras[function]
    return TemplateEvents(extras.event_invoke, extras.dead_letter_target)


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
