"""Adds up the entries of a simulated trace as they come; compiled, as every event meets this.

Forgets a call when it is over.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.core.billing import billed_ms, dollars
from emulator.core.messages.commands import (
    Dispatch,
    FreezeSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import InvocationFinished, InvokeRequested, SandboxGone
from emulator.core.model import StartKind
from emulator.experiments.policies.tally import MINUTE, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.journal import Entry
    from emulator.core.messages.commands import Command
    from emulator.core.messages.events import Event
    from emulator.core.model import Seconds
    from emulator.core.prices import Prices

_COLD: Final = StartKind.COLD


@dataclass(slots=True)
class _Billed:
    """Counts calls of one size that are over, on demand or on provisioned concurrency."""

    calls: int = 0
    ms: int = 0


@dataclass(slots=True)
class _Living:
    """Holds one sandbox that is not gone."""

    key: str
    size: int
    """Memory, MB."""
    provisioned: bool
    began: Seconds
    billed: _Billed
    since: Seconds
    """Time since when the sandbox is idle, or its call runs."""
    idle: bool = False
    cold: bool = False
    """Whether the call that runs is a cold start."""


class Taker:
    """Takes the entries of one simulation into a tally."""

    def __init__(
        self,
        sizes: Mapping[str, int],
        names: Mapping[str, str],
        told: dict[str, Seconds],
        prices: Prices,
        cold_start: Seconds,
    ) -> None:
        """Takes what is known beforehand.

        Args:
            sizes: memory of each function, MB, by the key of its version.
            names: function by the key of its version.
            told: durations of calls, by id; those of calls that are over are taken out.
            prices: of the calls and of what is held ready.
            cold_start: seconds of init that a cold start is billed with.
        """
        self._sizes = sizes
        self._names = names
        self._told = told
        self._prices = prices
        self._cold_start = cold_start
        self._calls: dict[str, int] = {}
        """By the key of the version; so are the next two."""
        self._colds: dict[str, int] = {}
        self._throttled: dict[str, int] = {}
        self._entries = 0
        self._waited = self._ran = self._wasted_mb_s = self._provisioned_mb_s = 0.0
        self._minutes: dict[int, tuple[Seconds, float]] = {}
        """Seconds and MB seconds of all sandboxes, by the minute."""
        self._living: dict[int, _Living] = {}
        self._running = 0
        """Number of the calls that run."""
        self._waiting: dict[str, Seconds] = {}
        self._billed: dict[tuple[int, bool], _Billed] = {}
        """By size, and whether on provisioned concurrency."""

    def take(self, entry: Entry) -> None:
        """Counts an entry."""
        event, now = entry.event, entry.at
        self._entries += 1
        if type(event) is InvocationFinished:
            self._finished(self._living[event.sandbox], now)
            if self._told:
                self._told.pop(event.invocation, None)
        elif type(event) is InvokeRequested:
            key = event.key
            self._calls[key] = self._calls.get(key, 0) + 1
            self._waiting[event.invocation] = now
        elif type(event) is SandboxGone:
            self._gone(event.sandbox, now)
        for command in entry.commands:
            if type(command) is Dispatch:
                cold = command.start is _COLD
                self._dispatched(self._living[command.sandbox], command.invocation, cold, now)
            elif type(command) is FreezeSandbox:
                living = self._living[command.sandbox]
                living.idle, living.since = True, now
            else:
                self._take_rare(command, event, now)

    def _take_rare(self, command: Command, event: Event, now: Seconds) -> None:
        match command:
            case StartSandbox(sandbox, key, invocation, prewarmed):
                self._started(sandbox, key, invocation is None and not prewarmed, now)
            case StopSandbox(sandbox, _):
                self._rested(self._living[sandbox], now)
            case Throttle(invocation, _):
                del self._waiting[invocation]
                assert isinstance(event, InvokeRequested), "only a request is throttled here"
                self._throttled[event.key] = self._throttled.get(event.key, 0) + 1
                self._told.pop(invocation, None)
            case _:
                pass

    @property
    def under_way(self) -> bool:
        """Returns whether a call waits or runs."""
        return bool(self._waiting) or self._running > 0

    def close(self, end: Seconds) -> Tally:
        """Returns the tally, counted until a time."""
        for living in self._living.values():
            self._rested(living, end)
        for sandbox in list(self._living):
            self._gone(sandbox, end)
        return Tally(
            Counter({self._names[key]: count for key, count in self._calls.items()}),
            Counter({self._names[key]: count for key, count in self._colds.items()}),
            Counter({self._names[key]: count for key, count in self._throttled.items()}),
            waited=self._waited,
            ran=self._ran,
            wasted_mb_s=self._wasted_mb_s,
            provisioned_mb_s=self._provisioned_mb_s,
            dollars=self._dollars(),
            entries=self._entries,
            sandboxes={minute: seconds for minute, (seconds, _) in self._minutes.items()},
            memory={minute: mb_s for minute, (_, mb_s) in self._minutes.items()},
            end=end,
        )

    def _dollars(self) -> float:
        held = self._prices.x86_64.provisioned_held or 0.0
        total = self._provisioned_mb_s / 1024 * held
        for (size, provisioned), billed in self._billed.items():
            time = dollars(self._prices, size, billed.ms, provisioned=provisioned)
            total += time + (billed.calls - 1) * self._prices.request
        return total

    def _started(self, sandbox: int, key: str, provisioned: bool, now: Seconds) -> None:
        size = self._sizes[key]
        billed = self._billed.get((size, provisioned))
        if billed is None:
            billed = self._billed[size, provisioned] = _Billed()
        self._living[sandbox] = _Living(key, size, provisioned, now, billed, now)

    def _dispatched(self, living: _Living, invocation: str, cold: bool, now: Seconds) -> None:
        self._rested(living, now)
        self._running += 1
        living.since, living.cold = now, cold
        self._waited += now - self._waiting.pop(invocation)
        if cold:
            self._colds[living.key] = self._colds.get(living.key, 0) + 1

    def _finished(self, living: _Living, now: Seconds) -> None:
        ran, init = now - living.since, self._cold_start if living.cold else 0.0
        self._running -= 1
        self._ran += ran
        living.billed.calls += 1
        living.billed.ms += billed_ms(self._prices, ran, init)

    def _rested(self, living: _Living, now: Seconds) -> None:
        if living.idle:
            living.idle = False
            self._wasted_mb_s += (now - living.since) * living.size

    def _gone(self, sandbox: int, now: Seconds) -> None:
        living = self._living.pop(sandbox)
        size, since = living.size, living.began
        if living.provisioned:
            self._provisioned_mb_s += (now - since) * size
        while since < now:
            minute = int(since // MINUTE)
            until = min(now, (minute + 1) * MINUTE)
            seconds, mb_s = self._minutes.get(minute, (0.0, 0.0))
            passed = until - since
            self._minutes[minute] = seconds + passed, mb_s + passed * size
            since = until
