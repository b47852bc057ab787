"""Gathers what a run tells of its functions' times: the phases of starts, handlers, answers.

Owns what is taken from which record. Times are those of the emulated Lambda: a dilated cell's
journal has them, and its clients' times are divided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.core.model import StartKind
from emulator.core.profiles import PROFILES
from emulator.core.records import Status
from emulator.experiments.records.run_directory import join
from emulator.experiments.simulation.quota_law import HandlerCall, Machine

if TYPE_CHECKING:
    from collections.abc import Collection

    from emulator.core.records import InvocationRecord
    from emulator.experiments.records.run_directory import Run
    from emulator.experiments.records.study import MeasuredCell, StudyRun


class Phase(StrEnum):
    """Names what takes time; the fields of a behaviour (sim.service)."""

    CREATE = "create"
    START = "start"
    CONNECT = "connect"
    INIT = "init"
    SPECIALISE = "specialise"
    """The start of a sandbox that was a stem cell, until its runtime connects."""
    COLD = "cold"
    """A sandbox's first handler call, from its dispatch to the answer."""
    WARM = "warm"
    """Any later handler call."""
    ASK = "ask"
    OVERHEAD = "overhead"


HANDLER = frozenset({Phase.COLD, Phase.WARM})
"""Phases that have the function's share of a CPU; an init has a whole one (LAMBDA.md 3)."""


_MADE = (Phase.CREATE, Phase.START, Phase.CONNECT)


@dataclass(slots=True)
class CellSamples:
    """Holds the samples of one function at one memory size under one kind of load."""

    cell: str
    function: str
    loading: str
    scenario: str
    memory_mb: int
    share: float
    """Share of a CPU that the handler has, at most 1."""
    seconds: dict[Phase, list[float]] = field(
        default_factory=lambda: {phase: [] for phase in Phase}
    )
    throttled: dict[Phase, list[float]] = field(
        default_factory=lambda: {phase: [] for phase in HANDLER}
    )
    """Seconds in which a CPU quota held a handler back, in the order of its times."""
    calls: dict[Phase, list[HandlerCall]] = field(
        default_factory=lambda: {phase: [] for phase in HANDLER}
    )
    """Handler calls with all that the records tell of each, in the order of their times."""
    machine: Machine = field(default_factory=Machine)
    ends: dict[Status, int] = field(default_factory=dict)
    """Number of handler calls by their end."""
    memory_used_mb: int = 0


def gather(study: StudyRun, without: Collection[str] = ()) -> list[CellSamples]:
    """Returns the samples of a study's finished cells, but for those whose ids are left out."""
    found = []
    for cell, _ in study.measured():
        run = study.runs.get(cell.folder)
        if run is None or cell.id in without:
            continue
        samples = _empty(cell, run)
        rested = _rested(run, samples.machine.period / samples.machine.dilation)
        for request in join(run):
            record = request.record
            if record is None or record.function != cell.condition.function:
                continue
            for attempt in request.attempts:
                _take(samples, attempt, rested=attempt.invocation in rested)
            if request.is_event:
                continue  # what its client waited for is not the function
            if request.client is not None and record.status is Status.OK:
                latency = request.client.latency_ms / 1000 / cell.dilation
                samples.seconds[Phase.OVERHEAD].append(max(0.0, latency - record.client_latency))
        found.append(samples)
    return found


def _empty(cell: MeasuredCell, run: Run) -> CellSamples:
    condition = cell.condition
    profile = PROFILES[condition.profile]
    dilation = cell.dilation
    machine = Machine(
        dilation=dilation,
        period=profile.cpu_period_us / 1_000_000 * dilation,
        quota=profile.cpu_quota_us(cell.memory_mb) / 1_000_000,
        tick=1 / float(run.info.machine.get("hz") or Machine.hz),
    )
    return CellSamples(
        cell.id,
        condition.function,
        condition.loading,
        condition.scenario,
        cell.memory_mb,
        min(1.0, profile.vcpus(cell.memory_mb)),
        machine=machine,
    )


def _rested(run: Run, period: float) -> frozenset[str]:
    """Returns the invocations whose sandboxes did nothing for a quota's period before."""
    found, ended = set(), dict[int | None, float]()
    for record in sorted(run.invocations, key=lambda one: one.dispatched_at or one.requested_at):
        if record.dispatched_at is None:
            continue
        if record.dispatched_at - ended.get(record.sandbox, -period) >= period:
            found.add(record.invocation)
        ended[record.sandbox] = record.finished_at
    return frozenset(found)


def _take(samples: CellSamples, record: InvocationRecord, *, rested: bool) -> None:
    """Takes a handler call; not that of a reset sandbox, which has an init in it."""
    # a cell's starts are all of one kind, so that what restores took is drawn for restores
    phase = {
        StartKind.COLD: Phase.COLD,
        StartKind.RESTORED: Phase.COLD,
        StartKind.WARM: Phase.WARM,
    }.get(record.start or StartKind.SUPPRESSED)
    if phase is None or record.dispatched_at is None:
        return
    samples.ends[record.status] = samples.ends.get(record.status, 0) + 1
    samples.memory_used_mb = max(samples.memory_used_mb, record.max_memory_mb)
    seconds = samples.seconds
    if record.anatomy is not None:
        parts = record.anatomy
        made = parts.create, parts.start + parts.other, parts.connect
        if record.stem_cell:
            seconds[Phase.SPECIALISE].append(sum(made))
        else:
            for part, took in zip(_MADE, made, strict=True):
                seconds[part].append(took)
        seconds[Phase.INIT].append(parts.init)
    elif phase is Phase.COLD:
        return  # its init failed, and ran again within the call
    if record.status not in (Status.OK, Status.HANDLER_ERROR):
        return
    answered = record.finished_at if record.answered_at is None else record.answered_at
    seconds[phase].append(answered - record.dispatched_at)
    samples.throttled[phase].append(record.throttled)
    samples.calls[phase].append(
        HandlerCall(seconds[phase][-1], record.throttled, record.throttled_periods, rested)
    )
    if record.answered_at is not None:
        seconds[Phase.ASK].append(record.finished_at - record.answered_at)
