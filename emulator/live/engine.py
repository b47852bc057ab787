"""The live engine: applies the scheduler's commands and owns every task and every invocation.

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
import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

from emulator.core.failure_bodies import EXTENSION_CRASH, failure_body
from emulator.core.journal import Entry
from emulator.core.messages import (
    Anatomy,
    Command,
    Dispatch,
    Event,
    Fail,
    FreezeSandbox,
    InitBegan,
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    ResetSandbox,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StartSandbox,
    StopSandbox,
    Throttle,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import Failure, ThrottleReason
from emulator.errors import ResourceNotFoundError, SandboxStartError
from emulator.live.backends.interface import RUNTIME
from emulator.live.held import HeldCalls
from emulator.live.invocation import Call
from emulator.live.launcher import Launcher
from emulator.live.runtime_api.extensions import ShutdownReason
from emulator.live.runtime_api.interface import Work
from emulator.live.sandbox.environment import function_arn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Sandbox
    from emulator.core.profile import Profile
    from emulator.core.scheduler import Scheduler
    from emulator.live.backends.interface import Exit, Progress, SandboxBackend
    from emulator.live.clock import LoopClock
    from emulator.live.invocation import Outcome
    from emulator.live.recorder import Recorder
    from emulator.live.response_stream import ResponseStream
    from emulator.live.runtime_api.interface import RuntimeApi
    from emulator.live.sandbox.live_sandbox import LiveSandbox

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
        environment: Mapping[str, str] | None = None,
        freeze_grace: float = 0.01,
        new_request_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._scheduler = scheduler
        self._backend = backend
        self._clock = clock
        self._recorder = recorder
        self._profile = profile
        self._launcher = Launcher(
            backend=backend,
            runtime_api=runtime_api,
            clock=clock,
            recorder=recorder,
            profile=profile,
            environment=environment or {},
        )
        self._freeze_grace = freeze_grace
        self._new_request_id = new_request_id
        self._deployed: dict[str, _Deployed] = {}
        self._packages: dict[tuple[str, int], _Deployed] = {}
        self._revisions: dict[str, int] = {}
        """The last of each version; it goes on when one is retired and deployed again."""
        self._calls: dict[str, Call] = {}
        self._held = HeldCalls(clock, self._requested, scheduler.has_idle)
        self._failed: list[tuple[LiveSandbox, Callable[[], None]]] = []
        """Of the commands that are being performed."""
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

    @property
    def dilation(self) -> float:
        """How many of the machine's seconds are one of the emulated Lambda's."""
        return self._clock.dilation

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
        if configuration.provisioned_concurrency:
            self.provision(key, configuration.provisioned_concurrency)

    def provision(self, key: str, count: int) -> None:
        """Sets the provisioned concurrency of a deployed version; 0 ends it."""
        self._apply(ProvisionedSet(key, count))

    def retire(self, key: str) -> None:
        """Forgets a version; what it runs ends as it would have."""
        del self._deployed[key]
        self._apply(VersionRetired(key))

    def invoke(
        self,
        key: str,
        payload: bytes,
        *,
        request_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        stream: ResponseStream | None = None,
        tail: bool = False,
    ) -> asyncio.Future[Outcome]:
        """Accepts an invocation. Cancelling the future does not stop what it stands for.

        A response that the runtime streams goes to `stream` where there is one, and the outcome's
        payload is empty then. With `tail` the outcome waits for the invocation's log, and has it.
        A `request_id` is given where the payload names it already.

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
            request_id or self._new_request_id(),
            configuration.name,
            configuration.version,
            payload,
            outcome,
            trace_id,
            client_context,
            stream=stream,
        )
        if tail:
            outcome = asyncio.ensure_future(self._with_log(call))
        self._calls[call.request_id] = call
        if not self._held.hold(key, call.request_id):
            self._requested(key, call.request_id)
        return outcome

    async def _with_log(self, call: Call) -> Outcome:
        log_tail = self._recorder.tail(call.request_id)
        outcome = await call.outcome
        if outcome.throttle is not None or outcome.failure is Failure.START_FAILED:
            log_tail.cancel()  # nothing was run that could have logged
            return outcome
        return replace(outcome, log_tail=await log_tail)

    def _requested(self, key: str, request_id: str) -> None:
        if key in self._deployed:
            self._apply(InvokeRequested(request_id, key))
        else:  # retired while it was held
            self._calls.pop(request_id).settle(b"", "Unhandled", failure=Failure.START_FAILED)

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
        self._held.close()
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
        self._settle_failed()
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
            case ResetSandbox():
                self._reset(command)
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
        call.deadline = self._clock.now() + sandbox.configuration.timeout
        sandbox.dispatch(
            Work(
                call.request_id,
                self._recorder.epoch_ms(call.deadline),
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
        call = self._calls.pop(command.invocation, None)
        if call is None:  # it was answered, and its sandbox failed before it was done
            return
        call.sandbox = command.sandbox
        sandbox = self._sandboxes[command.sandbox]
        configuration = sandbox.configuration
        body = sandbox.init_error_body or failure_body(
            self._profile,
            command.failure,
            call.request_id,
            configuration.timeout,
            exit_code=command.exit_code,
            timestamp=self._recorder.iso_time(self._clock.now()),
            error_type=sandbox.crash,
        )
        self._failed.append((sandbox, partial(call.settle, body, "Unhandled", command.failure)))

    def _settle_failed(self) -> None:
        """Who is told of a failure can have the sandbox at once: it is reset before."""
        while self._failed:
            sandbox, settle = self._failed.pop()
            if sandbox.resetting:
                sandbox.after_reset = settle
            else:
                settle()

    # sandboxes

    def _start(self, command: StartSandbox) -> None:
        function = self._scheduler.sandboxes[command.sandbox].function
        deployed = self._packages[function.key, function.revision]
        sandbox = self._launcher.sandbox(
            command.sandbox, deployed.configuration, deployed.package, self
        )
        self._sandboxes[sandbox.id] = sandbox
        provisioned = command.invocation is None
        sandbox.starting = self._spawn(self._started(sandbox, provisioned=provisioned))

    async def _started(self, sandbox: LiveSandbox, *, provisioned: bool) -> None:
        try:
            await self._launcher.start(sandbox, provisioned=provisioned)
        except (SandboxStartError, OSError) as error:
            log.warning("sandbox %d of %s: %s", sandbox.id, sandbox.configuration.name, error)
            if not sandbox.ending:
                sandbox.ending = True
                await self._see_off(sandbox, SandboxGone(sandbox.id))

    def _reset(self, command: ResetSandbox) -> None:
        sandbox = self._sandboxes[command.sandbox]
        if not sandbox.ending:
            sandbox.resetting = True
            timed_out = command.failure in (Failure.TIMEOUT, Failure.INIT_TIMEOUT)
            reason = ShutdownReason.TIMEOUT if timed_out else ShutdownReason.FAILURE
            self._spawn(self._was_reset(sandbox, reason))

    async def _was_reset(self, sandbox: LiveSandbox, reason: ShutdownReason) -> None:
        used = sandbox.usage()
        self._held.ended(sandbox.id)
        try:
            await sandbox.reset(reason)
        finally:
            tell_its_caller, sandbox.after_reset = sandbox.after_reset, None
            if not sandbox.ending and not self._closing:
                self._apply(
                    SandboxReset(
                        sandbox.id, used.max_memory_mb, used.throttled, used.throttled_periods
                    )
                )
            if tell_its_caller is not None:
                tell_its_caller()

    def _stop(self, sandbox: LiveSandbox) -> None:
        if not sandbox.ending:
            sandbox.ending = True
            self._spawn(self._stopped(sandbox))

    async def _stopped(self, sandbox: LiveSandbox) -> None:
        self._held.ended(sandbox.id)
        if sandbox.starting is not None and not sandbox.starting.done():
            sandbox.starting.cancel()
            await asyncio.gather(sandbox.starting, return_exceptions=True)
        await sandbox.close()
        del self._sandboxes[sandbox.id]
        self._apply(SandboxGone(sandbox.id))

    async def _see_off(self, sandbox: LiveSandbox, gone: SandboxGone) -> None:
        """It ended on its own: its last response first, then the event, then the clearing up."""
        await sandbox.last_words()
        sandbox.finish_early()
        self._apply(gone)
        self._held.ended(sandbox.id)
        await sandbox.close(gently=False)
        del self._sandboxes[sandbox.id]

    # what a sandbox reports (SandboxOwner)

    def init_began(self, sandbox: LiveSandbox) -> None:
        self._apply(InitBegan(sandbox.id))

    def sandbox_ready(self, sandbox: LiveSandbox, anatomy: Anatomy) -> None:
        if sandbox.extensions is not None and sandbox.extensions.has_any:
            # before they get the invocation that the sandbox was started for
            self._recorder.extensions_ready(sandbox.id, sandbox.extensions.registered)
        self._apply(SandboxReady(sandbox.id, anatomy))

    def init_failed(self, sandbox: LiveSandbox, error_type: str) -> None:
        self._apply(InitFailed(sandbox.id, error_type))

    def answered(self, sandbox: LiveSandbox, request_id: str, body: bytes, error_type: str) -> None:
        """A runtime posted a response, or an error of its handler: its caller need not wait.

        Another request for this version waits a moment, since this sandbox is about to be free.
        """
        call = self._calls.get(request_id)
        if call is None or self._clock.now() >= call.deadline:
            return  # it has failed, or is about to
        del self._calls[request_id]
        self._held.about_to_end(f"{call.function}:{call.version}", sandbox.id)
        call.settle(body, "Unhandled" if error_type else "")

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        if (call := self._calls.get(request_id)) is not None:
            call.begin_stream(content_type, hold)

    def streamed(self, request_id: str, piece: bytes) -> None:
        if (call := self._calls.get(request_id)) is not None:
            call.take(piece, self._profile.response_limit)

    def stream_ended(
        self, sandbox: LiveSandbox, request_id: str, error_type: str, error_body: bytes
    ) -> None:
        call = self._calls.get(request_id)
        body = error_body
        if call is not None and not error_type:
            body, error_type = call.whole(self._profile.response_limit)
        self.answered(sandbox, request_id, body, error_type)

    def finished(self, sandbox: LiveSandbox, request_id: str, error_type: str) -> None:
        """It and its extensions have nothing more to do for the invocation that was answered."""
        used = sandbox.usage(exact=False)
        self._apply(
            InvocationFinished(
                sandbox.id,
                request_id,
                error_type,
                used.max_memory_mb,
                used.throttled,
                used.throttled_periods,
            )
        )
        self._held.ended(sandbox.id)

    def kept_busy(self, sandbox: LiveSandbox) -> None:
        self._held.ended(sandbox.id)

    def process_ended(self, sandbox: LiveSandbox, name: str, ended: Exit) -> None:
        self._spawn(self._broke_down(sandbox, name, ended))

    async def _broke_down(self, sandbox: LiveSandbox, name: str, ended: Exit) -> None:
        """The runtime's last response first, where it is the runtime that ended."""
        if name == RUNTIME:
            await sandbox.last_words()
            if not sandbox.resetting and not sandbox.ending:
                sandbox.finish_early()
        if sandbox.resetting or sandbox.ending:
            return
        used = sandbox.usage()
        memory_mb = used.max_memory_mb
        if ended.out_of_memory:  # it had all that it may have, if only for a moment
            memory_mb = sandbox.configuration.memory_mb
        sandbox.crash = "" if name == RUNTIME else EXTENSION_CRASH
        self._apply(
            RuntimeExited(
                sandbox.id,
                ended.code,
                ended.out_of_memory,
                sandbox.crash,
                memory_mb,
                used.throttled,
                used.throttled_periods,
            )
        )
        self._held.ended(sandbox.id)

    def sandbox_exited(self, sandbox: LiveSandbox, ended: Exit) -> None:
        sandbox.ending = True
        gone = SandboxGone(sandbox.id, ended.code, ended.out_of_memory)
        self._spawn(self._see_off(sandbox, gone))
