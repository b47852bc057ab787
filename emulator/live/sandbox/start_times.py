"""Takes the times of a sandbox's start, and works out the anatomy of a cold start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.messages.measurements import Anatomy

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.clock import LoopClock


class StartTimes:
    """Takes times as a start goes on; all of them on the engine's clock."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._created_at = clock.now()
        self._began_at: Seconds | None = None
        self._connected_at: Seconds = 0.0

    def processes_began(self) -> None:
        """Takes the time at which the backend has started the first process, or starts it again."""
        self._began_at = self._clock.now()

    def connected(self) -> None:
        """Takes the time of the runtime's first connection."""
        self._connected_at = self._clock.now()

    def was_reset(self) -> None:
        """Forgets when the processes began that are killed now."""
        self._began_at = None

    def of_first_start(self, process: SandboxProcess | None) -> Anatomy:
        """Returns where the time went from the decision to start the sandbox to now."""
        init = self._clock.now() - self._connected_at
        if process is None or self._began_at is None:
            # the runtime was here before the backend said that it had started the sandbox
            return Anatomy(start=self._connected_at - self._created_at, init=init)
        dilation = self._clock.dilation  # the backend's seconds are the machine's
        create, start = process.create / dilation, process.start / dilation
        connect = max(0.0, self._connected_at - self._began_at)
        other = max(0.0, self._began_at - self._created_at - create - start)
        return Anatomy(create, start, connect, init, other)

    def of_start_again(self) -> Anatomy:
        """Returns where the time of an init within an invocation went."""
        began = self._connected_at if self._began_at is None else self._began_at
        connect = max(0.0, self._connected_at - began)
        return Anatomy(connect=connect, init=self._clock.now() - self._connected_at)
