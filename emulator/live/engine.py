"""The live engine: applies the scheduler's commands and owns every task and every invocation.

One event loop owns the scheduler. `_apply` is the only place that tells it of an event; between
an event and its commands nothing is awaited. A command is carried out at once (a dispatch, a
freeze) or by a task that ends by applying the event that completes it (a start, a stop).

Time comes from the loop alone, so on a loop whose time jumps to its next timer, with a fake
backend, a run takes no real time and its journal equals the simulator's.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from emulator.core.faults import failure_body
from emulator.core.journal import Entry
from emulator.core.messages import (
    Anatomy,
    Command,
    Dispatch,
    Event,
    Fail,
    FreezeSandbox,
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    ReservedConcurrencySet,
    SandboxGone,
    SandboxReady,
    StartSandbox,
    StopSandbox,
    Throttle,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import Failure, ThrottleReason
from emulator.errors import ResourceNotFoundError, SandboxStartError
from emulator.live.backend import CpuShare, SandboxSpec
from emulator.live.call import Call
from emulator.live.environment import function_arn, sandbox_environment
from emulator.live.runtime_api import Work
from emulator.live.sandbox import LiveSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from emulator.core.catalog import FunctionConfiguration
    from emulator.core.model import Sandbox
    from emulator.core.profile import Profile
    from emulator.core.scheduler import Scheduler
    from emulator.live.backend import Exit, Progress, SandboxBackend
    from emulator.live.call import Outcome
    from emulator.live.clock import LoopClock
    from emulator.live.recorder import Recorder
    from emulator.live.runtime_api import RuntimeApi

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Deployed:
    configuration: FunctionConfiguration
    package: str
    revision: int


class Engine:
    """Runs invocations. Use from one event loop; `close` ends all that it began."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        backend: SandboxBackend,
        runtime_api: RuntimeApi,
        clock: LoopClock,
        recorder: Recorder,
        profile: Profile,
        freeze_grace: float = 0.01,
        new_request_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._scheduler = scheduler
        self._backend = backend
        self._runtime_api = runtime_api
        self._clock = clock
        self._recorder = recorder
        self._profile = profile
        self._freeze_grace = freeze_grace
        self._new_request_id = new_request_id
        self._deployed: dict[str, _Deployed] = {}
        self._packages: dict[tuple[str, int], _Deployed] = {}
        self._revisions: dict[str, int] = {}
        """The last of each version; it goes on when one is retired and deployed again."""
        self._calls: dict[str, Call] = {}
        self._sandboxes: dict[int, LiveSandbox] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")
        self._closing = False

    # what the gateway asks for

    @property
    def functions(self) -> Mapping[str, FunctionConfiguration]:
        """Every deployed version by its key, `name:version`."""
        return {key: deployed.configuration for key, deployed in self._deployed.items()}

    @property
    def sandboxes(self) -> Mapping[int, Sandbox]:
        """The scheduler's view of every sandbox that is not gone; to be read only."""
        return self._scheduler.sandboxes

    def now(self) -> float:
        return self._clock.now()

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> None:
        """Makes the function's package and puts it in the place of an earlier one.

        Raises:
            BuildError: the package cannot be made; an earlier deployment stays.
        """
        package = await self._backend.deploy(configuration, progress)
        key = f"{configuration.name}:{configuration.version}"
        revision = self._revisions.get(key, -1) + 1
        self._revisions[key] = revision
        self._deployed[key] = _Deployed(configuration, package, revision)
        self._packages[key, revision] = self._deployed[key]
        self._apply(VersionDeployed(configuration.scheduled(revision)))
        limit = configuration.reserved_concurrency
        if limit is not None or revision > 0:
            self._apply(ReservedConcurrencySet(configuration.name, limit))

    def retire(self, key: str) -> None:
        """Forgets a version; what it runs ends as it would have."""
        del self._deployed[key]
        self._apply(VersionRetired(key))

    def invoke(
        self, key: str, payload: bytes, *, trace_id: str = "", client_context: str = ""
    ) -> asyncio.Future[Outcome]:
        """Accepts an invocation. Cancelling the future does not stop what it stands for.

        Raises:
            ResourceNotFoundError: no such version.
        """
        deployed = self._deployed.get(key)
        if deployed is None:
            arn = function_arn(key.removesuffix(":$LATEST"))
            raise ResourceNotFoundError(f"Function not found: {arn}")
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        configuration = deployed.configuration
        call = Call(
            self._new_request_id(),
            configuration.name,
            configuration.version,
            payload,
            outcome,
            trace_id,
            client_context,
        )
        self._calls[call.request_id] = call
        self._apply(InvokeRequested(call.request_id, key))
        return outcome

    async def close(self) -> None:
        """Ends every sandbox and task; what still runs is answered as a failed start.

        The backend stays open, it is its owner's.
        """
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(sandbox.close() for sandbox in self._sandboxes.values()))
        for call in self._calls.values():
            call.settle(b"", "Unhandled", failure=Failure.START_FAILED)

    # events in, commands out

    def _apply(self, event: Event) -> None:
        now = self._clock.now()
        commands = self._scheduler.handle(event, now)
        self._recorder.record(Entry(now, event, tuple(commands)))
        for command in commands:
            self._perform(command)
        self._arm()

    def _arm(self) -> None:
        """One timer for everything. A timer that is too early costs less than moving it later."""
        deadline = self._scheduler.next_deadline()
        if deadline is None or deadline >= self._armed_for or self._closing:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self._clock.call_at(deadline, self._time_passed)

    def _time_passed(self) -> None:
        self._timer, self._armed_for = None, float("inf")
        deadline = self._scheduler.next_deadline()
        if deadline is not None and deadline <= self._clock.now():
            self._apply(TimePassed())
        self._arm()

    def _perform(self, command: Command) -> None:
        match command:
            case Dispatch():
                self._dispatch(command)
            case FreezeSandbox(sandbox):
                self._sandboxes[sandbox].freeze_after(self._freeze_grace)
            case StartSandbox():
                self._start(command)
            case StopSandbox(sandbox):
                self._stop(self._sandboxes[sandbox])
            case Throttle(invocation, reason):
                self._throttle(invocation, reason)
            case Fail():
                self._fail(command)
            case _:
                assert_never(command)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the engine failed", exc_info=error)

    # invocations

    def _dispatch(self, command: Dispatch) -> None:
        call = self._calls[command.invocation]
        sandbox = self._sandboxes[command.sandbox]
        call.start, call.sandbox = command.start, command.sandbox
        configuration = sandbox.configuration
        sandbox.dispatch(
            Work(
                call.request_id,
                self._recorder.epoch_ms(self._clock.now() + configuration.timeout),
                function_arn(call.function),
                call.payload,
                call.trace_id,
                call.client_context,
            )
        )

    def _throttle(self, invocation: str, reason: ThrottleReason) -> None:
        call = self._calls.pop(invocation)
        if reason is ThrottleReason.HOST_MEMORY:
            log.warning(
                "%s throttled: this host's memory for sandboxes is full (--host-memory)",
                call.function,
            )
        call.settle(b"", throttle=reason)

    def _fail(self, command: Fail) -> None:
        call = self._calls.pop(command.invocation)
        call.sandbox = command.sandbox
        sandbox = self._sandboxes[command.sandbox]
        configuration = sandbox.configuration
        in_init = command.failure is Failure.INIT_TIMEOUT
        limit = self._profile.init_timeout if in_init else configuration.timeout
        body = sandbox.init_error_body or failure_body(
            self._profile,
            command.failure,
            call.request_id,
            limit,
            exit_code=command.exit_code,
            timestamp=self._recorder.iso_time(self._clock.now()),
        )
        call.settle(body, "Unhandled", failure=command.failure)

    # sandboxes

    def _start(self, command: StartSandbox) -> None:
        function = self._scheduler.sandboxes[command.sandbox].function
        deployed = self._packages[function.key, function.revision]
        sandbox = LiveSandbox(
            command.sandbox, deployed.configuration, deployed.package, self, self._clock
        )
        self._sandboxes[sandbox.id] = sandbox
        sandbox.starting = self._spawn(self._started(sandbox))

    async def _started(self, sandbox: LiveSandbox) -> None:
        configuration = sandbox.configuration
        backend = self._backend
        try:
            endpoint = await self._runtime_api.open(backend.runtime_api_host, sandbox)
            sandbox.endpoint = endpoint
            stream = self._recorder.open_stream(configuration, sandbox.id)
            address = f"{backend.runtime_api_name}:{endpoint.port}"
            environment = sandbox_environment(configuration, address, stream)
            quota = self._profile.cpu_quota_us(configuration.memory_mb)
            cpu = CpuShare(quota, self._profile.cpu_period_us)
            spec = SandboxSpec(sandbox.id, sandbox.package, configuration, environment, cpu)
            output = self._recorder.output(configuration.name, stream)
            sandbox.started(await backend.start(spec, output))
        except (SandboxStartError, OSError) as error:
            log.warning("sandbox %d of %s: %s", sandbox.id, configuration.name, error)
            if not sandbox.ending:
                sandbox.ending = True
                await self._see_off(sandbox, SandboxGone(sandbox.id))

    def _stop(self, sandbox: LiveSandbox) -> None:
        if not sandbox.ending:
            sandbox.ending = True
            self._spawn(self._stopped(sandbox))

    async def _stopped(self, sandbox: LiveSandbox) -> None:
        if sandbox.starting is not None and not sandbox.starting.done():
            sandbox.starting.cancel()
            await asyncio.gather(sandbox.starting, return_exceptions=True)
        await sandbox.close()
        del self._sandboxes[sandbox.id]
        self._apply(SandboxGone(sandbox.id))

    async def _see_off(self, sandbox: LiveSandbox, gone: SandboxGone) -> None:
        """It ended on its own: its last response first, then the event, then the clearing up."""
        await sandbox.last_words()
        self._apply(gone)
        await sandbox.close()
        del self._sandboxes[sandbox.id]

    # what a sandbox reports (SandboxOwner)

    def sandbox_ready(self, sandbox: LiveSandbox, anatomy: Anatomy) -> None:
        self._apply(SandboxReady(sandbox.id, anatomy))

    def init_failed(self, sandbox: LiveSandbox, error_type: str) -> None:
        self._apply(InitFailed(sandbox.id, error_type))

    def finished(self, sandbox: LiveSandbox, request_id: str, body: bytes, error_type: str) -> None:
        """A runtime posted a response, or an error of its handler."""
        if request_id not in self._calls:
            return  # it had failed already
        memory_mb = sandbox.max_memory_mb()
        self._apply(InvocationFinished(sandbox.id, request_id, error_type, memory_mb))
        call = self._calls.pop(request_id, None)
        if call is not None:  # else its timeout was due, and failed it first
            call.settle(body, "Unhandled" if error_type else "")

    def sandbox_exited(self, sandbox: LiveSandbox, ended: Exit) -> None:
        sandbox.ending = True
        gone = SandboxGone(sandbox.id, ended.code, ended.out_of_memory)
        self._spawn(self._see_off(sandbox, gone))
