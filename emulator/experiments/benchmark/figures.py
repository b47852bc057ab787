"""Takes a benchmark's figures from records, holds what is wanted of them, and puts them in a table.

Knows runs and outcomes of the client, not how either was made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.errors import TestbedError
from emulator.experiments.records.percentiles import percentile
from emulator.experiments.report.text import aligned_table, machine_facts, milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.benchmark.client import Outcome
    from emulator.experiments.records.run_directory import Run

Figures = dict[str, float]
"""Values by the name of the figure, which ends with its unit."""
_WARM_P50 = "warm p50, 1 client, ms"
CALLS = "emulator's calls of the kernel a request"
CRUN = "crun"
"""The OCI runtime that is measured beside the engine's own, where it is installed."""
ASGI_FLOOR = "floor: raw ASGI p50, 1 client, ms"
ROUND_TRIP_FLOOR = "floor: sandbox round trip p50, ms"
FORK_FLOOR = "floor: fork of 40 MB p50, ms"
_PHASES = ("create", "start", "connect", "init")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Says what a figure is to be at most, or at least; by backend, where backends differ."""

    description: str
    most: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)

    def is_missed(self, backend: str, value: float) -> bool:
        return value > self.most.get(backend, math.inf) or value < self.least.get(backend, 0.0)


def _both(value: float) -> dict[str, float]:
    return {"docker": value, "process": value}


def _at_once(requests: int, what: str, by: str = "") -> str:
    return f"{requests} cold at once{by}: all {what}, ms"


WANTED = {
    "cold p50, ms": Wanted("<= 110 docker, <= 30 process", most={"docker": 110, "process": 30}),
    f"cold by {CRUN} p50, ms": Wanted("<= 110 docker", most={"docker": 110}),
    "restored p50, ms": Wanted("<= 15 (SnapStart)", most=_both(15)),
    "kdd99-litert restored p50, ms": Wanted("<= 15 (SnapStart)", most=_both(15)),
    "kdd99-tf restored p50, ms": Wanted("<= 150 (SnapStart)", most=_both(150)),
    _WARM_P50: Wanted("<= .3 docker, <= .15 process", most={"docker": 0.3, "process": 0.15}),
    "warm p99, 1 client, ms": Wanted("<= 2", most=_both(2)),
    "invokes/s, 10 clients": Wanted(
        ">= 5000 docker, >= 8000 process", least={"docker": 5000, "process": 8000}
    ),
    "invokes/s, 30 clients": Wanted(">= 5000 docker", least={"docker": 5000}),
    "emulator's CPU a request, 10 clients, us": Wanted("<= 120", most=_both(120)),
    _at_once(30, "answered"): Wanted("<= 1500 docker", most={"docker": 1500}),
    _at_once(30, "answered", f" by {CRUN}"): Wanted("<= 1500 docker", most={"docker": 1500}),
    # measured where it is asked for
    _at_once(100, "answered"): Wanted("<= 6000 docker", most={"docker": 6000}),
}


@dataclass(frozen=True, slots=True)
class BenchResults:
    """Holds the figures of each backend that was measured, and the machine."""

    figures: Mapping[str, Figures]
    """Figures by backend."""
    machine: Mapping[str, Any]
    """Record of the machine, as a run.json has it; empty where no backend was measured."""
    missing: tuple[str, ...] = ()
    """Sentences on what the records of the runs miss, which makes figures wrong."""
    left_out: tuple[str, ...] = ()
    """What was not measured here, and why."""


def cold_start_figures(times_ms: Sequence[float], run: Run, not_counted: int) -> Figures:
    """Returns percentiles of cold starts that came one after another, and medians of their parts.

    Medians of parts need not add up to the median of the whole.

    Args:
        times_ms: latencies of the requests that count.
        run: the emulator's records.
        not_counted: how many first sandboxes of the run are left out.
    """
    anatomies = [sandbox.anatomy for sandbox in run.sandboxes if sandbox.anatomy][not_counted:]
    phases = {
        f"  of it {phase} p50, ms": percentile([getattr(a, phase) * 1000 for a in anatomies], 50)
        for phase in _PHASES
    }
    whole = {"cold p50, ms": percentile(times_ms, 50), "cold p95, ms": percentile(times_ms, 95)}
    return _known(whole | phases)


def restored_figures(
    restored_ms: Sequence[float], cold_ms: Sequence[float], of: str = ""
) -> Figures:
    """Returns percentiles of restores of a snapshot, and of cold starts in turns with them.

    `of` begins the figures' names where they are not those of `echo`.
    """
    restored, cold = percentile(restored_ms, 50), percentile(cold_ms, 50)
    return _known(
        {
            f"{of}restored p50, ms": restored,
            f"{of}restored p95, ms": percentile(restored_ms, 95),
            f"  {of}in turns with cold p50, ms": cold,
            f"  {of}restored over cold": restored / cold if restored and cold else None,
        }
    )


def crun_figures(times_ms: Sequence[float]) -> Figures:
    """Returns percentiles of cold starts by another OCI runtime; none where there were none."""
    return _known(
        {
            f"cold by {CRUN} p50, ms": percentile(times_ms, 50),
            f"cold by {CRUN} p95, ms": percentile(times_ms, 95),
        }
    )


def single_client_figures(outcome: Outcome) -> Figures:
    """Returns percentiles of the warm requests of one client."""
    return _known(
        {
            _WARM_P50: percentile(outcome.latencies_ms, 50),
            "warm p99, 1 client, ms": percentile(outcome.latencies_ms, 99),
        }
    )


def rate_figures(outcomes: Mapping[int, Outcome]) -> Figures:
    """Returns the rates of warm requests, by the number of clients that asked at once."""
    rates = {
        f"invokes/s, {clients} client{'s' * (clients > 1)}": (
            len(outcome.latencies_ms) / outcome.seconds
        )
        for clients, outcome in outcomes.items()
    }
    *_, last = outcomes.values()
    return rates | {"client's own CPU a request, us": last.client_cpu_us}


def cost_figures(cpu_s: Mapping[int, float], calls: float | None) -> Figures:
    """Returns what a warm request costs the emulator's process, floors and sandboxes not counted.

    Args:
        cpu_s: CPU seconds a request, by the number of clients that asked at once.
        calls: calls of the kernel a request of one client; None where they were not counted.
    """
    costs = {cpu_name(clients): seconds * 1e6 for clients, seconds in cpu_s.items()}
    return costs | ({} if calls is None else {CALLS: calls})


def cpu_name(clients: int) -> str:
    """Returns what the emulator's CPU time a request is called."""
    return f"emulator's CPU a request, {clients} client{'s' * (clients > 1)}, us"


def floor_ratios(figures: Figures, floors: Figures) -> Figures:
    """Returns how many times the floors a warm request takes, and a restore.

    An HTTP answer and a round trip are part of every warm request, and a fork of every restore.
    """
    warm_ms, restored_ms = figures.get(_WARM_P50), figures.get("restored p50, ms")
    floor_ms = floors[ASGI_FLOOR] + floors[ROUND_TRIP_FLOOR]
    return _known(
        {
            "warm p50 over both floors": None if warm_ms is None else warm_ms / floor_ms,
            "restored p50 over a fork": None
            if restored_ms is None
            else restored_ms / floors[FORK_FLOOR],
        }
    )


def burst_figures(outcome: Outcome, run: Run, requests: int, by: str = "") -> Figures:
    """Returns how long a burst of cold starts at once took until all were ready, and answered.

    `by` says in the figures' names who ran the sandboxes, where that is not the usual.

    Raises:
        TestbedError: requests of the burst shared sandboxes.
    """
    ready = [sandbox.ready_at for sandbox in run.sandboxes if sandbox.ready_at is not None]
    first = min(record.requested_at for record in run.invocations)
    if len(ready) < requests:
        raise TestbedError(f"{requests} requests at once had only {len(ready)} sandboxes.")
    return {
        _at_once(requests, "ready", by): (max(ready[:requests]) - first) * 1000,
        _at_once(requests, "answered", by): max(outcome.latencies_ms),
    }


def bench_table(results: BenchResults) -> str:
    """Writes a line for each figure and a column for each backend, and marks what is missed."""
    rows = bench_rows(results)
    missed = any(
        is_missed(backend, name, figures)
        for backend, figures in results.figures.items()
        for name in figures
    )
    legend = ["", "* short of what is wanted"] if missed else []
    head = [machine_facts(results.machine), *remarks(results), ""]
    return "\n".join([*head, *aligned_table(rows), *legend])


def remarks(results: BenchResults) -> list[str]:
    """Returns what a reader must know of the figures: what they miss, and which are not there."""
    incomplete = [f"Incomplete: {sentence}" for sentence in results.missing]
    return [*incomplete, *(f"Left out: {sentence}" for sentence in results.left_out)]


def bench_rows(results: BenchResults) -> list[tuple[str, ...]]:
    """Returns the cells of the table, the head first; * marks what is short of the wanted."""
    measured = results.figures
    names = list(dict.fromkeys(name for figures in measured.values() for name in figures))
    rows: list[tuple[str, ...]] = [("figure", *measured, "wanted")]
    for name in names:
        wanted = WANTED.get(name, Wanted(""))
        cells = [
            milliseconds(figures.get(name)) + (" *" if is_missed(backend, name, figures) else "")
            for backend, figures in measured.items()
        ]
        rows.append((name, *cells, wanted.description))
    return rows


def is_missed(backend: str, name: str, figures: Figures) -> bool:
    """Tells whether a figure was measured and is short of what is wanted."""
    return name in WANTED and name in figures and WANTED[name].is_missed(backend, figures[name])


def bench_document(results: BenchResults) -> dict[str, Any]:
    """Returns the figures as a document that JSON can hold."""
    return {
        "machine": dict(results.machine),
        "missing": list(results.missing),
        "left_out": list(results.left_out),
        "wanted": {name: wanted.description for name, wanted in WANTED.items()},
        "backends": {
            backend: {
                "figures": dict(figures),
                "missed": [name for name in figures if is_missed(backend, name, figures)],
            }
            for backend, figures in results.figures.items()
        },
    }


def _known(figures: Mapping[str, float | None]) -> Figures:
    return {name: value for name, value in figures.items() if value is not None}
