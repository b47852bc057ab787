"""Runs the inits of a live sandbox: the first, and one within an invocation after each reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.live.backends.interface import RUNTIME
from emulator.live.sandbox.lifecycle import Phase
from emulator.live.sandbox.start_times import StartTimes

if TYPE_CHECKING:
    from emulator.core.messages.measurements import Anatomy
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.clock import LoopClock
    from emulator.live.sandbox.lifecycle import Lifecycle
    from emulator.live.sandbox.parts import SandboxParts
    from emulator.live.sandbox.usage import UsageMeter


class Initialization:
    """Starts a sandbox's processes, limits their CPU when an init is over, and takes the times."""

    def __init__(
        self, life: Lifecycle, parts: SandboxParts, meter: UsageMeter, clock: LoopClock
    ) -> None:
        self._life = life
        self._parts = parts
        self._meter = meter
        self.times = StartTimes(clock)

    def begin(self, process: SandboxProcess) -> bool:
        """Begins the first init; returns False where the runtime was faster than the backend."""
        for name in self._begin_with():
            self._parts.processes.begin(name)
        if self._life.phase is not Phase.STARTING:
            process.limit_cpu()
            return False
        self.times.processes_began()
        return True

    def begin_again(self) -> None:
        """Begins an init within an invocation: under its CPU share and its timeout."""
        assert self._parts.process is not None
        self._parts.process.limit_cpu()
        self.times.processes_began()
        for name in self._begin_with():
            self.run(name)

    def _begin_with(self) -> tuple[str, ...]:
        """Returns the processes that run first: the runtime waits for external extensions."""
        return self._parts.extensions.external or (RUNTIME,)

    def run(self, name: str) -> None:
        """Starts a process, unless it was started since the last reset."""
        process = self._parts.process
        if process is not None and self._parts.processes.begin(name):
            process.run(name)

    def end(self) -> Anatomy:
        """Ends the init that is under way, and returns where its time went."""
        first = self._life.phase is Phase.STARTING
        self._life.move(Phase.READY)
        self._parts.extensions.init_over()
        process = self._parts.process
        if process is not None:
            process.limit_cpu()
            if first:  # a dilated init has a quota, and is no part of an invocation
                self._meter.first_init_over(process)
        return self.times.of_first_start(process) if first else self.times.of_start_again()
