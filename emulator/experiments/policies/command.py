"""Runs `testbed compare-policies`: simulates every policy on a trace, and writes the figures."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from emulator.core.managed_instances import MANAGED_2025
from emulator.core.policies.fixed import Fixed
from emulator.core.policies.interface import PolicyChoice
from emulator.errors import SettingsError
from emulator.experiments.policies import charts
from emulator.experiments.policies.run_files import Files, cost_files, pareto_files, write_files
from emulator.experiments.policies.tables import (
    ORACLE,
    Row,
    TenantRow,
    as_csv,
    rows_of,
    summary_csv,
    summary_markdown,
    tenant_row,
    tenants_csv,
    tenants_markdown,
)
from emulator.experiments.policies.trace_reading import read_trace
from emulator.experiments.policies.trace_run import PolicyRun, oracle, run_policy
from emulator.policy_choice import chosen
from emulator.sim.managed import simulate as simulate_managed
from emulator.sim.traces.trace import isolated
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emulator.experiments.policies.trace_run import Assumptions
    from emulator.sim.traces.trace import Call

MANAGED = "managed-instances"
TRACE_ONLY = (ORACLE, MANAGED)
"""Policies of the simulator alone."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holds what is compared."""

    trace: Path
    format: str
    policies: tuple[str, ...]
    assumed: Assumptions
    sample: int | None = None
    """Number of functions; None: all."""


def compare(comparison: Comparison, folder: Path, tell: Callable[[str], None]) -> int:
    """Writes charts, their CSV files and a page into a folder; returns the exit code.

    Raises:
        SettingsError: a policy or the trace's format is unknown, or the trace is empty or faulty.
        RunDirectoryError: the folder or a file cannot be written.
    """
    choices = {name: _choice(name) for name in comparison.policies if name not in TRACE_ONLY}
    calls = _calls(comparison)
    assumed = comparison.assumed
    fixed = run_policy(
        calls, PolicyChoice("fixed", lambda: Fixed(600.0)), "fixed:seconds=600", assumed
    )
    runs, tenants = [], list[TenantRow]()
    shared = [structs.replace(call, tenant="") for call in calls]
    for name in comparison.policies:
        if name == MANAGED:
            continue
        choice = oracle(calls, assumed) if name == ORACLE else choices[name]
        runs.append(run_policy(calls, choice, name, assumed))
        tell(f"{name}: {100 * runs[-1].cold_share:.1f} % cold starts")
        if isolated(calls):
            tenants.append(tenant_row(runs[-1], run_policy(shared, choice, name, assumed)))
            tell(f"{name}, without tenants: {100 * tenants[-1].cold_shared:.1f} % cold starts")
    rows = rows_of(runs, fixed)
    if MANAGED in comparison.policies:
        rows.append(_managed(calls, assumed))
        tell(f"{MANAGED}: {rows[-1].dollars:.4f} dollars")
    files = _files(runs, rows)
    if tenants:
        count = len({(call.function, call.tenant) for call in calls if call.tenant})
        files["summary.md"] = summary_markdown(rows) + tenants_markdown(tenants, count)
        files["tenants.csv"] = tenants_csv(tenants)
    write_files(folder, files)
    tell(f"{folder}/summary.md")
    return 0


def _choice(name: str) -> PolicyChoice | None:
    try:
        return chosen(name)
    except SettingsError as error:
        raise SettingsError(f"{error}, nor {' or '.join(TRACE_ONLY)}") from error


def _calls(comparison: Comparison) -> Sequence[Call]:
    chance = random.Random(comparison.assumed.seed)  # noqa: S311  # a sample is no secret
    trace = read_trace(comparison.trace, comparison.format, comparison.sample, chance)
    try:
        calls = list(trace.draw(chance))
    except TraceError as error:
        raise SettingsError(str(error)) from error
    if not calls:
        raise SettingsError(f"{comparison.trace} holds no calls")
    return calls


def _managed(calls: Sequence[Call], assumed: Assumptions) -> Row:
    names = {call.function for call in calls}
    end = max(call.at + (call.duration or assumed.duration) for call in calls)
    run = simulate_managed(
        calls, names, MANAGED_2025, cpu=assumed.cpu, duration=assumed.duration, until=end
    )
    throttled = sum(run.throttled.values())
    return Row(
        MANAGED, len(calls), throttled, 0.0, 0.0, None, 1.0, run.dollars(MANAGED_2025), best=False
    )


def _files(runs: Sequence[PolicyRun], rows: Sequence[Row]) -> Files:
    return {
        "summary.csv": summary_csv(rows),
        "summary.md": summary_markdown(rows),
        **pareto_files(rows),
        **cost_files(rows),
        "cold-starts.png": charts.cold_starts(runs),
        "cold-starts.csv": as_csv(
            ("policy", "function_share", "cold_share"),
            [
                (run.policy, (number + 1) / len(run.calls), share)
                for run in runs
                for number, share in enumerate(run.cold_shares())
            ],
        ),
        "slowdowns.png": charts.slowdowns(runs),
        "slowdowns.csv": as_csv(
            ("policy", "slowdown"), [(run.policy, each) for run in runs for each in run.slowdowns]
        ),
        "over-time.png": charts.over_time(runs),
        "over-time.csv": as_csv(
            ("policy", "at_s", "sandboxes", "memory_mb"),
            [(run.policy, *each) for run in runs for each in run.series],
        ),
    }
