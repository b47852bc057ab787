"""Makes new sandboxes: the number, the lifetimes that are drawn, and the wait for the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.model import Sandbox
from emulator.core.placement import CodeCache

if TYPE_CHECKING:
    from emulator.core.host_capacity import HostCapacity
    from emulator.core.model import FunctionVersion, PoolKey, Seconds
    from emulator.core.policy import Chance, SchedulerSettings

_NEVER: Final = float("inf")


class Births:
    """Makes sandboxes whose numbers rise, and counts none of them."""

    def __init__(self, settings: SchedulerSettings, chance: Chance, room: HostCapacity) -> None:
        self._settings = settings
        self._chance = chance
        self._room = room
        self._code = CodeCache(settings.placement)
        self._last_id = 0

    def make(
        self,
        function: FunctionVersion,
        pool: PoolKey,
        invocation: str | None,
        now: Seconds,
        *,
        prewarmed: bool,
    ) -> Sandbox:
        """Makes a sandbox for an invocation; without one, `prewarmed` or else provisioned."""
        self._last_id += 1
        speedup = self._settings.idle_speedup
        keep_alive = recycle_at = _NEVER
        if invocation is not None or prewarmed:
            keep_alive = self._settings.keep_alive.draw(self._chance) / speedup
        if self._settings.recycle_age is not None:
            recycle_at = now + self._settings.recycle_age.draw(self._chance) / speedup
        return Sandbox(
            self._last_id,
            function,
            now,
            keep_alive,
            self._room.footprint(function),
            pool,
            invocation=invocation,
            recycle_at=recycle_at,
            provisioned=invocation is None and not prewarmed,
            prewarmed=prewarmed,
        )

    def fetch_code(self, sandbox: Sandbox, now: Seconds) -> Seconds:
        """Returns for how long a new sandbox waits for its code, and notes that in the sandbox."""
        sandbox.download = self._code.wait(sandbox.function, now)
        sandbox.placed = sandbox.download <= 0
        return sandbox.download
