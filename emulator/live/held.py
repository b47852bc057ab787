"""Requests that wait for a sandbox that has answered and is about to ask for its next one.

A caller has its answer a moment before the runtime asks for `next`. Were its next request to find
the sandbox still busy in that moment, it would start another one, which no real client of Lambda
sees, since the way there is longer.
"""

from __future__ import annotations

from collections import deque
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


class HeldCalls:
    """`go_on` is called with the version's key and the request id of each, in their order."""

    def __init__(self, clock: LoopClock, go_on: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._go_on = go_on
        self._ending: dict[int, tuple[str, float]] = {}
        """By sandbox: its version, and until when it is waited for."""
        self._held: dict[str, deque[tuple[str, float]]] = {}
        """Of each version the request ids, and until when each waits."""
        self._timers: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        """Of each version that which releases the first whose time is over."""

    def about_to_end(self, key: str, sandbox: int) -> None:
        self._ending[sandbox] = (key, self._clock.now() + _PATIENCE)

    def hold(self, key: str, request_id: str, *, another_is_idle: bool = False) -> bool:
        """Whether the request waits, with those before it: one for each such sandbox at most."""
        if not self._ending:
            return False
        now = self._clock.now()
        free = sum(of == key and until > now for of, until in self._ending.values())
        held = self._held.setdefault(key, deque())
        if len(held) >= free:
            return False
        until = now + (_PREFERENCE if another_is_idle else _PATIENCE)
        held.append((request_id, until))
        self._release_at(key, until)
        return True

    def ended(self, sandbox: int) -> None:
        """It is free, or will not be."""
        ending = self._ending.pop(sandbox, None)
        if ending is not None and (held := self._held.get(ending[0])):
            self._go_on(ending[0], held.popleft()[0])

    def _release_at(self, key: str, when: float) -> None:
        if key in self._timers:
            earlier, timer = self._timers[key]
            if earlier <= when:
                return
            timer.cancel()
        handle = self._clock.call_at(when, lambda: self._release(key))
        self._timers[key] = (when, handle)

    def _release(self, key: str) -> None:
        """Lets go of those whose time is over; under load there are always some that wait."""
        del self._timers[key]
        now, held = self._clock.now(), self._held[key]
        over = [request_id for request_id, until in held if until <= now]
        self._held[key] = deque(one for one in held if one[1] > now)
        for request_id in over:
            self._go_on(key, request_id)
        if self._held[key]:
            self._release_at(key, min(until for _, until in self._held[key]))

    def close(self) -> None:
        for _, timer in self._timers.values():
            timer.cancel()
