"""Simulates a trace in parts, each with its own scheduler, chance and clock.

On AWS functions share nothing but an account's concurrency and, in this model, a host's memory.
Where one of the two is limited, and where functions are few, there is one part. How many processes
share the parts changes no figure.
"""

from __future__ import annotations

import itertools
import os
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zlib import crc32

from emulator.core.messages.events import VersionDeployed
from emulator.core.model import FunctionVersion
from emulator.core.policy import Admission
from emulator.core.profiles import PROFILES
from emulator.core.scheduler import Scheduler
from emulator.core.scheduling import scheduling
from emulator.errors import SettingsError
from emulator.experiments.policies.event_tally import EventTally
from emulator.experiments.policies.taker import Taker
from emulator.experiments.policies.trace_run import ENDLESS_MEMORY_MB
from emulator.experiments.records.parquet_journal import ParquetJournal
from emulator.experiments.runner.processes import processes
from emulator.policy_choice import chosen
from emulator.sim.asynchronous import Events
from emulator.sim.attempts import Attempts
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.distributions import Constant
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.workload import TraceError, requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.core.asynchronous.ended_event import EndedEvent
    from emulator.core.asynchronous.rules import AsynchronousRules
    from emulator.core.journal import Entry
    from emulator.core.messages.events import InvokeRequested
    from emulator.core.model import Seconds
    from emulator.core.policy import SchedulerSettings
    from emulator.experiments.policies.tally import Tally
    from emulator.experiments.policies.trace_study import TraceStudy
    from emulator.sim.service import Service
    from emulator.sim.traces.trace import Trace
    from emulator.sim.workload import Stimulus

PARTS = 16
_UNDIVIDED = 100
"""Functions up to which a trace is simulated in one part."""
_NO_TIMEOUT = 1e9
_LEAST_MB = 128


@dataclass(frozen=True, slots=True)
class Part:
    """Holds a part of a study that is simulated by itself."""

    study: TraceStudy
    policy: str
    number: int
    names: tuple[str, ...]
    journal: Path | None

    @property
    def seed(self) -> int:
        """Seed of the part's draws; the same for all policies, so that they meet the same calls."""
        return crc32(f"{self.study.assumed.seed} {self.number}".encode())

    def settings(self) -> SchedulerSettings:
        """Returns what the part's scheduler decides by."""
        settings = scheduling(
            PROFILES[self.study.assumed.profile],
            host_memory_mb=self.study.assumed.host_memory_mb,
            policy=chosen(self.policy),
            start_width=1 << 20,
            admission=Admission.NOMINAL,
        )
        return replace(settings, account_concurrency=self.study.concurrency or 1 << 30)


def parts(study: TraceStudy, trace: Trace, folder: Path, *, journal: bool) -> list[Part]:
    """Returns what is to be simulated, one policy after the other."""
    coupled = study.concurrency is not None or study.assumed.host_memory_mb < ENDLESS_MEMORY_MB
    count = 1 if coupled or len(trace.functions) <= _UNDIVIDED else PARTS
    names: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(trace.functions):
        names[crc32(name.encode()) % count].append(name)
    return [
        Part(
            study,
            policy,
            number,
            tuple(own),
            folder / f"journal-{place}-{number}.parquet" if journal else None,
        )
        for place, policy in enumerate(study.policies)
        for number, own in enumerate(names)
        if own
    ]


def simulate_part(part: Part, trace: Trace) -> Tally:
    """Simulates one part of a trace.

    Raises:
        SettingsError: a line of the trace is wrong.
        RunDirectoryError: the journal cannot be written.
    """
    simulated = _Simulated(part, trace.only(part.names))
    try:
        if part.journal is None:
            return simulated.run(None)
        with ParquetJournal(part.journal) as journal:
            return simulated.run(journal)
    except TraceError as error:
        raise SettingsError(str(error)) from error


class _Simulated:
    """Runs one part, and forgets every call that is over."""

    def __init__(self, part: Part, trace: Trace) -> None:
        self._part = part
        self._assumed = part.study.assumed
        self._trace = trace
        self._told: dict[str, Seconds] = {}
        """Durations of calls that are not over."""
        self._over = False
        self._events = EventTally()
        self._versions = {
            name: FunctionVersion(
                name, self._size(name), _NO_TIMEOUT, per_tenant=function.per_tenant
            )
            for name, function in trace.functions.items()
        }

    def run(self, journal: ParquetJournal | None) -> Tally:
        profile = PROFILES[self._assumed.profile]
        by_key = {version.key: version for version in self._versions.values()}
        # an event's duration is that of all of its attempts, and is not over with the first
        told = {} if self._part.study.asynchronous else self._told
        taker = Taker(
            {key: version.memory_mb for key, version in by_key.items()},
            {key: version.name for key, version in by_key.items()},
            told,
            profile.prices,
            self._assumed.cold_start,
        )
        name, end = f"{self._part.policy}/{self._part.number}", 0.0
        for entry in self._entries(profile.asynchronous):
            taker.take(entry)
            end = entry.at
            if journal is not None:
                journal.add(name, entry)
            if self._over and not self._events.kept and not taker.under_way:
                break
        tally = taker.close(end)
        tally.events = self._events
        return tally

    def _entries(self, rules: AsynchronousRules) -> Iterator[Entry]:
        service = self._service()
        if not self._part.study.asynchronous:
            deployed, requests = self._deployments(), self._requests()
            return self._simulation(service).run(itertools.chain(deployed, requests))
        attempts = Attempts(service, self._told)

        def ended(event: EndedEvent) -> None:
            self._events.ended(event)
            attempts.forget(event)

        events = Events(
            self._simulation(attempts),
            self._accepted(),
            rules,
            most_at_once=self._part.settings().account_concurrency,
            told=ended,
        )
        return events.run(self._deployments(), len(self._versions))

    def _simulation(self, service: Service) -> Simulation:
        chance = random.Random(self._part.seed)  # noqa: S311  # lifetimes are no secret
        return Simulation(Scheduler(self._part.settings(), chance), service)

    def _service(self) -> ServiceModel:
        others, init = Constant(self._assumed.duration), Constant(self._assumed.cold_start)
        failing = self._part.study.failing
        mishaps = ((Outcome.ERROR, failing),) if failing else ()
        named = {
            name: Behaviour(warm=function.durations, init=init, mishaps=mishaps)
            for name, function in self._trace.functions.items()
            if function.durations is not None
        }
        plain = Behaviour(warm=others, init=init, mishaps=mishaps)
        told = {} if self._part.study.asynchronous else self._told
        return ServiceModel(self._part.seed, plain, named, told)

    def _size(self, name: str) -> int:
        used = self._trace.functions[name].memory_mb
        return self._assumed.memory_mb if used is None else max(_LEAST_MB, round(used))

    def _deployments(self) -> Iterator[Stimulus]:
        for version in self._versions.values():
            yield 0.0, VersionDeployed(version)

    def _requests(self) -> Iterator[tuple[Seconds, InvokeRequested]]:
        chance = random.Random(self._part.seed)  # noqa: S311  # a workload is no secret
        keys = {name: version.key for name, version in self._versions.items()}
        yield from requests(self._trace.draw(chance), keys, self._told)
        self._over = True

    def _accepted(self) -> Iterator[tuple[Seconds, InvokeRequested]]:
        for each in self._requests():
            self._events.accepted += 1
            yield each


def run_parts(todo: list[Part], trace: Trace, jobs: int) -> Iterator[tuple[Part, Tally]]:
    """Yields each part that is done; forked processes have the trace without a copy.

    The largest begin first, so that none is left alone at the end.
    """
    jobs = min(jobs or os.cpu_count() or 1, len(todo))
    if jobs == 1:
        for part in todo:
            yield part, simulate_part(part, trace)
        return
    _Shared.trace = trace
    with processes(jobs) as pool:
        largest_first = sorted(todo, key=lambda part: -trace.count(part.names))
        yield from pool.imap_unordered(_in_a_process, largest_first)


class _Shared:
    """Holds the trace for processes that are forked."""

    trace: Trace


def _in_a_process(part: Part) -> tuple[Part, Tally]:
    return part, simulate_part(part, _Shared.trace)
