"""Lays out a comparison of policies as rows, and writes the CSV beside each chart."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.experiments.policies.trace_run import PolicyRun

ORACLE = "oracle"
"""Name of the policy that knows the trace: a bound to compare others with, and none to choose."""
_NAMED = 0.75


@dataclass(frozen=True, slots=True)
class Row:
    """Holds what one policy came to."""

    policy: str
    calls: int
    throttled: int
    cold: float
    """Share of all calls that were cold starts."""
    cold_75: float
    """Share of cold starts that three quarters of the functions do not exceed."""
    wasted: float | None
    """Idle memory time over that of a fixed keep-alive of 10 minutes; None where none is told."""
    median_slowdown: float | None
    dollars: float
    best: bool = False
    """Whether no other policy has both fewer cold starts and less waste; the oracle is apart."""


def rows_of(runs: Sequence[PolicyRun], fixed: PolicyRun) -> list[Row]:
    """Returns a row for each policy, those on the Pareto front marked, but for the lower bound.

    Args:
        runs: the policies' runs.
        fixed: the run of a fixed keep-alive of 10 minutes, whose waste is 1.
    """
    points = [(run.cold_share_of(_NAMED), run.wasted_mb_s) for run in runs]
    return [
        Row(
            run.policy,
            sum(run.calls.values()),
            run.throttled,
            run.cold_share,
            point[0],
            run.wasted_mb_s / fixed.wasted_mb_s if fixed.wasted_mb_s else None,
            run.slowdowns[len(run.slowdowns) // 2] if run.slowdowns else None,
            run.dollars,
            best=run.policy != ORACLE
            and not any(
                _dominates(other, point)
                for of, other in zip(runs, points, strict=True)
                if of.policy != ORACLE
            ),
        )
        for run, point in zip(runs, points, strict=True)
    ]


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return text.getvalue()


def _plain(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value


def summary_csv(rows: Sequence[Row]) -> str:
    """Returns all rows as a CSV text."""
    return as_csv([field.name for field in fields(Row)], [astuple(row) for row in rows])


@dataclass(frozen=True, slots=True)
class TenantRow:
    """Holds what isolation by tenant does under a policy: with it, and for the same calls without.

    Cold starts are shares of all calls, sandboxes the most at any time, and wasted the idle memory
    time with isolation over that without; None where none is told.
    """

    policy: str
    cold_isolated: float
    cold_shared: float
    sandboxes_isolated: int
    sandboxes_shared: int
    wasted: float | None


def tenant_row(isolated: PolicyRun, shared: PolicyRun) -> TenantRow:
    """Returns the row of one policy's two runs."""
    return TenantRow(
        isolated.policy,
        isolated.cold_share,
        shared.cold_share,
        isolated.most_sandboxes,
        shared.most_sandboxes,
        isolated.wasted_mb_s / shared.wasted_mb_s if shared.wasted_mb_s else None,
    )


def tenants_csv(rows: Sequence[TenantRow]) -> str:
    """Returns all rows about tenants as a CSV text."""
    return as_csv([field.name for field in fields(TenantRow)], [astuple(row) for row in rows])


def tenants_markdown(rows: Sequence[TenantRow], tenants: int) -> str:
    """Returns the page's section about isolation by tenant, as Markdown."""
    head = [
        *("policy", "cold starts", "were sandboxes shared", "sandboxes at most"),
        *("were they shared", "wasted memory time"),
    ]
    lines = [
        "\n## Isolation by tenant\n",
        f"A sandbox serves one of {tenants} tenants; the same calls without isolation beside it.\n",
        f"| {' | '.join(head)} |",
        "|---|" + "---:|" * (len(head) - 1),
    ]
    for row in rows:
        wasted = "" if row.wasted is None else f"{row.wasted:.2f} times"
        lines.append(
            f"| {row.policy} | {100 * row.cold_isolated:.1f} % | {100 * row.cold_shared:.1f} % | "
            f"{row.sandboxes_isolated} | {row.sandboxes_shared} | {wasted} |"
        )
    return "\n".join(lines) + "\n"


def summary_markdown(rows: Sequence[Row]) -> str:
    """Returns all rows as a Markdown table."""
    head = [
        *("policy", "calls", "throttled", "cold starts", "75 % of functions at most"),
        *("wasted memory time", "median slowdown", "dollars"),
    ]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for row in rows:
        wasted = "" if row.wasted is None else f"{row.wasted:.3f}"
        slow = "" if row.median_slowdown is None else f"{row.median_slowdown:.2f}"
        name = f"**{row.policy}**" if row.best else row.policy
        lines.append(
            f"| {name} | {row.calls} | {row.throttled} | {100 * row.cold:.1f} % | "
            f"{100 * row.cold_75:.1f} % | {wasted} | {slow} | {row.dollars:.6f} |"
        )
    return "\n".join(lines) + "\n"
