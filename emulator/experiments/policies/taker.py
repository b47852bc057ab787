"""Adds up the entries of a simulated trace as they come; compiled, as every event meets this.

Forgets a call when it is over.
"""

from __future__ import annotations

from collections import Counter
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
        self._keys: dict[int, str] = {}
        """Version of each living sandbox."""
        self._provisioned: set[int] = set()
        self._began: dict[int, Seconds] = {}
        """Times at which living sandboxes were started; below, since when they are idle or run."""
        self._idle: dict[int, Seconds] = {}
        self._runs: dict[int, tuple[Seconds, bool]] = {}
        """Time of the dispatch, and whether it was cold."""
        self._waiting: dict[str, Seconds] = {}
        self._billed: dict[tuple[int, bool], tuple[int, int]] = {}
        """Calls and milliseconds, by size and whether on provisioned concurrency."""

    def take(self, entry: Entry) -> None:
        """Counts an entry."""
        event, now = entry.event, entry.at
        self._entries += 1
        if type(event) is InvocationFinished:
            self._finished(event.sandbox, now)
            if self._told:
                self._told.pop(event.invocation, None)
        elif type(event) is InvokeRequested:
            self._calls[event.key] = self._calls.get(event.key, 0) + 1
            self._waiting[event.invocation] = now
        elif type(event) is SandboxGone:
            self._gone(event.sandbox, now)
        for command in entry.commands:
            if type(command) is Dispatch:
                cold = command.start is _COLD
                self._dispatched(command.sandbox, command.invocation, cold, now)
            elif type(command) is FreezeSandbox:
                self._idle[command.sandbox] = now
            else:
                self._take_rare(command, event, now)

    def _take_rare(self, command: Command, event: Event, now: Seconds) -> None:
        match command:
            case StartSandbox(sandbox, key, invocation, prewarmed):
                self._began[sandbox] = now
                self._keys[sandbox] = key
                if invocation is None and not prewarmed:
                    self._provisioned.add(sandbox)
            case StopSandbox(sandbox, _):
                self._rested(sandbox, now)
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
        return bool(self._waiting or self._runs)

    def close(self, end: Seconds) -> Tally:
        """Returns the tally, counted until a time."""
        for sandbox in list(self._idle):
            self._rested(sandbox, end)
        for sandbox in list(self._began):
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
        for (size, provisioned), (calls, billed) in self._billed.items():
            time = dollars(self._prices, size, billed, provisioned=provisioned)
            total += time + (calls - 1) * self._prices.request
        return total

    def _dispatched(self, sandbox: int, invocation: str, cold: bool, now: Seconds) -> None:
        if sandbox in self._idle:
            self._rested(sandbox, now)
        self._runs[sandbox] = now, cold
        self._waited += now - self._waiting.pop(invocation)
        if cold:
            key = self._keys[sandbox]
            self._colds[key] = self._colds.get(key, 0) + 1

    def _finished(self, sandbox: int, now: Seconds) -> None:
        began, cold = self._runs.pop(sandbox)
        self._ran += now - began
        billed = billed_ms(self._prices, now - began, self._cold_start if cold else 0.0)
        kind = self._sizes[self._keys[sandbox]], sandbox in self._provisioned
        calls, before = self._billed.get(kind, (0, 0))
        self._billed[kind] = calls + 1, before + billed

    def _rested(self, sandbox: int, now: Seconds) -> None:
        since = self._idle.pop(sandbox, now)
        self._wasted_mb_s += (now - since) * self._sizes[self._keys[sandbox]]

    def _gone(self, sandbox: int, now: Seconds) -> None:
        since = self._began.pop(sandbox, None)
        if since is None:
            return
        size = self._sizes[self._keys.pop(sandbox)]
        if sandbox in self._provisioned:
            self._provisioned.discard(sandbox)
            self._provisioned_mb_s += (now - since) * size
        while since < now:
            minute = int(since // MINUTE)
            until = min(now, (minute + 1) * MINUTE)
            seconds, mb_s = self._minutes.get(minute, (0.0, 0.0))
            passed = until - since
            self._minutes[minute] = seconds + passed, mb_s + passed * size
            since = until
