"""Lays out the tables of a study's report: which figure stands in which column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.lifetimes import LIFETIMES
from emulator.core.profiles import PRICE_TABLES
from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.idle_time import idle_gaps, start_letters
from emulator.experiments.analysis.latency_parts import Part
from emulator.experiments.analysis.requests import user_requests
from emulator.experiments.analysis.tenants import tenant_starts
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE
from emulator.experiments.report.document import Table
from emulator.experiments.report.labels import condition_names, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.analysis.claims.ablation import Ablated
    from emulator.experiments.analysis.claims.catalogue import Findings
    from emulator.experiments.analysis.keep_warm import KeepWarm
    from emulator.experiments.analysis.latency_parts import CellParts
    from emulator.experiments.analysis.memory_curve import MemoryCurve
    from emulator.experiments.records.study import StudyRun

    _Column = Callable[[CellStats], str]


def load_table(stats: Sequence[CellStats], names: Mapping[str, str]) -> Table:
    """Lays out the study's own table: requests, rates, latencies and cold starts of each cell."""
    slowly: dict[str, _Column] = {}
    if any(figures.cell.dilation > 1 for figures in stats):
        slowly["times slower"] = lambda s: formatting.number(s.cell.dilation)
    return _cell_table(
        stats,
        names,
        {
            "requests": lambda s: formatting.count(s.requests),
            "hits/s average": lambda s: formatting.number(s.hits_mean),
            "hits/s peak": lambda s: formatting.count(s.hits_peak),
            "fastest": lambda s: formatting.time(s.min_ms),
            "average": lambda s: formatting.time(s.mean_ms.value),
            "slowest": lambda s: formatting.time(s.max_ms),
            "cold starts": lambda s: formatting.count(s.cold_starts),
            "init, median": lambda s: formatting.time(s.init_ms.value),
            "errors": lambda s: formatting.count(s.errors),
            "out of memory": lambda s: formatting.count(s.out_of_memory),
            **slowly,
        },
    )


def latency_table(stats: Sequence[CellStats], names: Mapping[str, str]) -> Table:
    """Lays out latencies with their intervals, cold and warm apart."""
    return _cell_table(
        stats,
        names,
        {
            "median cold": lambda s: formatting.estimate(s.cold_ms),
            "median warm": lambda s: formatting.estimate(s.warm_ms),
            "p95 of all": lambda s: formatting.estimate(s.p95_ms),
            "p99 of all": lambda s: formatting.estimate(s.p99_ms),
            "handler, warm": lambda s: (
                formatting.time(s.handler_ms.value) + formatting.few(s.handler_ms.n)
            ),
        },
    )


def latency_parts_table(cells: Sequence[CellParts], names: Mapping[str, str]) -> Table:
    """Lays out the mean parts of each cell's latency, which add up to the last column."""
    rows = [
        (
            names[cell.cell.id],
            *(formatting.time(cell.mean_ms[part]) for part in Part),
            formatting.time(cell.total_ms),
        )
        for cell in cells
    ]
    return Table(("cell", *(part.value for part in Part), "average latency"), tuple(rows))


def cost_table(stats: Sequence[CellStats], names: Mapping[str, str]) -> Table:
    """Lays out each cell's cost under every price table, and what else it took."""
    columns: dict[str, _Column] = {
        **{f"a million requests, {table}": _million_column(table) for table in PRICE_TABLES},
        **{f"this cell, {table}": _total_column(table) for table in PRICE_TABLES},
        "most memory used": lambda s: formatting.memory(s.max_memory_mb),
        "CPU withheld a request": lambda s: formatting.time(s.throttled_ms),
        "throttled": lambda s: formatting.count(s.throttles),
        "pings": lambda s: formatting.count(s.pings),
    }
    return _cell_table(stats, names, columns)


def _million_column(table: str) -> _Column:
    return lambda stats: formatting.money(stats.costs[table].per_million)


def _total_column(table: str) -> _Column:
    def write(stats: CellStats) -> str:
        cost = stats.costs[table]
        # nothing has a price where the table knows no price for what the function asks for
        unpriced = cost.per_million is None and not cost.total and stats.requests > stats.throttles
        return formatting.money(None if unpriced else cost.total)

    return write


def _cell_table(
    stats: Sequence[CellStats], names: Mapping[str, str], columns: Mapping[str, _Column]
) -> Table:
    rows = [
        (names[figures.cell.id], *(write(figures) for write in columns.values()))
        for figures in stats
    ]
    return Table(("cell", *columns), tuple(rows))


def memory_table(curve: MemoryCurve) -> Table:
    """Lays out latency and cost of each memory size, the best value marked."""
    head = (
        *("memory", "average", "median warm", "slowest", "a million requests", "requests"),
        *("errors", ""),
    )
    rows = [
        (
            marked(
                formatting.memory(size.memory_mb),
                host_bound=size.host_bound,
                incomplete=size.incomplete,
            ),
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
    """Lays out each claim with its verdict, the run's figures, its rule and its cause."""
    head = ("what the study found", "verdict", "what this run found", "it holds if", "cause")
    rows = [
        (f.claim.claim, f.verdict.value, f.found, f.claim.rule, f.claim.cause)
        for f in findings.claims
    ]
    return Table(head, tuple(rows), left=5)


def ablation_table(pairs: Sequence[Ablated]) -> Table:
    """Lays out each claim with its cause, and its figures with and without what causes it."""
    head = ("what the study found", "cause", "taken away", "with", "without", "shown", "run")
    rows = [
        (
            pair.whole.claim.claim,
            pair.whole.claim.cause,
            str(pair.whole.claim.part),
            f"{pair.whole.verdict.value}: {pair.whole.found}",
            f"{pair.without.verdict.value}: {pair.without.found}",
            "yes" if pair.shows else "no" if pair.is_tested else "not tested",
            pair.run,
        )
        for pair in pairs
    ]
    return Table(head, tuple(rows), left=7)


def idle_table(study: StudyRun, names: Mapping[str, str]) -> Table | None:
    """Lays out how far apart single requests came and what each found; None where no cell idled."""
    idle = [(cell, rows) for cell, rows in study.measured() if cell.idles]
    if not idle:
        return None
    head = ("cell", "profile", "keep-alive", "idle minutes between", "found", "latencies")
    rows = [
        (
            names[cell.id],
            cell.condition.profile,
            _lifetime(cell.condition.keep_alive),
            ", ".join(formatting.number(gap.minutes) for gap in idle_gaps(cell, requests)),
            start_letters(requests),
            ", ".join(formatting.time(row.latency_ms) for row in user_requests(requests)),
        )
        for cell, requests in idle
    ]
    return Table(head, tuple(rows), left=6)


def tenants_table(study: StudyRun) -> Table | None:
    """Lays out what isolation by tenant did to cold starts; None where nobody was isolated."""
    head = (
        *("function", "tenants", "requests", "cold starts", "a tenant's first"),
        "beside an idle sandbox of another tenant",
    )
    rows = [
        (
            found.function,
            formatting.count(found.tenants),
            formatting.count(found.requests),
            formatting.count(found.cold),
            formatting.count(found.first),
            formatting.count(found.isolated),
        )
        for run in study.runs.values()
        for found in tenant_starts(run)
    ]
    return Table(head, tuple(rows)) if rows else None


def _lifetime(keep_alive: str) -> str:
    if keep_alive == PROFILE_KEEP_ALIVE:
        return "the profile's curve"
    return keep_alive if keep_alive in LIFETIMES else f"{keep_alive} s"


def keep_warm_table(found: Sequence[KeepWarm]) -> Table:
    """Lays out what pings bought and cost, beside the same requests without pings."""
    names = condition_names([entry.condition for entry in found])
    head = (
        *("function", "pings an hour", "without", "with pings", "average without", "average with"),
        *("difference", *(f"30 days of pings, {table}" for table in PRICE_TABLES)),
    )
    rows = [
        (
            marked(
                f"{names[entry.condition]} {formatting.memory(entry.memory_mb)}",
                host_bound=entry.host_bound,
                incomplete=entry.incomplete,
            ),
            formatting.number(entry.pings_an_hour),
            entry.without_ping or formatting.ABSENT,
            entry.with_ping,
            formatting.time(entry.mean_without.value),
            formatting.time(entry.mean_with.value),
            formatting.signed(entry.difference),
            *(formatting.money(entry.month_dollars[table]) for table in PRICE_TABLES),
        )
        for entry in found
    ]
    return Table(head, tuple(rows))
