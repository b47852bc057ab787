"""Drives the scheduler over virtual time: a command's completion goes on the agenda.

Decides nothing about sandboxes, and nothing about when a thing happens: `agenda` knows what is
next, `sandboxes` what follows from a command.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from emulator.core.journal import Entry
from emulator.sim.agenda import Agenda
from emulator.sim.sandboxes import SimulatedSandboxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from emulator.core.model import Seconds
    from emulator.core.scheduler import Scheduler
    from emulator.sim.service import Service
    from emulator.sim.workload import Stimulus


class Simulation:
    """Runs one simulation; the journal is streamed, so that a run may be longer than memory."""

    def __init__(
        self,
        scheduler: Scheduler,
        service: Service,
        dispatched: Callable[[int, str, Seconds], None] | None = None,
    ) -> None:
        """Takes who is told of each dispatch, by sandbox, invocation and time, before the service.

        A service whose answers depend on a sandbox's past needs that; None where none does.
        """
        self._scheduler = scheduler
        self.agenda = Agenda(scheduler)
        self.sandboxes = SimulatedSandboxes(self.agenda, scheduler, service, dispatched)

    def run(self, stimuli: Iterable[Stimulus], until: Seconds = math.inf) -> Iterator[Entry]:
        """Yields every event up to `until` with its commands; ends when nothing more can happen.

        Raises:
            ValueError: the stimuli are not in time order.
        """
        agenda, sandboxes = self.agenda, self.sandboxes
        agenda.expect(stimuli)
        while True:
            at, sandbox, event = agenda.next()
            if at > until or at == math.inf:
                return
            if agenda.came_from_outside:
                agenda.take_stimulus(at)
            elif agenda.reminded is not None:
                agenda.reminded(at)
                continue
            commands = self._scheduler.handle(event, at)
            if sandbox is not None:
                sandboxes.follow_up(sandbox, event, at)
            for command in commands:
                sandboxes.apply(command, at)
            yield Entry(at, event, tuple(commands))
