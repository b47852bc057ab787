"""Sends requests as clients do: at set times, or each after the answer to the one before.

    users     a client asks, waits for the answer, pauses, and asks again (a closed loop)
    singles   one client, whose gaps count from the end of an answer
    arrivals  requests that wait for nothing (an open loop), drawn as they are read
    pings     requests beside another load, as long as that lasts

Owns when each request is sent and when its answer is there. What lies between a client and the
gateway is the caller's: seconds on top of each answer. Knows neither HTTP nor records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from emulator.core.messages import (
    Dispatch,
    Fail,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    Throttle,
    VersionDeployed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from emulator.core.journal import Entry
    from emulator.core.model import FunctionVersion, Seconds
    from emulator.sim.engine import Simulation
    from emulator.sim.workload import Stimulus

PING_USERS = 0
"""Number of users that a ping tells."""


@dataclass(frozen=True, slots=True)
class Request:
    """Holds one request that a client sends."""

    at: Seconds
    users: int
    """Number of clients that are there when the request is sent, 0 for a ping."""
    place: int = 0
    """The client's own mark: what its next request follows from."""


class Clients(Protocol):
    """Says which requests come, and which one follows an answer."""

    def begin(self) -> Iterable[Request]:
        """Yields, in time order, the requests that wait for no answer."""
        ...

    def answered(self, request: Request, at: Seconds) -> Request | None:
        """Returns the request that follows an answer; None where none does."""
        ...


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Sends requests at times that rise, answered or not."""

    times: Iterable[Seconds]

    def begin(self) -> Iterator[Request]:
        return (Request(at, 1) for at in self.times)

    def answered(self, request: Request, at: Seconds) -> None:  # noqa: ARG002  # waits for nothing
        return None


@dataclass(frozen=True, slots=True)
class Singles:
    """Sends one request after the other; each gap lasts from an answer to the next request."""

    gaps: tuple[Seconds, ...]
    first: Seconds = 0.0
    """When the first gap begins."""

    def begin(self) -> Iterator[Request]:
        yield Request(self.first + self.gaps[0], 1)

    def answered(self, request: Request, at: Seconds) -> Request | None:
        place = request.place + 1
        return Request(at + self.gaps[place], 1, place) if place < len(self.gaps) else None


@dataclass(frozen=True, slots=True)
class Users:
    """Lets numbers of users come and go in steps; each user asks, waits, pauses and asks again.

    All users of a step come at once. Where a step has fewer users, those who came last leave, each
    after its present answer.
    """

    steps: tuple[int, ...]
    """Number of users in each step."""
    step_s: Seconds
    pause: Seconds
    first: Seconds = 0.0
    """When the first step begins."""

    def begin(self) -> Iterator[Request]:
        for number, (before, users) in enumerate(pairwise((0, *self.steps))):
            for place in range(before, users):
                yield Request(self.first + number * self.step_s, users, place)

    def answered(self, request: Request, at: Seconds) -> Request | None:
        after = at + self.pause
        left = self._step(request.at), self._step(after)
        if left[1] >= len(self.steps) or min(self.steps[left[0] : left[1] + 1]) <= request.place:
            return None
        return Request(after, self.steps[left[1]], request.place)

    def _step(self, at: Seconds) -> int:
        return int((at - self.first) / self.step_s)


@dataclass(slots=True)
class Exchange:
    """Runs a simulation whose requests come from clients, until no client asks any more."""

    simulation: Simulation
    function: FunctionVersion
    clients: Clients
    overhead: Callable[[str], Seconds]
    """Returns the seconds that an answer to an invocation takes on top of the emulator's own."""
    answer: Callable[[str, Request, Seconds], None]
    """Is told of each answer: invocation, request, and when the client has the answer."""
    ping_every: Seconds = 0.0
    """Seconds between two pings, the first after one period; 0: no pings."""
    ping_parallel: int = 1
    begins: Seconds = 0.0
    """When the load begins, and with it the first period of pings."""
    _open: dict[str, Request] = field(default_factory=dict)
    """Requests that are sent or planned and have no answer, by the invocation."""
    _sent: int = 0
    _loads: int = 0
    """Number of the load's requests that are planned or have no answer."""
    _pings: dict[str, int] = field(default_factory=dict)
    """Numbers of the planned pings in the simulation, and of those without an answer."""
    _ping_due: Seconds = 0.0
    _running: set[str] = field(default_factory=set)
    """Invocations that a sandbox has, answered or not."""

    def run(self) -> Iterator[Entry]:
        """Yields the journal's entries, until all is answered and every sandbox is free again."""
        self._ping_due = self.begins
        if self.ping_every:
            self._ping(self.begins)
        for entry in self.simulation.run(self._stimuli()):
            self._take(entry)
            yield entry
            if not self._loads and not self._open and not self._running:
                return

    def _take(self, entry: Entry) -> None:
        for command in entry.commands:
            if isinstance(command, Dispatch):
                self._running.add(command.invocation)
            elif isinstance(command, Throttle | Fail):
                self._running.discard(command.invocation)
                self._answered(command.invocation, entry.at)
        if isinstance(entry.event, InvocationAnswered | InvocationFinished):
            if isinstance(entry.event, InvocationFinished):
                self._running.discard(entry.event.invocation)
            self._answered(entry.event.invocation, entry.at)

    def _stimuli(self) -> Iterator[Stimulus]:
        yield 0.0, VersionDeployed(self.function)
        for request in self.clients.begin():
            invocation = self._planned(request)
            self._loads += 1
            yield request.at, InvokeRequested(invocation, self.function.key)

    def _planned(self, request: Request) -> str:
        self._sent += 1
        invocation = f"i{self._sent}"
        self._open[invocation] = request
        return invocation

    def _ask(self, request: Request) -> tuple[str, int]:
        invocation = self._planned(request)
        event = InvokeRequested(invocation, self.function.key)
        return invocation, self.simulation.add(request.at, event)

    def _answered(self, invocation: str, at: Seconds) -> None:
        """Hands an answer to its client; a second end of the same invocation is no answer."""
        request = self._open.pop(invocation, None)
        if request is None:
            return
        there = at + self.overhead(invocation)
        self.answer(invocation, request, there)
        if self._pings.pop(invocation, None) is not None:
            if not self._pings and self._loads:
                self._ping(there)
            return
        follows = self.clients.answered(request, there)
        if follows is not None:
            self._ask(follows)
        else:
            self._loads -= 1
            if not self._loads:
                self._withdraw_pings(at)

    def _ping(self, now: Seconds) -> None:
        """Plans the next pings, which come together, at once where they are late."""
        self._ping_due += self.ping_every
        for _ in range(self.ping_parallel):
            request = Request(max(self._ping_due, now), PING_USERS)
            invocation, number = self._ask(request)
            self._pings[invocation] = number

    def _withdraw_pings(self, now: Seconds) -> None:
        for invocation, number in list(self._pings.items()):
            if self._open[invocation].at > now:
                self.simulation.withdraw(number)
                del self._pings[invocation], self._open[invocation]
