"""Starts, resets and ends live sandboxes, and takes what they report (`SandboxOwner`).

A command that takes time is carried out by a task, which ends by applying the event that completes
the command; every such task is owned and awaited here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from emulator.core.failure_bodies import EXTENSION_CRASH
from emulator.core.messages.events import (
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StayedBusy,
)
from emulator.core.model import Failure
from emulator.errors import SandboxStartError
from emulator.live.backends.interface import RUNTIME
from emulator.live.runtime_api.extensions import ShutdownReason
from emulator.live.sandbox.lifecycle import BROKEN_OFF, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from emulator.core.messages.commands import ResetSandbox, StartSandbox, StopSandbox
    from emulator.core.messages.measurements import Anatomy
    from emulator.core.scheduler import Scheduler
    from emulator.live.backends.interface import Exit
    from emulator.live.clock import LoopClock
    from emulator.live.deployments import Deployments
    from emulator.live.launcher import Launcher
    from emulator.live.open_invocations import OpenInvocations
    from emulator.live.platform_logger import PlatformLogger
    from emulator.live.sandbox.live_sandbox import LiveSandbox
    from emulator.live.sandbox.usage import Usage
    from emulator.live.turns import Turns
    from emulator.telemetry.platform_events import Event as TelemetryEvent

log = logging.getLogger(__name__)


class SandboxLives:
    """Owns every live sandbox, and every task that begins, resets or ends one."""

    def __init__(
        self,
        turns: Turns,
        launcher: Launcher,
        *,
        scheduler: Scheduler,
        deployments: Deployments,
        invocations: OpenInvocations,
        logger: PlatformLogger,
        clock: LoopClock,
    ) -> None:
        self._apply = turns.apply
        self._launcher = launcher
        self._scheduler = scheduler
        self._deployments = deployments
        self._invocations = invocations
        self._logger = logger
        self._clock = clock
        self.sandboxes: dict[int, LiveSandbox] = {}
        """Sandboxes that are not gone, by id."""
        self.tasks: set[asyncio.Task[None]] = set()
        """Tasks that are not done."""
        self._starts: dict[int, asyncio.Task[None]] = {}
        """By sandbox: the tasks that start it, until they are done."""
        self._told_after_reset: dict[int, Callable[[], None]] = {}
        """By sandbox: what tells a caller of the failure that the sandbox is reset for."""
        self._closing = False
        self.taken_away: Callable[[int], None] = lambda _: None
        """Is called with each sandbox of which nothing is left."""

    def tell_after_reset(self, sandbox: LiveSandbox, tell: Callable[[], None]) -> None:
        """Calls `tell` when a sandbox's reset is over: the caller's next request may need it."""
        self._told_after_reset[sandbox.id] = tell

    async def close(self) -> None:
        """Ends every task and every sandbox."""
        self._closing = True
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(sandbox.close() for sandbox in self.sandboxes.values()))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the engine failed", exc_info=error)

    def start(self, command: StartSandbox) -> None:
        """Starts a sandbox, by a task that ends by applying the event that completes it."""
        scheduled = self._scheduler.sandboxes[command.sandbox]
        deployment = self._deployments.of(scheduled.function)
        sandbox = self._launcher.make(
            command.sandbox,
            deployment.configuration,
            deployment.package,
            self,
            deployment.snapshot,
        )
        self.sandboxes[sandbox.id] = sandbox
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

    def reset(self, command: ResetSandbox) -> None:
        """Resets a sandbox whose invocation or init failed."""
        sandbox = self.sandboxes[command.sandbox]
        if sandbox.begin_reset():
            timed_out = command.failure in (Failure.TIMEOUT, Failure.INIT_TIMEOUT)
            sandbox.timed_out = timed_out
            reason = ShutdownReason.TIMEOUT if timed_out else ShutdownReason.FAILURE
            log.info("resetting sandbox %d: %s", sandbox.id, command.failure)
            self._spawn(self._was_reset(sandbox, reason))

    async def _was_reset(self, sandbox: LiveSandbox, reason: ShutdownReason) -> None:
        used = sandbox.meter.read()
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
            if sandbox.life.phase is Phase.BARE and not self._closing:
                self._apply(_reset_with(sandbox.id, used))
            if tell is not None:
                tell()

    def stop(self, command: StopSandbox) -> None:
        """Ends a sandbox."""
        sandbox = self.sandboxes[command.sandbox]
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
        del self.sandboxes[sandbox.id]
        self.taken_away(sandbox.id)

    async def _clear_up(self, sandbox: LiveSandbox, gone: SandboxGone) -> None:
        """Ends a sandbox that ended by itself: its last response, the event, then what is left."""
        await sandbox.read_to_the_end()
        sandbox.runtime.finish_early()
        self._apply(gone)
        await self._close(sandbox, gently=False)

    # what a sandbox reports (SandboxOwner)

    def init_began(self, sandbox: LiveSandbox) -> None:
        """Takes a sandbox whose first process runs."""
        self._apply(InitBegan(sandbox.id))

    def sandbox_ready(self, sandbox: LiveSandbox, anatomy: Anatomy) -> None:
        """Takes the end of an init."""
        if sandbox.parts.extensions.has_any:
            # before they get the invocation that the sandbox was started for
            self._logger.extensions_ready(sandbox.id, sandbox.parts.extensions.registered)
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
        used = sandbox.meter.read(exact=False)
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
            if sandbox.life.phase not in BROKEN_OFF:
                sandbox.runtime.finish_early()
        if sandbox.life.phase in BROKEN_OFF:
            return
        used = sandbox.meter.read()
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


def _reset_with(sandbox: int, used: Usage) -> SandboxReset:
    return SandboxReset(
        sandbox, used.max_memory_mb, used.throttled, used.throttled_periods, used.memory
    )
