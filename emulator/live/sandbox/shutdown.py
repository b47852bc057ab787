"""Runs a sandbox's shutdown phase: its extensions are told, and get their time.

Source: "Lambda execution environment lifecycle" of the developer guide, Shutdown phase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.live.backends.interface import RUNTIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.model import Seconds
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.clock import LoopClock
    from emulator.live.runtime_api.extensions import Extensions, ShutdownReason
    from emulator.live.runtime_api.telemetry import TelemetryApi
    from emulator.live.sandbox.processes import Processes

_LAST_TELEMETRY = 0.2
"""Seconds that buffered telemetry may take to be delivered before the shutdown."""
_INTERNAL_GRACE = 0.5
"""Seconds from SIGTERM to SIGKILL where only internal extensions have registered."""
_EXTERNAL_GRACE = 2.0
"""Seconds from SIGTERM to SIGKILL where an external extension runs."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Holds what takes part in a sandbox's shutdown."""

    extensions: Extensions
    telemetry: TelemetryApi
    process: SandboxProcess
    processes: Processes

    async def run(
        self, reason: ShutdownReason, clock: LoopClock, epoch: Callable[[Seconds], float]
    ) -> None:
        """Runs the phase: none without extensions, else bounded by their kind."""
        extensions, process = self.extensions, self.process
        if not extensions.has_any:
            return
        grace = _EXTERNAL_GRACE if extensions.external else _INTERNAL_GRACE
        if RUNTIME in self.processes.running:
            process.terminate(RUNTIME)
        await self.telemetry.flush(_LAST_TELEMETRY)
        told = extensions.shutdown(reason, int(epoch(clock.now() + grace) * 1000))
        if not process.exited.done():
            # an extension that did not register for SHUTDOWN has nothing to do before its end
            await self.processes.ended(told | {RUNTIME}, grace * clock.dilation)
