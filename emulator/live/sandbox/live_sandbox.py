"""Holds one sandbox for the engine: its parts, its phases, and its end.

A live sandbox turns what the runtime (`runtime`), the extensions and the backend do into calls of
its owner, and knows nothing of the scheduler.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from emulator.live.invocation import RestoreFailure
from emulator.live.runtime_api.extensions import Extensions, FunctionIdentity, ShutdownReason
from emulator.live.runtime_api.telemetry import TelemetryApi
from emulator.live.sandbox.freezing import Freezing
from emulator.live.sandbox.initialization import Initialization
from emulator.live.sandbox.lifecycle import BROKEN_OFF, Lifecycle, Phase
from emulator.live.sandbox.parts import SandboxParts
from emulator.live.sandbox.runtime import SandboxRuntime
from emulator.live.sandbox.shutdown import Shutdown
from emulator.live.sandbox.usage import UsageMeter

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Seconds
    from emulator.live.backends.interface import Exit, SandboxProcess
    from emulator.live.clock import LoopClock
    from emulator.live.runtime_api.interface import RuntimeEndpoint, Work
    from emulator.live.sandbox.dilation import SandboxCpu
    from emulator.live.sandbox.owner import SandboxOwner

_LAST_WORDS = 0.1
"""Seconds that an ended runtime's connections may take to be read to their end."""


class LiveSandbox:
    """Does with one sandbox what the engine asks for.

    The life of a sandbox is `start_with`, `started`, then `dispatch` and `freeze_after` in turn,
    `reset` where something failed, and `close`.
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
        self.configuration = configuration
        self.package = package
        self.snapshot = snapshot
        """The snapshot that the sandbox comes of; empty: it runs its init."""
        self.timed_out = False
        """Whether the last reset was for a timeout."""
        self._owner = owner
        self._clock = clock
        self._epoch = epoch
        self.life = Lifecycle(sandbox)
        self.parts = SandboxParts()
        self.meter = UsageMeter(clock, cpu.quota_lasts, self.parts)
        self._initialization = Initialization(self.life, self.parts, self.meter, clock)
        self.runtime = SandboxRuntime(self, self._initialization, owner=owner, clock=clock, cpu=cpu)
        self.parts.extensions = self._extensions(external_extensions)
        self.parts.telemetry = self._telemetry()
        self._freezing = Freezing(clock, self._freeze, self._thaw)

    def _extensions(self, external: tuple[str, ...]) -> Extensions:
        function, runtime = self.configuration, self.runtime
        identity = FunctionIdentity(
            function.name, function.version, function.handler, function.scope.account
        )
        return Extensions(
            identity, external, lambda: str(uuid.uuid4()), runtime.look, runtime.extension_failed
        )

    def _telemetry(self) -> TelemetryApi:
        parts = self.parts
        return TelemetryApi(
            parts.extensions,
            lambda: parts.endpoint.peer if parts.endpoint is not None else "",
            lambda: self._epoch(self._clock.now()),
            lambda event: self._owner.subscribed(self, event),
        )

    @property
    def restore_failure(self) -> RestoreFailure | None:
        """Failure of the restore that callers waited for; None where init was to run."""
        if not self.snapshot or self.parts.process is None:
            return None
        return RestoreFailure.TIMEOUT if self.timed_out else RestoreFailure.ERROR

    def start_with(self, endpoint: RuntimeEndpoint) -> None:
        """Takes the endpoint that the sandbox's runtime will dial."""
        self.parts.endpoint = endpoint

    def started(self, process: SandboxProcess) -> None:
        """Takes the process that the backend has started."""
        self.parts.process = process
        process.exited.add_done_callback(self._exited)
        if self._initialization.begin(process):
            self._owner.init_began(self)
            # the extensions may have been faster, and the runtime waits for them
            self.runtime.look()

    def dispatch(self, work: Work) -> None:
        """Hands an invocation over, after one more init where nothing runs since a reset."""
        self._freezing.end()
        self.meter.dispatched()
        if self.life.phase is Phase.READY:
            self.runtime.hand_over(work)
        else:
            self.runtime.start_again(work)

    def freeze_after(self, grace: Seconds) -> None:
        """Freezes the sandbox in `grace` seconds, unless an invocation comes before."""
        self._freezing.after(grace)

    def _freeze(self) -> None:
        if self.parts.process is not None:
            self.parts.telemetry.pause()
            self.parts.process.freeze()

    def _thaw(self) -> None:
        if self.parts.process is not None:
            self.parts.process.thaw()
            self.parts.telemetry.resume()

    def output_until_now(self) -> asyncio.Future[None] | None:
        """Returns what is done when the invocation's last output has come; None: it has."""
        return None if self.parts.process is None else self.parts.process.output_until_now()

    async def read_to_the_end(self) -> None:
        """Lets an answer be read that the runtime sent just before it ended."""
        if self.parts.endpoint is not None:
            await self.parts.endpoint.drained(_LAST_WORDS)

    # reset and end

    def begin_reset(self) -> bool:
        """Moves to RESETTING; returns False, and changes nothing, where the sandbox is ending."""
        return self._begin(Phase.RESETTING)

    def begin_stop(self) -> bool:
        """Moves to ENDING; returns False where an end is under way already."""
        return self._begin(Phase.ENDING)

    def _begin(self, phase: Phase) -> bool:
        if not self.life.may_move(phase):
            return False
        self._freezing.cancel()
        self.life.move(phase)
        return True

    async def reset(self, reason: ShutdownReason) -> None:
        """Kills every process after `begin_reset`; extensions are told why, and get their time."""
        parts = self.parts
        self._freezing.end()
        await self._shut_down(reason)
        if parts.endpoint is not None:
            parts.endpoint.reset()
        if parts.process is not None:
            await parts.process.reset()
        error = self.runtime.init_error_body
        self._forget_what_ran()
        if self.life.phase is Phase.RESETTING:
            self.life.move(Phase.BARE)
        else:  # it ended meanwhile, and its caller may still have to be told
            self.runtime.init_error_body = error

    def _forget_what_ran(self) -> None:
        self.parts.extensions.reset()
        self.runtime.was_reset()
        self.parts.processes.clear()
        self._initialization.times.was_reset()
        self.meter.was_reset()

    async def close(self, *, gently: bool = True) -> None:
        """Ends every process and takes away all that was made for the sandbox.

        Gently: extensions have their shutdown phase.
        """
        parts = self.parts
        self.begin_stop()
        self._freezing.cancel()
        self.runtime.late.forget()
        if gently:
            self._freezing.end()
            await self._shut_down(ShutdownReason.SPINDOWN)
        if parts.process is not None:
            await parts.process.stop()
        if parts.endpoint is not None:
            await parts.endpoint.close()
        await parts.telemetry.close()

    async def _shut_down(self, reason: ShutdownReason) -> None:
        parts = self.parts
        if parts.process is not None:
            shutdown = Shutdown(parts.extensions, parts.telemetry, parts.process, parts.processes)
            await shutdown.run(reason, self._clock, self._epoch)

    # what the backend sees

    def process_ended(self, name: str, ended: Exit) -> None:
        """Takes the end of the runtime or of an extension."""
        self.parts.processes.end(name)
        if self.life.phase not in BROKEN_OFF:
            self._owner.process_ended(self, name, ended)

    def _exited(self, exited: asyncio.Future[Exit]) -> None:
        self.parts.processes.end_all()
        if not exited.cancelled() and self.begin_stop():
            self._owner.sandbox_exited(self, exited.result())
