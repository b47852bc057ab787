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


class HeldCalls:
    """`go_on` is called with the version's key and the request id of each, in their order."""

    def __init__(self, clock: LoopClock, go_on: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._go_on = go_on
        self._ending: dict[int, tuple[str, float]] = {}
        """By sandbox: its version, and until when it is waited for."""
        self._held: dict[str, deque[str]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

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
        held.append(request_id)
        if key not in self._timers:
            self._timers[key] = self._clock.call_later(_PATIENCE, lambda: self._release(key))
        return True

    def ended(self, sandbox: int) -> None:
        """It is free, or will not be."""
        ending = self._ending.pop(sandbox, None)
        if ending is None or not (held := self._held.get(ending[0])):
            return
        request_id = held.popleft()
        if not held and (timer := self._timers.pop(ending[0], None)) is not None:
            timer.cancel()
        self._go_on(ending[0], request_id)

    def _release(self, key: str) -> None:
        self._timers.pop(key, None)
        held = self._held.get(key, ())
        while held:
            self._go_on(key, held.popleft())

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
