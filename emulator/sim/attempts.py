"""Tells a service model the attempts of one asynchronous event from each other.

Attempts of an event have its request id, by which a service model draws; each is to be drawn anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import structs

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from emulator.core.asynchronous.ended_event import EndedEvent
    from emulator.core.model import Seconds
    from emulator.sim.behaviour import Answer, Start
    from emulator.sim.service import Service


@dataclass(slots=True)
class Attempts:
    """Answers for each attempt of an event anew, which a service model tells by its id alone."""

    service: Service
    durations: MutableMapping[str, Seconds] = field(default_factory=dict)
    """Durations of the events' every attempt, by id, of which a trace tells."""
    noted: Callable[[int, str, Seconds], None] | None = None
    """Is told of each dispatch, where the service asks for that: see `Simulation`."""
    _asked: dict[str, int] = field(default_factory=dict)
    """Number of answers for each event that has not ended."""

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """Returns the course of an attempt; `first` where the sandbox was not called before."""
        name = self._name(invocation)
        self._asked[invocation] = self._asked.get(invocation, 0) + 1
        answer = self.service.answer(function, name, first=first)
        told = self.durations.get(invocation) if self.durations else None
        return answer if told is None else structs.replace(answer, duration=told)

    def dispatched(self, sandbox: int, invocation: str, at: Seconds) -> None:
        """Tells the service which sandbox gets an attempt, by the name that it answers for."""
        if self.noted is not None:
            self.noted(sandbox, self._name(invocation), at)

    def _name(self, invocation: str) -> str:
        """Returns what the service calls the attempt that is to be answered next."""
        number = self._asked.get(invocation, 0) + 1
        return invocation if number == 1 else f"{invocation}.{number}"

    def forget(self, ended: EndedEvent) -> None:
        """Forgets an event that has ended."""
        self._asked.pop(ended.invocation, None)
        self.durations.pop(ended.invocation, None)

    # the phases that no attempt changes

    def start(self, function: str, sandbox: int, *, specialised: bool = False) -> Start:
        """Returns the course of a new sandbox's start; `specialised` where it was a stem cell."""
        return self.service.start(function, sandbox, specialised=specialised)

    def stem_cell(self, cell: int) -> Seconds:
        """Returns the seconds until a stem cell that is begun waits for its function."""
        return self.service.stem_cell(cell)

    def restart(self, function: str, sandbox: int, number: int) -> Start:
        """Returns the course of the init that follows a sandbox's `number`-th reset."""
        return self.service.restart(function, sandbox, number)

    def reset(self, function: str, sandbox: int, number: int) -> Seconds:
        """Returns the seconds until nothing runs in a sandbox that is reset."""
        return self.service.reset(function, sandbox, number)

    def stop(self, function: str, sandbox: int) -> Seconds:
        """Returns the seconds for which a stopping sandbox holds its memory."""
        return self.service.stop(function, sandbox)
