"""Requests that wait for a sandbox that has answered and is about to ask for its next one.

A caller has its answer a moment before the runtime asks for `next`. Were its next request to find
the sandbox still busy in that moment, it would start another one, which no real client of Lambda
sees, since the way there is longer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.live.clock import LoopClock

_PATIENCE = 0.2
"""Seconds; a runtime asks within a tenth of a millisecond, but one whose CPU quota is used up
comes to it some periods of 20 ms later. One that takes longer is busy with something else."""
_PREFERENCE = 0.005
"""Seconds that a request waits for such a sandbox where another is idle. Under load those that
have just run are the warm ones, in the caches and not frozen."""


@dataclass(slots=True)
class _Held:
    request_id: str
    until: float
    """When it is looked at."""
    latest: float
    """Until when it waits where no other sandbox is idle."""


class HeldCalls:
    """`go_on` is called with the version's key and the request id of each, in their order.

    `has_idle` tells whether a version has an idle sandbox.
    """

    def __init__(
        self,
        clock: LoopClock,
        go_on: Callable[[str, str], None],
        has_idle: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._go_on = go_on
        self._has_idle = has_idle
        self._ending: dict[int, tuple[str, float]] = {}
        """By sandbox: its version, and until when it is waited for."""
        self._held: dict[str, deque[_Held]] = {}
        """By version."""
        self._timers: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        """Of each version that which looks at the first whose time has come."""

    def about_to_end(self, key: str, sandbox: int) -> None:
        self._ending[sandbox] = (key, self._clock.now() + _PATIENCE)

    def hold(self, key: str, request_id: str) -> bool:
        """Whether the request waits, with those before it: one for each such sandbox at most."""
        if not self._ending:
            return False
        now = self._clock.now()
        free = sum(of == key and until > now for of, until in self._ending.values())
        held = self._held.setdefault(key, deque())
        if len(held) >= free:
            return False
        until = now + (_PREFERENCE if self._has_idle(key) else _PATIENCE)
        held.append(_Held(request_id, until, now + _PATIENCE))
        self._look_at(key, until)
        return True

    def ended(self, sandbox: int) -> None:
        """It is free, or will not be."""
        ending = self._ending.pop(sandbox, None)
        if ending is not None and (held := self._held.get(ending[0])):
            self._go_on(ending[0], held.popleft().request_id)

    def _look_at(self, key: str, when: float) -> None:
        if key in self._timers:
            earlier, timer = self._timers[key]
            if earlier <= when:
                return
            timer.cancel()
        handle = self._clock.call_at(when, lambda: self._look(key))
        self._timers[key] = (when, handle)

    def _look(self, key: str) -> None:
        """Lets go of those whose time is over; under load there are always some that wait."""
        del self._timers[key]
        now, held = self._clock.now(), self._held[key]
        for one in [one for one in held if one.until <= now]:
            if one.latest <= now or self._has_idle(key):
                held.remove(one)
                self._go_on(key, one.request_id)
            else:  # somebody else took it
                one.until = one.latest
        if held:
            self._look_at(key, min(one.until for one in held))

    def close(self) -> None:
        for _, timer in self._timers.values():
            timer.cancel()
