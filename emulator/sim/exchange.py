"""Exchanges requests and answers between clients and a simulation, until no client asks any more.

Beside the load there may be requests before it, one after the other, and pings, as long as it
lasts. Owns when each request is sent and when its answer is there. What lies between a client and
the gateway is the caller's: a passage there and back, and seconds on top of each answer. Knows
neither HTTP nor records.

Where there is a queue of events, the load's requests are asynchronous: each is answered when the
queue has accepted it, and the exchange lasts until every event has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator  # noqa: TC003  # the compiled module resolves them
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.messages.commands import Dispatch, Fail, Throttle
from emulator.core.messages.events import (
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    ReservedConcurrencySet,
    TimePassed,
    VersionDeployed,
)
from emulator.core.model import FunctionVersion, Seconds  # noqa: TC001  # as above
from emulator.core.network_path import NO_PASSAGE, Connection, Passage
from emulator.sim.clients import ANY_CONNECTION, Clients, Request
from emulator.sim.engine import Simulation  # noqa: TC001  # as above

if TYPE_CHECKING:
    from emulator.core.journal import Entry
    from emulator.sim.asynchronous import Events
    from emulator.sim.workload import Stimulus

PING_USERS = 0
"""Number of users that a ping tells."""
_LOAD, _WARM_UP, _PING = "i", "w", "p"
"""First letters of the names of invocations."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Holds one request of a client that has its answer; times are those of the journal."""

    invocation: str
    sent_at: Seconds
    users: int
    """Number of clients that were there when the request was sent, 0 for a ping."""
    at: Seconds
    """When the client has the answer."""


@dataclass(frozen=True, slots=True)
class Pings:
    """Describes requests beside a load that come together, the first after one period."""

    every: Seconds
    parallel: int = 1


class Connections:
    """Tells which requests open a connection: each client keeps its own, arrivals share a pool."""

    def __init__(self) -> None:
        self._kept: set[tuple[str, int]] = set()
        self._free = 0

    def take(self, letter: str, place: int) -> Connection:
        """Returns what a request finds of its connection."""
        if place == ANY_CONNECTION:
            kept = self._free > 0
            self._free -= kept
        else:
            kept = (letter, place) in self._kept
            self._kept.add((letter, place))
        return Connection.KEPT if kept else Connection.NEW

    def give_back(self, place: int) -> None:
        """Notes that a request has its answer."""
        self._free += place == ANY_CONNECTION


@dataclass(slots=True)
class Exchange:
    """Runs a simulation whose requests come from clients, until no client asks any more."""

    simulation: Simulation
    function: FunctionVersion
    clients: Clients
    overhead: Callable[[str], Seconds]
    """Returns the seconds that an answer to an invocation takes on top of the emulator's own."""
    told: Callable[[Answered], None]
    """Is told of each answer to the load and to pings."""
    warm_up: int = 0
    """Number of requests, one after the other, before the load begins."""
    pings: Pings | None = None
    passage: Callable[[Connection], Passage] | None = None
    """Returns what a request loses on its way there and back; None where nothing is lost."""
    events: Events | None = None
    """Queue that takes the load's requests; None where clients wait for their functions."""
    reserved: int | None = None
    """Concurrency that is reserved for the function; None: none is."""
    _connections: Connections = field(default_factory=Connections)
    _open: dict[str, tuple[Request, Passage]] = field(default_factory=dict)
    """Requests that are planned or sent and have no answer, by the invocation."""
    _numbers: dict[str, int] = field(default_factory=dict)
    """Planned events in the simulation, by the invocation of a ping."""
    _to_come: Iterator[Request] = field(default_factory=lambda: iter(()))
    """Requests of the load that wait for no answer and are not planned yet."""
    _planned: str = ""
    """The last one of them that is planned."""
    _leaving: dict[int, tuple[TimePassed, str]] = field(default_factory=dict)
    """Events at which requests leave their clients, with the invocations, by their identity."""
    _begins: Seconds = 0.0
    """When the load begins."""
    _ping_due: Seconds = 0.0
    _count: int = 0
    _load: int = 0
    """Number of the load's requests that are planned or sent and have no answer."""
    _running: set[str] = field(default_factory=set)
    """Invocations that a sandbox has, answered or not."""

    def run(self) -> Iterator[Entry]:
        """Yields the journal's entries, until all is answered and every sandbox is free again."""
        for entry in self.simulation.run(self._deployed()):
            if self.events is not None:
                self.events.take(entry)
            self._take(entry)
            yield entry
            queued = 0 if self.events is None else self.events.kept
            if not self._open and not self._running and not queued:
                return

    def _deployed(self) -> Iterator[Stimulus]:
        yield 0.0, VersionDeployed(self.function)
        if self.reserved is not None:
            yield 0.0, ReservedConcurrencySet(self.function.name, self.reserved)

    def _take(self, entry: Entry) -> None:
        for command in entry.commands:
            if type(command) is Dispatch:
                self._running.add(command.invocation)
            elif type(command) is Throttle or type(command) is Fail:
                self._running.discard(command.invocation)
                self._answered(command.invocation, entry.at)
        event = entry.event
        if type(event) is InvocationFinished:  # what every invocation brings stands first
            self._running.discard(event.invocation)
            self._answered(event.invocation, entry.at)
        elif type(event) is InvocationAnswered:
            self._answered(event.invocation, entry.at)
        elif type(event) is InvokeRequested:
            if self.passage is None:
                self._sent(event.invocation)
        elif type(event) is TimePassed:
            if id(event) in self._leaving:
                self._send(self._leaving.pop(id(event))[1], entry.at)
        elif type(event) is VersionDeployed:
            if self.warm_up:
                self._ask(_WARM_UP, Request(entry.at, 1))
            else:
                self._begin(entry.at)

    def _ask(self, letter: str, request: Request) -> str:
        """Plans a request: its arrival, or its leaving where there is a way to go."""
        self._count += 1
        invocation = f"{letter}{self._count}"
        self._open[invocation] = request, NO_PASSAGE
        at = self._begins + request.at
        if self.passage is None and self._is_event(invocation):
            self.simulation.agenda.remind(at, lambda now: self._accept(invocation, now))
            return invocation
        event: InvokeRequested | TimePassed = InvokeRequested(invocation, self.function.key)
        if self.passage is not None:
            event = TimePassed()
            self._leaving[id(event)] = event, invocation
        number = self.simulation.agenda.add(at, event)
        if letter == _PING:
            self._numbers[invocation] = number
        return invocation

    def _send(self, invocation: str, now: Seconds) -> None:
        """Sends a request on its way: only now is known whether a connection is free."""
        assert self.passage is not None
        request, _ = self._open[invocation]
        passage = self.passage(self._connections.take(invocation[0], request.place))
        self._open[invocation] = request, passage
        arrives, key = now + passage.before, self.function.key
        if self._is_event(invocation):
            self.simulation.agenda.remind(arrives, lambda then: self._accept(invocation, then))
        else:
            event = InvokeRequested(invocation, key, passage.network, passage.gateway)
            self.simulation.agenda.add(arrives, event)
        self._sent(invocation)

    def _is_event(self, invocation: str) -> bool:
        return self.events is not None and invocation[0] == _LOAD

    def _accept(self, invocation: str, now: Seconds) -> None:
        """Queues a request that has come, and answers it: its function is not waited for."""
        assert self.events is not None
        self.events.accept(InvokeRequested(invocation, self.function.key), now)
        if self.passage is None:
            self._sent(invocation)
        self._answered(invocation, now)

    def _sent(self, invocation: str) -> None:
        if invocation == self._planned:
            self._plan_next()

    def _begin(self, now: Seconds) -> None:
        """Begins the load, and with it the first period of pings."""
        self._begins = now
        self._to_come = iter(self.clients.begin())
        self._plan_next()
        if self.pings is not None and self._load:
            self._ping(0.0)

    def _plan_next(self) -> None:
        request = next(self._to_come, None)
        if request is not None:
            self._load += 1
            self._planned = self._ask(_LOAD, request)

    def _answered(self, invocation: str, at: Seconds) -> None:
        """Hands an answer to its client; a second end of the same invocation is no answer."""
        opened = self._open.pop(invocation, None)
        if opened is None:
            return
        request, passage = opened
        self._connections.give_back(request.place)
        there = at + passage.after + self.overhead(invocation)
        since = there - self._begins
        if invocation[0] == _WARM_UP:
            self._after_warm_up(there)
            return
        self.told(Answered(invocation, self._begins + request.at, request.users, there))
        if invocation[0] == _PING:
            del self._numbers[invocation]
            if not self._numbers and self._load:
                self._ping(since)
            return
        follows = self.clients.answered(request, since)
        if follows is not None:
            self._ask(_LOAD, follows)
            return
        self._load -= 1
        if not self._load:
            self._withdraw_pings(since)

    def _after_warm_up(self, now: Seconds) -> None:
        self.warm_up -= 1
        if self.warm_up:
            self._ask(_WARM_UP, Request(now, 1))
        else:
            self._begin(now)

    def _ping(self, since: Seconds) -> None:
        """Plans the next pings, which come together, and at once where they are late."""
        assert self.pings is not None
        self._ping_due += self.pings.every
        for number in range(self.pings.parallel):
            self._ask(_PING, Request(max(self._ping_due, since), PING_USERS, number))

    def _withdraw_pings(self, since: Seconds) -> None:
        """Takes back the pings that are not sent yet: the load is over."""
        for invocation, number in list(self._numbers.items()):
            if self._open[invocation][0].at > since:
                self.simulation.agenda.withdraw(number)
                del self._numbers[invocation], self._open[invocation]
