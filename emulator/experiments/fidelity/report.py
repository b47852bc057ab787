"""The figures of a fidelity run, and its table: a block a backend, a line a memory size.

AWS's figures are means of the time that the task took, so the errors are those of means; medians
stand beside them. Of the wall time of a row, what was neither its own CPU time nor throttling by
its quota was the host's doing. The kernel sums throttled time over CPUs, so the host's part is
at least what is told. A shared core also makes the same work take more CPU time. An invocation
is *undisturbed* where the host's part is next to nothing and the work took the CPU time that it
was calibrated to; those invocations show what the quota does.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.experiments.fidelity.rows import AWS
from emulator.experiments.report.text import aligned_table, machine_facts, milliseconds, run_title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from emulator.experiments.fidelity.rows import Fidelity, Served, SpinRow

WITHIN = 0.15
"""The error that a size is wanted within."""
WANTED_SIZES = 10
WANTED_MEAN_ERROR = 0.09
_DISTURBED = 0.03
"""Of the wall time."""
_DISTURBED_MS = 0.5
_CPU_WITHIN = 0.1
_HOST_LIMIT = 0.05
"""Of the wall time of all invocations of a size: beyond it, the host was what was measured."""
_DRIFT = 0.05
_FULL_SPEED_MB = 1540
"""From here on the task runs through; its CPU time shows whether the calibration holds."""


@dataclass(frozen=True, slots=True)
class SizeFigures:
    """One backend at one memory size."""

    memory_mb: int
    aws_ms: float
    count: int
    mean_ms: float
    median_ms: float
    duration_mean_ms: float
    duration_median_ms: float
    cpu_ms: float
    throttled_ms: float | None
    """Mean; None where the cgroup was out of reach."""
    host_share: float | None
    undisturbed: int | None
    undisturbed_mean_ms: float | None

    @property
    def ratio(self) -> float:
        return self.mean_ms / self.aws_ms

    @property
    def error(self) -> float:
        return self.ratio - 1

    @property
    def host_bound(self) -> bool:
        return self.host_share is not None and self.host_share > _HOST_LIMIT


@dataclass(frozen=True, slots=True)
class Match:
    """How well one kind of figure meets AWS's, over the sizes where there is one."""

    mean_error: float
    within: int
    sizes: int

    @property
    def as_wanted(self) -> bool:
        return self.within >= WANTED_SIZES and self.mean_error <= WANTED_MEAN_ERROR


def host_ms(row: SpinRow) -> float | None:
    """The part of the wall time that the host is known to have taken."""
    if row.throttled_ms is None:
        return None
    return max(0.0, row.wall_ms - row.cpu_ms - row.throttled_ms)


def figures(served: Iterable[Served]) -> list[SizeFigures]:
    """In the order of the sizes; sizes without rows are left out."""
    by_size: dict[int, list[Served]] = {mb: [] for mb in AWS.mean_ms}
    for one in served:
        by_size.setdefault(one.row.memory_mb, []).append(one)
    return [_figures(mb, by_size[mb]) for mb in AWS.mean_ms if by_size[mb]]


def match(
    of_sizes: Sequence[SizeFigures], value: Callable[[SizeFigures], float | None]
) -> Match | None:
    """None where there is no figure of that kind."""
    errors = [abs(ours / size.aws_ms - 1) for size in of_sizes if (ours := value(size)) is not None]
    if not errors:
        return None
    return Match(statistics.fmean(errors), sum(e <= WITHIN for e in errors), len(errors))


def table(run: Fidelity) -> str:
    """Everything that a reader of the figures should know."""
    lines = [
        f"A task of {AWS.task_ms:g} ms of CPU, by memory size, in ms.",
        f"AWS: mean of {AWS.repetitions} per size, {AWS.source} ({AWS.date}).",
        "",
    ]
    for backend, served in run.served.items():
        lines += [
            run_title(run.infos[backend]),
            machine_facts(run.infos[backend].machine),
            _loads(served),
            "",
        ]
        lines += _block(figures(served))
        lines += [f"Not as on Lambda: {said}" for said in run.infos[backend].unenforced]
        lines.append("")
    if not run.served:
        lines.append("No invocation was measured.")
    kernel = run.description.get("kernel") or {}
    told = [f"{name} {value}" for name, value in kernel.items() if value]
    lines += [f"CFS bandwidth: {', '.join(told)}."] if told else []
    lines += [f"Note: {note}" for note in run.notes]
    return "\n".join(lines).rstrip() + "\n"


def _figures(memory_mb: int, served: Sequence[Served]) -> SizeFigures:
    rows = [one.row for one in served]
    walls = [row.wall_ms for row in rows]
    durations = [one.duration_ms for one in served]
    known = [(row, lost) for row in rows if (lost := host_ms(row)) is not None]
    calm = [row.wall_ms for row, lost in known if _undisturbed(row, lost)]
    throttled = [row.throttled_ms for row in rows if row.throttled_ms is not None]
    return SizeFigures(
        memory_mb=memory_mb,
        aws_ms=AWS.mean_ms[memory_mb],
        count=len(rows),
        mean_ms=statistics.fmean(walls),
        median_ms=statistics.median(walls),
        duration_mean_ms=statistics.fmean(durations),
        duration_median_ms=statistics.median(durations),
        cpu_ms=statistics.fmean(row.cpu_ms for row in rows),
        throttled_ms=statistics.fmean(throttled) if throttled else None,
        host_share=(
            sum(lost for _, lost in known) / sum(row.wall_ms for row, _ in known) if known else None
        ),
        undisturbed=len(calm) if known else None,
        undisturbed_mean_ms=statistics.fmean(calm) if calm else None,
    )


def _undisturbed(row: SpinRow, lost_ms: float) -> bool:
    alone = lost_ms <= max(_DISTURBED_MS, _DISTURBED * row.wall_ms)
    return alone and abs(row.cpu_ms / AWS.task_ms - 1) <= _CPU_WITHIN


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


def _block(of_sizes: Sequence[SizeFigures]) -> list[str]:
    lines = aligned_table([_HEAD, *(_line(size) for size in of_sizes)])
    lines.append("")
    for words, value in (
        ("the handler's wall time, means", lambda size: size.mean_ms),
        ("the handler's wall time, medians", lambda size: size.median_ms),
        ("the emulator's Duration, means", lambda size: size.duration_mean_ms),
        ("wall time of undisturbed invocations, means", lambda size: size.undisturbed_mean_ms),
    ):
        if found := match(of_sizes, value):
            lines.append(
                f"{words}: mean absolute error {found.mean_error:.1%}, {found.within} of "
                f"{found.sizes} sizes within {WITHIN:.0%}: "
                + ("as wanted." if found.as_wanted else "short of what is wanted.")
            )
    return lines + _warnings(of_sizes)


def _line(size: SizeFigures) -> tuple[str, ...]:
    calm = size.undisturbed_mean_ms
    host = "-" if size.host_share is None else f"{size.host_share:.1%}"
    return (
        str(size.memory_mb),
        milliseconds(size.aws_ms),
        str(size.count),
        milliseconds(size.mean_ms),
        f"{size.ratio:.2f}",
        _percent(size.mean_ms, size),
        milliseconds(size.median_ms),
        milliseconds(size.duration_mean_ms),
        _percent(size.duration_mean_ms, size),
        milliseconds(size.duration_median_ms),
        milliseconds(size.cpu_ms),
        milliseconds(size.throttled_ms),
        host + ("*" if size.host_bound else ""),
        "-" if size.undisturbed is None else str(size.undisturbed),
        milliseconds(calm),
        "-" if calm is None else _percent(calm, size),
    )


def _percent(ours_ms: float, size: SizeFigures) -> str:
    return f"{ours_ms / size.aws_ms - 1:+.0%}"


def _warnings(of_sizes: Sequence[SizeFigures]) -> list[str]:
    lines = []
    bound = [size for size in of_sizes if size.host_bound]
    if bound:
        lines.append(
            f"* THE HOST WAS THE BOTTLENECK at {len(bound)} of {len(of_sizes)} sizes: more than "
            f"{_HOST_LIMIT:.0%} of the wall time was neither the task's CPU time nor its quota's "
            "throttling. Measure again on a quiet machine."
        )
    fast = [size.cpu_ms for size in of_sizes if size.memory_mb >= _FULL_SPEED_MB]
    if fast and abs(drift := statistics.fmean(fast) / AWS.task_ms - 1) > _DRIFT:
        lines.append(
            f"The processor was shared: at full speed the task took {drift:+.0%} of CPU time "
            "against its calibration."
        )
    return lines


def _loads(served: Sequence[Served]) -> str:
    loads = [one.row.load for one in served]
    wall_s = max(one.row.sent_at for one in served) - min(one.row.sent_at for one in served)
    stolen_ms = sum(one.row.steal_ms for one in served)
    turns = {one.row.iterations for one in served}
    return (
        f"load {min(loads):.1f} to {max(loads):.1f}, mean {statistics.fmean(loads):.1f}, in "
        f"{wall_s:.0f} s; {stolen_ms:.0f} ms stolen by the hypervisor meanwhile; "
        f"{min(turns)} to {max(turns)} turns of the loop"
    )
