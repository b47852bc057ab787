"""Simulates one cell of a plan, and leaves the run directory that a live cell leaves.

Owns what surrounds the scheduler: warm-up, pings, the queue of events, client rows and run.json.
The journal is on the emulated clock and begins at time 0; client rows are stretched by the cell's
dilation, as those of a live cell are, so that whatever reads a live cell reads a simulated one.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from zlib import crc32

from emulator.core.asynchronous.ended_event import EVENTS_FILE, EndedEvent, encode_ended
from emulator.core.journal import encode
from emulator.core.lifetimes import LIFETIMES
from emulator.core.model import FunctionVersion
from emulator.core.network_path import WayIn
from emulator.core.network_paths import NO_NETWORK, PATHS
from emulator.core.policy import PickOrder
from emulator.core.profiles import PROFILES
from emulator.core.record_fold import RecordFold
from emulator.core.records import Status
from emulator.core.scheduler import Scheduler
from emulator.core.scheduling import scheduling
from emulator.core.stem_cells import StemCells
from emulator.experiments.plan.events import event_settings, reserved_concurrency
from emulator.experiments.plan.model import PlannedFunction
from emulator.experiments.plan.scenarios import MINUTE, ping_of
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE
from emulator.experiments.records.client_rows import (
    ACCEPTED,
    CLIENTS,
    ClientRow,
    append_client_rows,
)
from emulator.experiments.records.run_directory import JOURNAL, RUN
from emulator.experiments.simulation.load import clients
from emulator.experiments.simulation.measured_service import Measured, MeasuredService
from emulator.experiments.simulation.run_facts import run_facts
from emulator.policy_choice import chosen
from emulator.sim.asynchronous import Events
from emulator.sim.attempts import Attempts
from emulator.sim.engine import Simulation
from emulator.sim.exchange import Exchange, Pings
from emulator.sim.service import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from emulator.core.journal import Entry
    from emulator.core.network_path import Connection, Passage
    from emulator.core.policy import SchedulerSettings
    from emulator.core.records import InvocationRecord
    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.plan.model import Plan
    from emulator.experiments.plan.template import TemplateFunction
    from emulator.sim.behaviour import Behaviour
    from emulator.sim.exchange import Answered

_ENDLESS_MEMORY_MB = 1 << 30
"""MB of a host that no function fills: a simulated cell has no machine unless its plan names it."""
_RUNTIME = "any"
"""Runtime of a cell's one function: stem cells of any other would be nobody's."""
_STATUS = {Status.OK: 200, Status.THROTTLED: 503}
_INVOKE = "/2015-03-31/functions/"
"""Begins the path of Lambda's own API."""
_FAILED = 500
"""Status that a client of the HTTP API sees where a function failed."""


@dataclass(frozen=True, slots=True)
class SimulatedCell:
    """Holds all that one cell's simulation depends on."""

    cell: PlannedCell
    plan: Plan
    function: TemplateFunction
    behaviour: Behaviour
    source: str
    """Where the behaviour is from, for the record."""
    start_width: int = 4
    measured: Measured = field(default_factory=Measured)
    """What a calibration tells of the machine."""
    stem_cells: int = 0
    """Stem cells that are kept ready of the function's runtime."""

    @property
    def path(self) -> str:
        """Path that the function is asked at, or the beginning of Lambda's own API."""
        if self.cell.asynchronous:
            return _INVOKE
        own = self.plan.functions.get(self.function.name)
        return (own.path if own else "") or self.function.route or _INVOKE

    @property
    def seed(self) -> int:
        """Seed of the scheduler's chance and of the drawn times, as a live cell's emulator's."""
        return crc32(f"{self.cell.seed} {self.cell.id}".encode())

    @property
    def keep_alive(self) -> float | str | None:
        """Idle lifetime as a live emulator's setting has it."""
        planned = self.cell.condition.keep_alive
        if planned == PROFILE_KEEP_ALIVE:
            return None
        return planned if planned in LIFETIMES else float(planned)

    def settings(self) -> SchedulerSettings:
        condition = self.cell.condition
        return scheduling(
            PROFILES[condition.profile],
            host_memory_mb=self.plan.host_memory or _ENDLESS_MEMORY_MB,
            keep_alive=self.keep_alive,
            policy=chosen(condition.policy),
            init_timeout=self.plan.init_timeout,
            pick_order=PickOrder(condition.pick_order),
            start_width=self.start_width,
            idle_speedup=self.cell.idle_speedup,
            placement=PATHS[condition.network].placement,
            stem_cells=StemCells(self.stem_cells) if self.stem_cells else None,
        )

    def version(self) -> FunctionVersion:
        """Returns the function as the scheduler knows it."""
        name = self.cell.condition.function
        planned = self.plan.functions.get(name, PlannedFunction())
        timeout = self.function.timeout_s
        return FunctionVersion(
            name,
            self.cell.memory_mb,
            timeout,
            package_mb=planned.package_mb,
            stem=_RUNTIME if self.stem_cells else "",
        )


def simulate_cell(simulated: SimulatedCell, folder: Path) -> int:
    """Writes the cell's run directory into a new folder; returns the number of client rows.

    Raises:
        OSError: a file cannot be written.
        RunDirectoryError: the client rows cannot be written.
    """
    folder.mkdir(parents=True)
    (folder / RUN).write_text(json.dumps(run_facts(simulated), indent=1, default=str) + "\n")
    run = _CellRun(simulated)
    with (folder / JOURNAL).open("w", encoding="utf-8") as journal:
        for entry in run.entries():
            journal.write(encode(entry) + "\n")
    if run.ended:
        lines = [encode_ended(event) + "\n" for event in run.ended]
        (folder / EVENTS_FILE).write_text("".join(lines), encoding="utf-8")
    rows = run.rows()
    append_client_rows(folder / CLIENTS, rows)
    return len(rows)


@dataclass(slots=True)
class _CellRun:
    """Runs warm-up and load, and keeps what clients and records say of each request."""

    simulated: SimulatedCell
    ended: list[EndedEvent] = field(default_factory=list)
    """Events of an asynchronous load, in the order of their ends."""
    _answers: list[Answered] = field(default_factory=list)
    _records: dict[str, InvocationRecord] = field(default_factory=dict)

    def entries(self) -> Iterator[Entry]:
        fold = RecordFold()
        for entry in self._exchange().run():
            for record in fold.feed(entry):
                self._records[record.invocation] = record
            yield entry

    def _exchange(self) -> Exchange:
        simulated = self.simulated
        cell, seed = simulated.cell, simulated.seed
        service = MeasuredService(ServiceModel(seed, simulated.behaviour), simulated.measured)
        chance = random.Random(seed)  # noqa: S311  # lifetimes are no secret
        name = cell.condition.function
        scheduler = Scheduler(simulated.settings(), chance)
        attempts = Attempts(service, noted=service.dispatched)
        if cell.asynchronous:
            simulation = Simulation(scheduler, attempts, attempts.dispatched)
        else:
            simulation = Simulation(scheduler, service, service.dispatched)
        ping = ping_of(cell.load)
        return Exchange(
            simulation,
            simulated.version(),
            clients(cell),
            overhead=lambda invocation: service.overhead(name, invocation),
            told=self._answers.append,
            warm_up=cell.load.warm_up,
            passage=_passage(simulated),
            pings=Pings(ping.every_minutes * MINUTE / cell.idle_speedup, ping.parallel)
            if ping
            else None,
            events=self._events(simulation, attempts) if cell.asynchronous else None,
            reserved=reserved_concurrency(simulated.plan, simulated.function),
        )

    def _events(self, simulation: Simulation, attempts: Attempts) -> Events:
        """Returns the queue, by the rules and with the bounds that a live cell's emulator has."""
        simulated = self.simulated
        profile = PROFILES[simulated.cell.condition.profile]
        asked = event_settings(simulated.plan, simulated.cell, simulated.function)

        def told(event: EndedEvent) -> None:
            self.ended.append(event)
            attempts.forget(event)

        return Events(
            simulation,
            rules=profile.asynchronous,
            settings=lambda _: asked,
            most_at_once=profile.account_concurrency,
            speedup=simulated.cell.idle_speedup,
            told=told,
        )

    def rows(self) -> list[ClientRow]:
        """Returns the client rows in the order of their answers, as live clients append them."""
        row = self._accepted if self.simulated.cell.asynchronous else self._row
        return [row(answer) for answer in sorted(self._answers, key=lambda a: a.at)]

    def _accepted(self, answer: Answered) -> ClientRow:
        """Returns the row of an event, whose client has 202 before any sandbox has the event."""
        return self._client_row(answer, ACCEPTED)

    def _row(self, answer: Answered) -> ClientRow:
        record = self._records[answer.invocation]
        fine = record.status is Status.OK
        return replace(
            self._client_row(answer, _STATUS.get(record.status, _FAILED)),
            start_kind=record.start,
            sandbox="" if record.sandbox is None else str(record.sandbox),
            error="" if fine else f"{record.status.value} {record.error_type}".strip(),
        )

    def _client_row(self, answer: Answered, status: int) -> ClientRow:
        slower = self.simulated.cell.dilation
        return ClientRow(
            request_id=answer.invocation,
            start=answer.sent_at * slower,
            latency_ms=(answer.at - answer.sent_at) * slower * 1000,
            status=status,
            start_kind=None,
            sandbox="",
            users=answer.users,
            path=self.simulated.path,
            error="",
        )


def _passage(simulated: SimulatedCell) -> Callable[[Connection], Passage] | None:
    """Returns what draws the way of each request; a live emulator's network is drawn so too."""
    path = PATHS[simulated.cell.condition.network]
    way = WayIn.INVOKE if simulated.path.startswith(_INVOKE) else WayIn.HTTP_API
    if path.name == NO_NETWORK:
        return None
    chance = random.Random(f"{simulated.seed}:network")  # noqa: S311  # jitter is no secret
    return lambda connection: path.draw(way, connection, chance)
