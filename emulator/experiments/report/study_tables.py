"""The tables of a study's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.cell_stats import gaps, start_string, users_rows
from emulator.experiments.report.document import Table
from emulator.experiments.report.labels import condition_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.analysis.claims import Findings
    from emulator.experiments.analysis.keep_warm import KeepWarm
    from emulator.experiments.analysis.memory_curve import MemoryCurve
    from emulator.experiments.records.study import StudyRun


def load_table(stats: Sequence[CellStats], names: Mapping[str, str]) -> Table:
    """The study's own table."""
    head = (
        *("cell", "requests", "hits/s average", "hits/s peak", "fastest", "average", "slowest"),
        *("cold starts", "init, median", "errors", "out of memory"),
    )
    rows = [
        (
            names[s.cell.id],
            formatting.count(s.requests),
            formatting.number(s.hits_mean),
            formatting.count(s.hits_peak),
            formatting.time(s.min_ms),
            formatting.time(s.mean_ms.value),
            formatting.time(s.max_ms),
            formatting.count(s.cold_starts),
            formatting.time(s.init_ms.value),
            formatting.count(s.errors),
            formatting.count(s.out_of_memory),
        )
        for s in stats
    ]
    return Table(head, tuple(rows))


def latency_table(stats: Sequence[CellStats], names: Mapping[str, str]) -> Table:
    """Cold and warm apart, with intervals."""
    head = ("cell", "median cold", "median warm", "p95 of all", "p99 of all", "handler, warm")
    rows = [
        (
            names[s.cell.id],
            formatting.estimate(s.cold_ms),
            formatting.estimate(s.warm_ms),
            formatting.estimate(s.p95_ms),
            formatting.estimate(s.p99_ms),
            formatting.time(s.handler_ms.value) + formatting.few(s.handler_ms.n),
        )
        for s in stats
    ]
    return Table(head, tuple(rows))


def cost_table(stats: Sequence[CellStats], names: Mapping[str, str]) -> Table:
    head = (
        *("cell", "a million requests, 2018", "a million requests, 2025", "this cell, 2018"),
        *("this cell, 2025", "most memory used", "CPU withheld a request", "throttled", "pings"),
    )
    rows = [
        (
            names[s.cell.id],
            formatting.money(s.million_2018),
            formatting.money(s.million_2025),
            formatting.money(s.dollars_2018),
            formatting.money(s.dollars_2025),
            formatting.memory(s.max_memory_mb),
            formatting.time(s.throttled_ms),
            formatting.count(s.throttles),
            formatting.count(s.pings),
        )
        for s in stats
    ]
    return Table(head, tuple(rows))


def memory_table(curve: MemoryCurve) -> Table:
    head = (
        *("memory", "average", "median warm", "slowest", "a million requests"),
        *("requests", "errors", ""),
    )
    rows = [
        (
            formatting.memory(size.memory_mb)
            + (f" {formatting.HOST_BOUND}" if size.host_bound else ""),
            formatting.estimate(size.mean_ms),
            formatting.estimate(size.warm_ms),
            formatting.time(size.max_ms),
            formatting.money(size.million),
            formatting.count(size.requests),
            formatting.count(size.errors),
            "best value" if place == curve.best else "",
        )
        for place, size in enumerate(curve.sizes)
    ]
    best = frozenset() if curve.best is None else frozenset({curve.best})
    return Table(head, tuple(rows), best=best)


def claims_table(findings: Findings) -> Table:
    head = ("what the study found", "verdict", "what this run found", "it holds if")
    rows = [(f.claim, f.verdict.value, f.found, f.rule) for f in findings.claims]
    return Table(head, tuple(rows), left=4)


def idle_table(study: StudyRun, names: Mapping[str, str]) -> Table | None:
    """Scenario 1: how far apart requests came and what each found; None where no cell idled."""
    idle = [(cell, rows) for cell, rows in study.measured() if cell.idles]
    if not idle:
        return None
    head = ("cell", "profile", "keep-alive", "idle minutes between", "found", "latencies")
    rows = [
        (
            names[cell.id],
            cell.condition.profile,
            _keep_alive(cell.condition.keep_alive),
            ", ".join(formatting.number(gap.minutes) for gap in gaps(cell, of_cell)),
            start_string(of_cell),
            ", ".join(formatting.time(row.latency_ms) for row in users_rows(of_cell)),
        )
        for cell, of_cell in idle
    ]
    return Table(head, tuple(rows), left=6)


def _keep_alive(value: str) -> str:
    return "the profile's curve" if value == "profile" else f"{value} s"


def keep_warm_table(found: Sequence[KeepWarm]) -> Table:
    names = condition_names([entry.condition for entry in found])
    head = (
        *("function", "pings an hour", "without", "with pings", "average without", "average with"),
        *("difference", "30 days of pings, 2018", "the same, 2025"),
    )
    rows = [
        (
            f"{names[entry.condition]} {formatting.memory(entry.memory_mb)}"
            + (f" {formatting.HOST_BOUND}" if entry.host_bound else ""),
            formatting.number(entry.pings_an_hour),
            entry.without or formatting.ABSENT,
            entry.with_ping,
            formatting.time(entry.mean_without.value),
            formatting.time(entry.mean_with.value),
            formatting.signed(entry.difference),
            formatting.money(entry.month_2018),
            formatting.money(entry.month_2025),
        )
        for entry in found
    ]
    return Table(head, tuple(rows))
