"""Writes the table of a fidelity run: a block for each backend, a line for each memory size.

Owns the words; the figures are `figures`'.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from emulator.experiments.analysis.formatting import ABSENT
from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.figures import (
    HOST_LIMIT,
    WITHIN,
    SizeFigures,
    cpu_drift,
    matches,
    size_figures,
)
from emulator.experiments.report.text import aligned_table, machine_facts, milliseconds, run_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.fidelity.rows import Fidelity, ServedRow

_HEAD = (
    "MB",
    "AWS",
    "n",
    "mean",
    "ratio",
    "error",
    "median",
    "Duration",
    "error",
    "median",
    "CPU",
    "throttled",
    "host",
    "undisturbed",
    "mean",
    "error",
)


def fidelity_table(run: Fidelity) -> str:
    """Writes everything that a reader of the figures should know."""
    lines = [
        f"A task of {AWS.task_ms:g} ms of CPU, by memory size, in ms.",
        f"AWS: mean of {AWS.repetitions} per size, {AWS.source} ({AWS.date}).",
        "",
    ]
    for backend, served in run.served.items():
        info = run.infos[backend]
        lines += [run_title(info), machine_facts(info.machine), _circumstances(served), ""]
        lines += _block(size_figures(served))
        lines += [f"Not as on Lambda: {limit}" for limit in info.unenforced]
        lines.append("")
    if not run.served:
        lines.append("No invocation was measured.")
    kernel = run.description.get("kernel") or {}
    settings = [f"{name} {value}" for name, value in kernel.items() if value]
    lines += [f"CFS bandwidth: {', '.join(settings)}."] if settings else []
    lines += [f"Note: {note}" for note in run.notes]
    return "\n".join(lines).rstrip() + "\n"


def _block(sizes: Sequence[SizeFigures]) -> list[str]:
    lines = [*aligned_table([_HEAD, *(_line(size) for size in sizes)]), ""]
    for kind, found in matches(sizes).items():
        lines.append(
            f"{kind}: mean absolute error {found.mean_error:.1%}, {found.within} of "
            f"{found.sizes} sizes within {WITHIN:.0%}: "
            + ("as wanted." if found.as_wanted else "short of what is wanted.")
        )
    return lines + _warnings(sizes)


def _line(size: SizeFigures) -> tuple[str, ...]:
    calm = size.undisturbed_mean_ms
    host = ABSENT if size.host_share is None else f"{size.host_share:.1%}"
    return (
        str(size.memory_mb),
        milliseconds(size.aws_ms),
        str(size.count),
        milliseconds(size.mean_ms),
        f"{size.ratio:.2f}",
        _error(size.mean_ms, size),
        milliseconds(size.median_ms),
        milliseconds(size.duration_mean_ms),
        _error(size.duration_mean_ms, size),
        milliseconds(size.duration_median_ms),
        milliseconds(size.cpu_ms),
        milliseconds(size.throttled_ms),
        host + ("*" if size.host_bound else ""),
        ABSENT if size.undisturbed is None else str(size.undisturbed),
        milliseconds(calm),
        ABSENT if calm is None else _error(calm, size),
    )


def _error(ours_ms: float, size: SizeFigures) -> str:
    return f"{ours_ms / size.aws_ms - 1:+.0%}"


def _warnings(sizes: Sequence[SizeFigures]) -> list[str]:
    lines = []
    bound = [size for size in sizes if size.host_bound]
    if bound:
        lines.append(
            f"* THE HOST WAS THE BOTTLENECK at {len(bound)} of {len(sizes)} sizes: more than "
            f"{HOST_LIMIT:.0%} of the wall time was neither the task's CPU time nor its quota's "
            "throttling. Measure again on a quiet machine."
        )
    drift = cpu_drift(sizes)
    if drift is not None:
        lines.append(
            f"The processor was shared: at full speed the task took {drift:+.0%} of CPU time "
            "against its calibration."
        )
    return lines


def _circumstances(served: Sequence[ServedRow]) -> str:
    rows = [one.row for one in served]
    loads = [row.load for row in rows]
    wall_s = max(row.sent_at for row in rows) - min(row.sent_at for row in rows)
    stolen_ms = sum(row.steal_ms for row in rows)
    turns = {row.iterations for row in rows}
    return (
        f"load {min(loads):.1f} to {max(loads):.1f}, mean {statistics.fmean(loads):.1f}, in "
        f"{wall_s:.0f} s; {stolen_ms:.0f} ms stolen by the hypervisor meanwhile; "
        f"{min(turns)} to {max(turns)} turns of the loop"
    )
