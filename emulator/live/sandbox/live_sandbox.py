"""Holds one sandbox for the engine: its Runtime API endpoint, its processes, its phases.

A live sandbox turns what the runtime, the extensions and the backend do into calls of its owner,
and knows nothing of the scheduler. Init is over, and so is an invocation, when the runtime and
every extension that has a part in it have asked for the next event ("Lambda execution environment
lifecycle", developer guide).

Every report of runtime, extensions and backend stands here: what each means depends on the
sandbox's phase, and nothing else may change that.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from emulator.core.failure_bodies import extension_failure_body
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.invocation import RestoreFailure
from emulator.live.runtime_api.extensions import Extensions, FunctionIdentity, ShutdownReason
from emulator.live.runtime_api.telemetry import TelemetryApi
from emulator.live.sandbox.freezing import Freezing
from emulator.live.sandbox.late_answer import LateAnswer
from emulator.live.sandbox.lifecycle import (
    BROKEN_OFF,
    INITIALIZING,
    MOVES,
    IllegalPhaseError,
    Phase,
)
from emulator.live.sandbox.processes import Processes
from emulator.live.sandbox.shutdown import Shutdown
from emulator.live.sandbox.start_times import StartTimes
from emulator.live.sandbox.usage import Usage, UsageMeter

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Seconds
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.clock import LoopClock
    from emulator.live.runtime_api.extensions import ErrorPhase
    from emulator.live.runtime_api.interface import RuntimeEndpoint, Work
    from emulator.live.sandbox.dilation import SandboxCpu
    from emulator.live.sandbox.owner import SandboxOwner

_LAST_WORDS = 0.1
"""Seconds that an ended runtime's connections may take to be read to their end."""


class LiveSandbox:
    """Implements `RuntimeListener` towards its endpoint.

    The life of a sandbox is `start_with`, `started`, then `dispatch` and `freeze_after` in turn,
    `reset` where something failed, and `close`. Only `_move` changes the phase.
    """

    def __init__(
        self,
        sandbox: int,
        configuration: FunctionConfiguration,
        package: str,
        external_extensions: tuple[str, ...],
        *,
        owner: SandboxOwner,
        clock: LoopClock,
        epoch: Callable[[Seconds], float],
        cpu: SandboxCpu,
        snapshot: str = "",
    ) -> None:
        self.id = sandbox
        self.snapshot = snapshot
        """The snapshot that the sandbox comes of; empty: it runs its init."""
        self.timed_out = False
        """Whether the last reset was for a timeout."""
        self.configuration = configuration
        self.package = package
        self.phase = Phase.STARTING
        self.init_error_body = b""
        """The body that the runtime or an extension gave with the error of the present init."""
        self._owner = owner
        self._clock = clock
        self._epoch = epoch
        self._cpu = cpu
        identity = FunctionIdentity(
            configuration.name,
            configuration.version,
            configuration.handler,
            configuration.scope.account,
        )
        self.extensions = Extensions(
            identity,
            external_extensions,
            lambda: str(uuid.uuid4()),
            self.look,
            self._extension_failed,
        )
        self.telemetry = TelemetryApi(
            self.extensions,
            lambda: self._endpoint.peer if self._endpoint is not None else "",
            lambda: epoch(clock.now()),
            lambda event: owner.subscribed(self, event),
        )
        self._endpoint: RuntimeEndpoint | None = None
        self._process: SandboxProcess | None = None
        self._processes = Processes()
        self._times = StartTimes(clock)
        self._meter = UsageMeter(clock, cpu.quota_lasts)
        self._freezing = Freezing(clock, self._freeze, self._thaw)
        self._runtime_asked = False
        self._work: Work | None = None
        """The invocation that is handed over when the init within it is over."""
        self._current = ""
        """The request id of the invocation that runs."""
        self._error_type = ""
        """The error type of the answer."""
        self._late = LateAnswer(clock, self._give_late)

    @property
    def restore_failure(self) -> RestoreFailure | None:
        """Failure of the restore that callers waited for; None where init was to run."""
        if not self.snapshot or self._process is None:
            return None
        return RestoreFailure.TIMEOUT if self.timed_out else RestoreFailure.ERROR

    def _move(self, phase: Phase) -> None:
        if phase not in MOVES[self.phase]:
            raise IllegalPhaseError(f"sandbox {self.id}: {self.phase.name} -> {phase.name}")
        self.phase = phase

    # what the engine does with a sandbox

    def start_with(self, endpoint: RuntimeEndpoint) -> None:
        """Takes the endpoint that the sandbox's runtime will dial."""
        self._endpoint = endpoint

    def started(self, process: SandboxProcess) -> None:
        """Takes the process that the backend has started."""
        self._process = process
        process.exited.add_done_callback(self._exited)
        for name in self.extensions.external or (RUNTIME,):
            self._processes.begin(name)
        if self.phase is not Phase.STARTING:  # the runtime was faster than the backend's answer
            process.limit_cpu()
            return
        self._times.processes_began()
        self._owner.init_began(self)
        self.look()  # the extensions may have been faster, and the runtime waits for them

    def dispatch(self, work: Work) -> None:
        """Hands an invocation over, after one more init where nothing runs since a reset."""
        self._freezing.end()
        self._meter.dispatched()
        if self.phase is Phase.READY:
            self._hand_over(work)
        else:
            self._move(Phase.STARTING_AGAIN)
            self._work = work
            self._start_again()

    def _hand_over(self, work: Work) -> None:
        self._move(Phase.RUNNING)
        self._current = work.request_id
        self._runtime_asked = False
        if self.extensions.has_any:
            self.extensions.invoke(
                work.request_id, work.deadline_ms, work.function_arn, work.trace_id
            )
        if self._cpu.dilated and self._process is not None:
            self._cpu.began(self._process, self._clock.now())
        assert self._endpoint is not None
        self._endpoint.dispatch(work)

    def _start_again(self) -> None:
        """Runs init within the invocation: under its CPU share and its timeout."""
        assert self._process is not None
        self._process.limit_cpu()
        self._times.processes_began()
        for name in self.extensions.external or (RUNTIME,):
            self._run(name)

    def _run(self, name: str) -> None:
        if self._process is not None and self._processes.begin(name):
            self._process.run(name)

    def freeze_after(self, grace: Seconds) -> None:
        """Freezes the sandbox in `grace` seconds, unless an invocation comes before."""
        self._freezing.after(grace)

    def _freeze(self) -> None:
        if self._process is not None:
            self.telemetry.pause()
            self._process.freeze()

    def _thaw(self) -> None:
        if self._process is not None:
            self._process.thaw()
            self.telemetry.resume()

    def usage(self, *, exact: bool = True) -> Usage:
        """Returns what the present or the last invocation took; see `UsageMeter.read`."""
        return Usage() if self._process is None else self._meter.read(self._process, exact=exact)

    def memory(self) -> MemoryCounters | None:
        """Returns what the kernel counts of the sandbox now; None where that is unknown."""
        return None if self._process is None else self._process.memory()

    def output_until_now(self) -> asyncio.Future[None] | None:
        """Returns what is done when the invocation's last output has come; None: it has."""
        return None if self._process is None else self._process.output_until_now()

    async def read_to_the_end(self) -> None:
        """Lets an answer be read that the runtime sent just before it ended."""
        if self._endpoint is not None:
            await self._endpoint.drained(_LAST_WORDS)

    # reset and end

    def begin_reset(self) -> bool:
        """Moves to RESETTING; returns False, and changes nothing, where the sandbox is ending."""
        return self._begin(Phase.RESETTING)

    def begin_stop(self) -> bool:
        """Moves to ENDING; returns False where an end is under way already."""
        return self._begin(Phase.ENDING)

    def _begin(self, phase: Phase) -> bool:
        if phase not in MOVES[self.phase]:
            return False
        self._freezing.cancel()
        self._move(phase)
        return True

    async def reset(self, reason: ShutdownReason) -> None:
        """Kills every process after `begin_reset`; extensions are told why, and get their time."""
        self._freezing.end()
        await self._shut_down(reason)
        if self._endpoint is not None:
            self._endpoint.reset()
        if self._process is not None:
            await self._process.reset()
        self.extensions.reset()
        self._late.forget()
        self._runtime_asked = False
        self._processes.clear()
        self._times.was_reset()
        self._meter.was_reset()
        self._work, self._current, self._error_type = None, "", ""
        self.init_error_body = b""
        if self.phase is Phase.RESETTING:  # else it was stopped meanwhile
            self._move(Phase.BARE)

    async def close(self, *, gently: bool = True) -> None:
        """Ends every process and takes away all that was made for the sandbox.

        Gently: extensions have their shutdown phase.
        """
        self.begin_stop()
        self._freezing.cancel()
        self._late.forget()
        if gently:
            self._freezing.end()
            await self._shut_down(ShutdownReason.SPINDOWN)
        if self._process is not None:
            await self._process.stop()
        if self._endpoint is not None:
            await self._endpoint.close()
        await self.telemetry.close()

    async def _shut_down(self, reason: ShutdownReason) -> None:
        if self._process is not None:
            shutdown = Shutdown(self.extensions, self.telemetry, self._process, self._processes)
            await shutdown.run(reason, self._clock, self._epoch)

    # what the runtime does (RuntimeListener)

    def connected(self) -> None:
        """Takes the runtime's first connection since its start."""
        self._times.connected()

    def asked(self) -> None:
        """Takes the runtime's request for work."""
        self._runtime_asked = True
        self.look()
        self._tell_if_busy()

    def _tell_if_busy(self) -> None:
        """Tells the owner where only an extension keeps the sandbox from its next invocation."""
        if self._runtime_asked and self.phase is Phase.ANSWERED:
            self._owner.stayed_busy(self)

    def look(self) -> None:
        """Goes on with an init or an invocation, if runtime and extensions have done their part."""
        if self.phase in BROKEN_OFF:
            return
        extensions = self.extensions
        if extensions.has_any:
            if not extensions.unregistered():
                self._run(RUNTIME)
            if extensions.awaited():
                return
        if not self._runtime_asked:
            return
        if self.phase in INITIALIZING:
            self._end_init()
        elif self.phase is Phase.ANSWERED:
            self._finish()

    def _end_init(self) -> None:
        first = self.phase is Phase.STARTING
        self._move(Phase.READY)
        self.extensions.init_over()
        process, times = self._process, self._times
        if process is not None:
            process.limit_cpu()
            if first:  # a dilated init has a quota, and is no part of an invocation
                self._meter.first_init_over(process)
        anatomy = times.of_first_start(process) if first else times.of_start_again()
        work, self._work = self._work, None
        self._owner.sandbox_ready(self, anatomy)
        if work is not None and self.phase is Phase.READY:
            self._hand_over(work)

    def _finish(self) -> None:
        self._move(Phase.READY)
        request_id, error_type = self._current, self._error_type
        self._current, self._error_type = "", ""
        self._owner.finished(self, request_id, error_type)

    def finish_early(self) -> None:
        """Ends an invocation whose runtime ended after its answer: no further `next` will come."""
        self._late.give()
        if self.phase is Phase.ANSWERED:
            self._finish()

    def init_failed(self, error_type: str, body: bytes) -> None:
        """Takes the runtime's report that its init failed."""
        if self.phase in INITIALIZING:
            self.init_error_body = body
            self._owner.init_failed(self, error_type)

    def _extension_failed(self, _name: str, error_type: str, phase: ErrorPhase) -> None:
        """Takes an extension's report; within an invocation its process ends next, which fails."""
        self.init_failed(error_type, extension_failure_body(error_type, phase))

    def responded(self, request_id: str, body: bytes) -> None:
        """Takes the runtime's answer."""
        self._answer(request_id, body, "")

    def errored(self, request_id: str, error_type: str, body: bytes) -> None:
        """Takes the runtime's report that its handler raised."""
        self._answer(request_id, body, error_type or "Unhandled")

    def _answer(self, request_id: str, body: bytes, error_type: str) -> None:
        if request_id != self._current or self.phase is not Phase.RUNNING:
            return
        if self._cpu.dilated and self._process is not None:
            lag = self._cpu.lag(self._process, self._clock.now())
            self._late.hold(lag, body, error_type)
            return
        self._give(body, error_type)

    def _give(self, body: bytes, error_type: str) -> None:
        self._move(Phase.ANSWERED)
        self._error_type = error_type
        self._owner.answered(self, self._current, body, error_type)

    def _give_late(self, body: bytes, error_type: str) -> None:
        if self.phase is Phase.RUNNING:
            self._give(body, error_type)
            self.look()
            self._tell_if_busy()

    def stream_began(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        """Takes the head of a streamed answer; `hold` stops and resumes the reading of pieces."""
        self._owner.stream_began(request_id, content_type, hold)

    def streamed(self, request_id: str, piece: bytes) -> None:
        """Takes a piece of a streamed answer."""
        self._owner.streamed(request_id, piece)

    def stream_ended(self, request_id: str, error_type: str, error_body: bytes) -> None:
        """Takes the end of a streamed answer."""
        if request_id == self._current and self.phase is Phase.RUNNING:
            self._move(Phase.ANSWERED)
            self._error_type = self._owner.stream_ended(self, request_id, error_type, error_body)

    def other(
        self,
        method: bytes,
        path: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        reply: Callable[[bytes], None],
    ) -> bool:
        """Answers a request that is not the runtime's; returns False where no API knows it."""
        return any(
            api.answer(method, path, headers, body, reply)
            for api in (self.extensions, self.telemetry)
        )

    # what the backend sees

    def process_ended(self, name: str, ended: Exit) -> None:
        """Takes the end of the runtime or of an extension."""
        self._processes.end(name)
        if self.phase not in BROKEN_OFF:
            self._owner.process_ended(self, name, ended)

    def _exited(self, exited: asyncio.Future[Exit]) -> None:
        self._processes.end_all()
        if not exited.cancelled() and self.begin_stop():
            self._owner.sandbox_exited(self, exited.result())
