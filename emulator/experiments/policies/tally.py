"""Adds up the entries of a simulated trace as they come; what is kept does not grow with the calls.

Kept are sums, and a row for each function and each minute. Sums of tallies of parts of a trace are
the whole's: a slowdown's quantiles would need every call, and are `compare-policies`' to tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.billing import billed_ms, dollars
from emulator.core.messages import (
    Dispatch,
    FreezeSandbox,
    InvocationFinished,
    InvokeRequested,
    SandboxGone,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.model import StartKind
from emulator.experiments.policies.trace_run import PolicyRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.journal import Entry
    from emulator.core.model import Seconds
    from emulator.core.prices import Prices

MINUTE = 60.0


@dataclass(slots=True)
class Tally:
    """Holds the sums of one policy on a trace, or on a part of it."""

    calls: Counter[str] = field(default_factory=Counter)
    """By function; so are the next two."""
    cold: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    waited: Seconds = 0.0
    """Sum of the calls' times from the request until the handler began."""
    ran: Seconds = 0.0
    """Sum of the calls' times in the handler."""
    wasted_mb_s: float = 0.0
    provisioned_mb_s: float = 0.0
    dollars: float = 0.0
    entries: int = 0
    sandboxes: dict[int, Seconds] = field(default_factory=lambda: defaultdict(float))
    """Seconds of all sandboxes in each minute; so are the MB of them."""
    memory: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    end: Seconds = 0.0

    def add(self, other: Tally) -> None:
        """Adds another part of the same trace."""
        self.calls.update(other.calls)
        self.cold.update(other.cold)
        self.throttled.update(other.throttled)
        self.waited += other.waited
        self.ran += other.ran
        self.wasted_mb_s += other.wasted_mb_s
        self.provisioned_mb_s += other.provisioned_mb_s
        self.dollars += other.dollars
        self.entries += other.entries
        for minute, seconds in other.sandboxes.items():
            self.sandboxes[minute] += seconds
            self.memory[minute] += other.memory[minute]
        self.end = max(self.end, other.end)

    def run(self, policy: str) -> PolicyRun:
        """Returns what a comparison of policies shows, without slowdowns; minutes are means."""
        return PolicyRun(
            policy,
            calls=self.calls,
            cold=self.cold,
            throttled=self.throttled.total(),
            wasted_mb_s=self.wasted_mb_s,
            provisioned_mb_s=self.provisioned_mb_s,
            dollars=self.dollars,
            series=[
                (minute * MINUTE, seconds / MINUTE, self.memory[minute] / MINUTE)
                for minute, seconds in sorted(self.sandboxes.items())
            ],
        )


@dataclass(slots=True)
class Taker:
    """Takes the entries of one simulation into a tally."""

    sizes: Mapping[str, int]
    """Memory of each function, MB, by the key of its version."""
    names: Mapping[str, str]
    """Function by the key of its version."""
    prices: Prices
    cold_start: Seconds
    tally: Tally = field(default_factory=Tally)
    _sandbox_keys: dict[int, str] = field(default_factory=dict)
    _provisioned: set[int] = field(default_factory=set)
    _began: dict[int, Seconds] = field(default_factory=dict)
    """Times at which living sandboxes were started; below, since when they are idle or run."""
    _idle: dict[int, Seconds] = field(default_factory=dict)
    _runs: dict[int, tuple[Seconds, bool]] = field(default_factory=dict)
    """Time of the dispatch, and whether it was cold."""
    _waiting: dict[str, Seconds] = field(default_factory=dict)
    _billed: dict[tuple[int, bool], tuple[int, int]] = field(default_factory=dict)
    """Calls and milliseconds, by size and whether on provisioned concurrency."""

    def take(self, entry: Entry) -> None:
        """Counts an entry."""
        event, now = entry.event, entry.at
        self.tally.entries += 1
        if isinstance(event, InvocationFinished):
            self._finished(event.sandbox, now)
        elif isinstance(event, InvokeRequested):
            self.tally.calls[self.names[event.key]] += 1
            self._waiting[event.invocation] = now
        elif isinstance(event, SandboxGone):
            self._gone(event.sandbox, now)
        for command in entry.commands:
            match command:
                case Dispatch(sandbox, invocation, start):
                    self._dispatched(sandbox, invocation, start is StartKind.COLD, now)
                case FreezeSandbox(sandbox):
                    self._idle[sandbox] = now
                case StartSandbox(sandbox, key, invocation, prewarmed):
                    self._began[sandbox] = now
                    self._sandbox_keys[sandbox] = key
                    if invocation is None and not prewarmed:
                        self._provisioned.add(sandbox)
                case StopSandbox(sandbox, _):
                    self._rested(sandbox, now)
                case Throttle(invocation, _):
                    del self._waiting[invocation]
                    assert isinstance(event, InvokeRequested), "only a request is throttled here"
                    self.tally.throttled[self.names[event.key]] += 1
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
        held = self.prices.x86_64.provisioned_held or 0.0
        self.tally.dollars += self.tally.provisioned_mb_s / 1024 * held
        for (size, provisioned), (calls, billed) in self._billed.items():
            time = dollars(self.prices, size, billed, provisioned=provisioned)
            self.tally.dollars += time + (calls - 1) * self.prices.request
        self.tally.end = end
        return self.tally

    def _dispatched(self, sandbox: int, invocation: str, cold: bool, now: Seconds) -> None:
        if sandbox in self._idle:
            self._rested(sandbox, now)
        self._runs[sandbox] = now, cold
        self.tally.waited += now - self._waiting.pop(invocation)
        if cold:
            self.tally.cold[self.names[self._sandbox_keys[sandbox]]] += 1

    def _finished(self, sandbox: int, now: Seconds) -> None:
        began, cold = self._runs.pop(sandbox)
        self.tally.ran += now - began
        billed = billed_ms(self.prices, now - began, self.cold_start if cold else 0.0)
        kind = self.sizes[self._sandbox_keys[sandbox]], sandbox in self._provisioned
        calls, before = self._billed.get(kind, (0, 0))
        self._billed[kind] = calls + 1, before + billed

    def _rested(self, sandbox: int, now: Seconds) -> None:
        since = self._idle.pop(sandbox, now)
        self.tally.wasted_mb_s += (now - since) * self.sizes[self._sandbox_keys[sandbox]]

    def _gone(self, sandbox: int, now: Seconds) -> None:
        since = self._began.pop(sandbox, None)
        if since is None:
            return
        size = self.sizes[self._sandbox_keys.pop(sandbox)]
        if sandbox in self._provisioned:
            self._provisioned.discard(sandbox)
            self.tally.provisioned_mb_s += (now - since) * size
        while since < now:
            minute = int(since // MINUTE)
            until = min(now, (minute + 1) * MINUTE)
            self.tally.sandboxes[minute] += until - since
            self.tally.memory[minute] += (until - since) * size
            since = until
