"""The live engine: applies the scheduler's commands and owns every task and every sandbox.

One event loop owns the scheduler. `_apply` is the only place that tells it of an event; between
an event and its commands nothing is awaited. A command is carried out at once (a dispatch, a
freeze) or by a task that ends by applying the event that completes it (a start, a stop).

Commands, and the reports that complete them, stand side by side in this one module.

Time comes from the loop alone, so on a loop whose time jumps to its next timer, with a fake
backend, a run takes no real time and its journal equals the simulator's.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, assert_never

from emulator.core.failure_bodies import EXTENSION_CRASH, failure_body
from emulator.core.journal import Entry
from emulator.core.messages import (
    Anatomy,
    CallerLeft,
    Command,
    Dispatch,
    Event,
    Fail,
    FreezeSandbox,
    FunctionRecycled,
    HostMemoryMeasured,
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    MakeStemCell,
    ProvisionedSet,
    ReservedConcurrencySet,
    ResetSandbox,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StartSandbox,
    StayedBusy,
    StopSandbox,
    StopStemCell,
    Throttle,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import Failure, ThrottleReason
from emulator.core.network_path import NO_PASSAGE
from emulator.core.policy import InitCpu
from emulator.core.tenancy import tenant_fault
from emulator.errors import (
    InvalidParameterValueError,
    ResourceNotFoundError,
    SandboxStartError,
)
from emulator.live.backends.interface import RUNTIME
from emulator.live.deployments import Deployments, Prepared
from emulator.live.host_memory import HostMemory
from emulator.live.invocation import Call
from emulator.live.launcher import Launcher
from emulator.live.open_invocations import OpenInvocations
from emulator.live.request_id import new_request_id
from emulator.live.runtime_api.extensions import ShutdownReason
from emulator.live.runtime_api.interface import Work
from emulator.live.sandbox.environment import function_arn
from emulator.live.sandbox.lifecycle import BROKEN_OFF, Phase
from emulator.live.stem_cells import StemCellKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Sandbox, VersionKey
    from emulator.core.network_path import Passage
    from emulator.core.profile import Profile
    from emulator.core.provisioning import Provisioned
    from emulator.core.scheduler import Scheduler
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.backends.interface import Exit, Progress, SandboxBackend
    from emulator.live.clock import LoopClock
    from emulator.live.invocation import Outcome
    from emulator.live.platform_logger import PlatformLogger
    from emulator.live.recorder import Recorder
    from emulator.live.response_stream import ResponseStream
    from emulator.live.runtime_api.interface import RuntimeApi
    from emulator.live.sandbox.live_sandbox import LiveSandbox
    from emulator.live.sandbox.usage import Usage
    from emulator.telemetry.platform_events import Event as TelemetryEvent

log = logging.getLogger(__name__)


class Engine:
    """Runs invocations. Use from one event loop; `close` ends all that the engine began."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        backend: SandboxBackend,
        runtime_api: RuntimeApi,
        clock: LoopClock,
        recorder: Recorder,
        logger: PlatformLogger,
        profile: Profile,
        environment: Mapping[str, str] | None = None,
        init_cpu: InitCpu = InitCpu.BOOSTED,
        credentials: Callable[[FunctionConfiguration], Mapping[str, str]] | None = None,
        available_memory_mb: Callable[[], int] | None = None,
        weigh: Callable[[FunctionConfiguration, str], float] | None = None,
        freeze_grace: float = 0.01,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._scheduler = scheduler
        self._backend = backend
        self._clock = clock
        self._recorder = recorder
        self._logger = logger
        self._profile = profile
        self._launcher = Launcher(
            backend=backend,
            runtime_api=runtime_api,
            clock=clock,
            logger=logger,
            profile=profile,
            environment=environment or {},
            init_cpu=init_cpu,
            credentials=credentials,
        )
        self._stem_cells = StemCellKeeper(backend, self._apply)
        self._host_memory = HostMemory(available_memory_mb, clock)
        self._weigh = weigh
        self._freeze_grace = freeze_grace
        self._new_request_id = new_request_id
        self._deployments = Deployments()
        self._invocations = OpenInvocations(logger, profile.response_limit)
        self._undispatched: dict[asyncio.Future[Outcome], str] = {}
        """Request ids by outcome, of invocations that have no sandbox yet."""
        self._sandboxes: dict[int, LiveSandbox] = {}
        self._starts: dict[int, asyncio.Task[None]] = {}
        """By sandbox: the tasks that start it, until they are done."""
        self._failures: list[tuple[LiveSandbox, Callable[[], None]]] = []
        """Failed calls of the commands that are being performed, and what tells their callers."""
        self._told_after_reset: dict[int, Callable[[], None]] = {}
        """By sandbox: what tells a caller of the failure that the sandbox is reset for."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")
        self._closing = False

    # what the gateway asks for

    @property
    def functions(self) -> Mapping[VersionKey, FunctionConfiguration]:
        """Returns every deployed version's configuration."""
        return self._deployments.configurations

    @property
    def ever_deployed(self) -> list[FunctionConfiguration]:
        """Returns the configuration of every revision that was deployed, in that order."""
        return self._deployments.every

    def has(self, key: VersionKey) -> bool:
        """Returns whether a version is deployed; a look into a table."""
        return self._deployments.get(key) is not None

    def configuration(self, key: VersionKey) -> FunctionConfiguration | None:
        """Returns a version's configuration; None where the version is not deployed."""
        deployment = self._deployments.get(key)
        return None if deployment is None else deployment.configuration

    @property
    def sandboxes(self) -> Mapping[int, Sandbox]:
        """Returns the scheduler's view of every sandbox that is not gone; to be read only."""
        return self._scheduler.sandboxes

    def memory(self, sandbox: int) -> MemoryCounters | None:
        """Returns what the kernel counts of a sandbox's memory now; None where that is unknown."""
        live = self._sandboxes.get(sandbox)
        return None if live is None else live.memory()

    def now(self) -> float:
        """Returns the time on the engine's clock, in the emulated Lambda's seconds."""
        return self._clock.now()

    @property
    def dilation(self) -> float:
        """Returns how many of the machine's seconds are one of the emulated Lambda's."""
        return self._clock.dilation

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> None:
        """Makes the function's package and puts the version in the place of an earlier one.

        Raises:
            BuildError: the package cannot be made; an earlier deployment stays.
        """
        self.put(await self.prepare(configuration, progress))

    async def prepare(self, configuration: FunctionConfiguration, progress: Progress) -> Prepared:
        """Makes a version's package, for `put`; nothing that is deployed changes.

        Raises:
            BuildError: the package cannot be made.
            SnapshotError: the init failed, of which a snapshot was to be taken.
        """
        began = self._clock.now()
        package = await self._backend.deploy(configuration, progress)
        package_mb = 0.0
        if self._weigh is not None:
            package_mb = await asyncio.to_thread(self._weigh, configuration, package)
        snapshot = await self._launcher.snapshot(configuration, package)
        log.info("made %s in %.1f s", configuration.key, self._clock.now() - began)
        stem = self._stem_cells.runtime(configuration, package)
        return Prepared(configuration, package, package_mb, snapshot, stem)

    def forget(self, prepared: Prepared) -> None:
        """Lets go what was made for a version that is not to be put after all."""
        self._launcher.drop(prepared.snapshot)

    def put(self, prepared: Prepared) -> None:
        """Puts a version in the place of an earlier deployment, whose sandboxes end their work."""
        configuration = prepared.configuration
        if (earlier := self._deployments.get(configuration.key)) is not None:
            self._launcher.drop(earlier.snapshot)
        snapshot = prepared.snapshot
        revision = self._deployments.add(configuration, prepared.package, snapshot).revision
        scheduled = configuration.scheduled(
            revision, prepared.package_mb, snapshot=bool(snapshot), stem=prepared.stem
        )
        self._apply(VersionDeployed(scheduled))
        limit = configuration.reserved_concurrency
        if limit is not None or revision > 0:
            self.reserve(configuration.scheduled_name, limit)
        if configuration.provisioned_concurrency:
            self.provision(configuration.key, configuration.provisioned_concurrency)

    def reserve(self, name: str, limit: int | None) -> None:
        """Sets the reserved concurrency of a function's scheduled name; None ends it."""
        self._apply(ReservedConcurrencySet(name, limit))

    def provision(self, key: VersionKey, count: int) -> None:
        """Sets the provisioned concurrency of a deployed version; 0 ends it."""
        self._apply(ProvisionedSet(key, count))

    def recycle(self, name: str) -> int:
        """Ends the sandboxes of a function's scheduled name, each after its work.

        Returns:
            The number of sandboxes that the function had; its next request starts a new one.
        """
        count = sum(sandbox.function.name == name for sandbox in self.sandboxes.values())
        self._apply(FunctionRecycled(name))
        return count

    def provisioned(self, key: VersionKey) -> Provisioned:
        """Returns what stands ready of a version's provisioned concurrency."""
        return self._scheduler.provisioned(key)

    def retire(self, key: VersionKey) -> None:
        """Forgets a version; requests that came before end as they would have."""
        deployment = self._deployments.get(key)
        self._deployments.retire(key)
        if deployment is not None:
            self._launcher.drop(deployment.snapshot)
        self._apply(VersionRetired(key))

    def invoke(
        self,
        key: VersionKey,
        payload: bytes,
        *,
        request_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        stream: ResponseStream | None = None,
        tail: bool = False,
        passage: Passage = NO_PASSAGE,
        alias: str = "",
        arn: str = "",
        tenant: str = "",
    ) -> asyncio.Future[Outcome]:
        """Accepts an invocation; cancelling the future does not stop the invocation.

        A response that the runtime streams goes to `stream` where there is one, and the outcome's
        payload is empty then. With `tail` the outcome waits for the invocation's log, and has it.
        A `request_id` is given where the payload names the request already, and a `passage` where a
        network lies between the caller and this engine, which records what others wait for.
        `alias` is the one that led to the version, if any, and `arn` what the function is told it
        was asked for by; unless given, the version's own. A `tenant` goes with a version that is
        isolated by tenant.

        Raises:
            ResourceNotFoundError: no such version.
            InvalidParameterValueError: a tenant is missing, or is not asked for.
        """
        deployment = self._deployments.get(key)
        if deployment is None:
            raise ResourceNotFoundError(
                f"Function not found: {arn or function_arn(key.name, key.version)}"
            )
        if tenant or deployment.configuration.tenant_isolation:
            check_tenant(tenant, deployment.configuration)
        call = Call(
            request_id or self._new_request_id(),
            deployment.configuration.name,
            deployment.configuration.version,
            payload,
            asyncio.get_running_loop().create_future(),
            trace_id,
            client_context,
            arn or deployment.arn,
            tenant,
            stream=stream,
        )
        outcome = self._invocations.accept(call, tail=tail)
        if (available_mb := self._host_memory.news()) is not None:
            self._apply(HostMemoryMeasured(available_mb))
        self._apply(
            InvokeRequested(call.request_id, key, passage.network, passage.gateway, alias, tenant)
        )
        if call.sandbox is None and not call.outcome.done():
            self._undispatched[call.outcome] = call.request_id
        return outcome

    def caller_left(self, outcome: asyncio.Future[Outcome]) -> None:
        """Takes that nobody seems to wait for an outcome; those whose callers wait go first."""
        if (request_id := self._undispatched.pop(outcome, None)) is not None:
            self._apply(CallerLeft(request_id))

    async def close(self) -> None:
        """Ends every sandbox and task; invocations that still run are answered as failed starts.

        The backend stays open, since its owner closes it.
        """
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stem_cells.close()
        await asyncio.gather(*(sandbox.close() for sandbox in self._sandboxes.values()))
        self._invocations.close()

    # events in, commands out

    def _apply(self, event: Event, output: asyncio.Future[None] | None = None) -> None:
        """Applies an event; `output` is done when what was written before the event has come."""
        now = self._clock.now()
        commands = self._scheduler.handle(event, now)
        self._recorder.record(Entry(now, event, tuple(commands)), output)
        for command in commands:
            self._perform(command, event)
        if self._failures:
            self._tell_of_failures()
        self._arm()

    def _arm(self) -> None:
        """Sets the one timer for everything; one that is too early costs less than moving it."""
        if not self._scheduler.may_be_due(self._armed_for):
            return
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

    def _perform(self, command: Command, cause: Event) -> None:
        match command:
            case Dispatch():
                self._dispatch(command)
            case FreezeSandbox(sandbox):
                self._sandboxes[sandbox].freeze_after(self._freeze_grace)
            case StartSandbox():
                self._start(command)
            case ResetSandbox():
                self._reset(command)
            case StopSandbox():
                self._stop(command)
            case Throttle(invocation, reason):
                self._throttle(invocation, reason)
            case Fail():
                self._fail(command, cause)
            case MakeStemCell():
                self._stem_cells.make(command)
            case StopStemCell(cell):
                self._stem_cells.stop(cell)
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
        sandbox = self._sandboxes[command.sandbox]
        deadline = self._clock.now() + sandbox.configuration.timeout
        call = self._invocations.dispatched(
            command.invocation, command.start, command.sandbox, deadline
        )
        if self._undispatched:
            self._undispatched.pop(call.outcome, None)
        sandbox.dispatch(
            Work(
                call.request_id,
                self._logger.epoch_ms(deadline),
                call.arn,
                call.payload,
                call.trace_id,
                call.client_context,
                call.tenant,
            )
        )

    def _throttle(self, invocation: str, reason: ThrottleReason) -> None:
        if reason is ThrottleReason.HOST_MEMORY:
            log.warning(
                "throttled %s: this host's memory for sandboxes is full (--host-memory)", invocation
            )
        else:
            log.info("throttled %s: %s", invocation, reason)
        call = self._invocations.throttled(invocation, reason)
        self._undispatched.pop(call.outcome, None)

    def _fail(self, command: Fail, cause: Event) -> None:
        call = self._invocations.failed(command.invocation, command.sandbox)
        if call is None:
            return
        self._undispatched.pop(call.outcome, None)
        sandbox = self._sandboxes[command.sandbox]
        error_type = ""
        if isinstance(cause, RuntimeExited) and cause.sandbox == command.sandbox:
            error_type = cause.error_type
        body = sandbox.init_error_body or failure_body(
            self._profile,
            command.failure,
            call.request_id,
            sandbox.configuration.timeout,
            exit_code=command.exit_code,
            timestamp=self._logger.iso_time(self._clock.now()),
            error_type=error_type,
        )
        log.info("failed %s on sandbox %d: %s", call.request_id, sandbox.id, command.failure)
        restore = sandbox.restore_failure if call.start is None else None
        tell = partial(call.settle, body, "Unhandled", command.failure, restore_failure=restore)
        self._failures.append((sandbox, tell))

    def _tell_of_failures(self) -> None:
        """Tells the callers, after the reset if any: their next request may need the sandbox."""
        while self._failures:
            sandbox, tell = self._failures.pop()
            if sandbox.phase is Phase.RESETTING:
                self._told_after_reset[sandbox.id] = tell
            else:
                tell()

    # sandboxes

    def _start(self, command: StartSandbox) -> None:
        scheduled = self._scheduler.sandboxes[command.sandbox]
        deployment = self._deployments.of(scheduled.function)
        sandbox = self._launcher.make(
            command.sandbox,
            deployment.configuration,
            deployment.package,
            self,
            deployment.snapshot,
        )
        self._sandboxes[sandbox.id] = sandbox
        provisioned = command.invocation is None and not command.prewarmed
        log.info(
            "starting sandbox %d of %s for %s",
            sandbox.id,
            command.key,
            command.invocation
            or ("the policy" if command.prewarmed else "provisioned concurrency"),
        )
        tenant = scheduled.pool.tenant
        start = self._spawn(
            self._started(sandbox, tenant, provisioned=provisioned, cell=command.cell)
        )
        self._starts[sandbox.id] = start
        start.add_done_callback(lambda _: self._starts.pop(sandbox.id, None))

    async def _started(
        self, sandbox: LiveSandbox, tenant: str, *, provisioned: bool, cell: int
    ) -> None:
        try:
            await self._launcher.start(sandbox, tenant, provisioned=provisioned, cell=cell)
        except Exception as error:  # noqa: BLE001  # a request waits for the sandbox, and is answered
            self._report(sandbox, "could not be started", error)
            if sandbox.begin_stop():
                await self._clear_up(sandbox, SandboxGone(sandbox.id))

    def _report(self, sandbox: LiveSandbox, what: str, error: Exception) -> None:
        """Logs a fault of the world as a sentence, and any other with where it came from."""
        unforeseen = not isinstance(error, SandboxStartError | OSError)
        name = sandbox.configuration.name
        log.warning("sandbox %d of %s %s: %s", sandbox.id, name, what, error, exc_info=unforeseen)

    def _reset(self, command: ResetSandbox) -> None:
        sandbox = self._sandboxes[command.sandbox]
        if sandbox.begin_reset():
            timed_out = command.failure in (Failure.TIMEOUT, Failure.INIT_TIMEOUT)
            sandbox.timed_out = timed_out
            reason = ShutdownReason.TIMEOUT if timed_out else ShutdownReason.FAILURE
            log.info("resetting sandbox %d: %s", sandbox.id, command.failure)
            self._spawn(self._was_reset(sandbox, reason))

    async def _was_reset(self, sandbox: LiveSandbox, reason: ShutdownReason) -> None:
        used = sandbox.usage()
        try:
            if (start := self._starts.get(sandbox.id)) is not None:
                await asyncio.wait([start])  # what is not made yet cannot be killed
            await sandbox.reset(reason)
        except Exception as error:  # noqa: BLE001  # as for a start
            self._report(sandbox, "could not be reset", error)
            if sandbox.begin_stop():
                await self._clear_up(sandbox, SandboxGone(sandbox.id))
        finally:
            tell = self._told_after_reset.pop(sandbox.id, None)
            if sandbox.phase is Phase.BARE and not self._closing:
                self._apply(_reset_with(sandbox.id, used))
            if tell is not None:
                tell()

    def _stop(self, command: StopSandbox) -> None:
        sandbox = self._sandboxes[command.sandbox]
        if sandbox.begin_stop():
            log.info("stopping sandbox %d: %s", sandbox.id, command.reason)
            self._spawn(self._stopped(sandbox))

    async def _stopped(self, sandbox: LiveSandbox) -> None:
        if (start := self._starts.get(sandbox.id)) is not None:
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
        await self._close(sandbox, gently=True)
        self._apply(SandboxGone(sandbox.id))

    async def _close(self, sandbox: LiveSandbox, *, gently: bool) -> None:
        """Takes a sandbox away; what cannot be taken away is reported, and holds nothing up."""
        try:
            await sandbox.close(gently=gently)
        except Exception as error:  # noqa: BLE001  # as for a start
            self._report(sandbox, "could not be taken away", error)
        # where this is cancelled the sandbox stays, for the engine's end to close
        del self._sandboxes[sandbox.id]

    async def _clear_up(self, sandbox: LiveSandbox, gone: SandboxGone) -> None:
        """Ends a sandbox that ended by itself: its last response, the event, then what is left."""
        await sandbox.read_to_the_end()
        sandbox.finish_early()
        self._apply(gone)
        await self._close(sandbox, gently=False)

    # what a sandbox reports (SandboxOwner)

    def init_began(self, sandbox: LiveSandbox) -> None:
        """Takes a sandbox whose first process runs."""
        self._apply(InitBegan(sandbox.id))

    def sandbox_ready(self, sandbox: LiveSandbox, anatomy: Anatomy) -> None:
        """Takes the end of an init."""
        if sandbox.extensions.has_any:
            # before they get the invocation that the sandbox was started for
            self._logger.extensions_ready(sandbox.id, sandbox.extensions.registered)
        self._apply(SandboxReady(sandbox.id, anatomy))

    def init_failed(self, sandbox: LiveSandbox, error_type: str) -> None:
        """Takes an init that its runtime or an extension gave up."""
        self._apply(InitFailed(sandbox.id, error_type))

    def answered(self, sandbox: LiveSandbox, request_id: str, body: bytes, error_type: str) -> None:
        """Gives a caller the runtime's answer, or the error of its handler."""
        self._invocations.answered(request_id, body, error_type, self._clock.now())
        self._apply(InvocationAnswered(sandbox.id, request_id))

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        """Gives a caller the head of a streamed answer."""
        self._invocations.begin_stream(request_id, content_type, hold)

    def streamed(self, request_id: str, piece: bytes) -> None:
        """Gives a caller a piece of a streamed answer."""
        self._invocations.stream(request_id, piece)

    def stream_ended(
        self, sandbox: LiveSandbox, request_id: str, error_type: str, error_body: bytes
    ) -> str:
        """Gives a caller the end of a streamed answer; returns the invocation's error type."""
        body, error_type = self._invocations.end_stream(request_id, error_type, error_body)
        self.answered(sandbox, request_id, body, error_type)
        return error_type

    def finished(self, sandbox: LiveSandbox, request_id: str, error_type: str) -> None:
        """Takes the end of an invocation: runtime and extensions have asked for their next work."""
        used = sandbox.usage(exact=False)
        self._apply(
            InvocationFinished(
                sandbox.id,
                request_id,
                error_type,
                used.max_memory_mb,
                used.throttled,
                used.throttled_periods,
                used.memory,
            ),
            sandbox.output_until_now(),
        )

    def stayed_busy(self, sandbox: LiveSandbox) -> None:
        """Takes a sandbox that only an extension keeps from its next invocation."""
        # the function's last lines come before the telemetry that the runtime is done
        self._apply(StayedBusy(sandbox.id), sandbox.output_until_now())

    def process_ended(self, sandbox: LiveSandbox, name: str, ended: Exit) -> None:
        """Takes the end of a runtime or an extension; its last response is read before."""
        self._spawn(self._broke_down(sandbox, name, ended))

    async def _broke_down(self, sandbox: LiveSandbox, name: str, ended: Exit) -> None:
        if name == RUNTIME:
            await sandbox.read_to_the_end()
            if sandbox.phase not in BROKEN_OFF:
                sandbox.finish_early()
        if sandbox.phase in BROKEN_OFF:
            return
        used = sandbox.usage()
        memory_mb = used.max_memory_mb
        if ended.out_of_memory:  # it had all that it may have, if only for a moment
            memory_mb = sandbox.configuration.memory_mb
        self._apply(
            RuntimeExited(
                sandbox.id,
                ended.code,
                ended.out_of_memory,
                "" if name == RUNTIME else EXTENSION_CRASH,
                memory_mb,
                used.throttled,
                used.throttled_periods,
                used.memory,
            )
        )

    def sandbox_exited(self, sandbox: LiveSandbox, ended: Exit) -> None:
        """Takes the end of a sandbox that nobody stopped."""
        log.info("sandbox %d ended by itself with exit code %d", sandbox.id, ended.code)
        gone = SandboxGone(sandbox.id, ended.code, ended.out_of_memory)
        self._spawn(self._clear_up(sandbox, gone))

    def subscribed(self, sandbox: LiveSandbox, event: TelemetryEvent) -> None:
        """Takes a subscription to telemetry, which the function's log tells of."""
        self._logger.subscribed(sandbox.id, event)


def check_tenant(tenant: str, configuration: FunctionConfiguration) -> None:
    """Refuses a request that names no tenant where one is needed, or one in vain.

    Raises:
        InvalidParameterValueError: in AWS's words.
    """
    if fault := tenant_fault(tenant, per_tenant=configuration.tenant_isolation):
        raise InvalidParameterValueError(fault)


def _reset_with(sandbox: int, used: Usage) -> SandboxReset:
    return SandboxReset(
        sandbox, used.max_memory_mb, used.throttled, used.throttled_periods, used.memory
    )
