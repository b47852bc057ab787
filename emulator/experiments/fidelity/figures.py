"""Computes the figures of a fidelity run: how long the task took at each memory size, and why.

AWS's figures are means of the time that the task took, so the errors are those of means; medians
stand beside them. Of the wall time of a row, what was neither the task's CPU time nor throttling by
the quota was the host's doing. The kernel sums throttled time over CPUs, so the host's part is at
least what is told. A shared core also makes the same work take more CPU time. An invocation is
*undisturbed* where the host's part is next to nothing and the work took the CPU time that it was
calibrated to; undisturbed invocations show what the quota does.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from emulator.experiments.fidelity.aws_curve import AWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from emulator.experiments.fidelity.rows import Fidelity, ServedRow, SpinRow

WITHIN = 0.15
"""Error that a size is wanted within."""
WANTED_SIZES = 10
WANTED_MEAN_ERROR = 0.09
HOST_LIMIT = 0.05
"""Share of a size's wall time; where the host took more, the host was what was measured."""
_DISTURBED = 0.03
"""Share of the wall time that the host may take of an undisturbed invocation."""
_DISTURBED_MS = 0.5
_CPU_WITHIN = 0.1
_DRIFT = 0.05
_FULL_SPEED_MB = 1540
"""Size from which the task runs through, so that its CPU time shows if the calibration holds."""


@dataclass(frozen=True, slots=True)
class SizeFigures:
    """Holds the figures of one backend at one memory size."""

    memory_mb: int
    aws_ms: float
    count: int
    mean_ms: float
    median_ms: float
    duration_mean_ms: float
    duration_median_ms: float
    cpu_ms: float
    throttled_ms: float | None
    """Mean time that the quota held the task back; None where the cgroup was out of reach."""
    host_share: float | None
    """Share of the wall time that the host took."""
    undisturbed: int | None
    """Number of undisturbed invocations."""
    undisturbed_mean_ms: float | None

    @property
    def ratio(self) -> float:
        return self.mean_ms / self.aws_ms

    @property
    def error(self) -> float:
        return self.ratio - 1

    @property
    def host_bound(self) -> bool:
        return self.host_share is not None and self.host_share > HOST_LIMIT


@dataclass(frozen=True, slots=True)
class Match:
    """Says how well one kind of figure meets AWS's, over the sizes that have such a figure."""

    mean_error: float
    """Mean of the absolute errors, as a share of AWS's figures."""
    within: int
    """Number of sizes within the wanted error."""
    sizes: int

    @property
    def as_wanted(self) -> bool:
        return self.within >= WANTED_SIZES and self.mean_error <= WANTED_MEAN_ERROR


KINDS: Mapping[str, Callable[[SizeFigures], float | None]] = {
    "the handler's wall time, means": lambda size: size.mean_ms,
    "the handler's wall time, medians": lambda size: size.median_ms,
    "the emulator's Duration, means": lambda size: size.duration_mean_ms,
    "wall time of undisturbed invocations, means": lambda size: size.undisturbed_mean_ms,
}
"""Kinds of figures that are held against AWS's, by their description."""


def host_ms(row: SpinRow) -> float | None:
    """Returns the part of the wall time that the host is known to have taken."""
    if row.throttled_ms is None:
        return None
    return max(0.0, row.wall_ms - row.cpu_ms - row.throttled_ms)


def size_figures(served: Iterable[ServedRow]) -> list[SizeFigures]:
    """Returns the figures of each size that has rows, the smallest size first."""
    by_size: dict[int, list[ServedRow]] = {memory_mb: [] for memory_mb in AWS.mean_ms}
    for row in served:
        by_size.setdefault(row.row.memory_mb, []).append(row)
    return [
        _figures(memory_mb, by_size[memory_mb]) for memory_mb in AWS.mean_ms if by_size[memory_mb]
    ]


def match(
    sizes: Sequence[SizeFigures], value: Callable[[SizeFigures], float | None]
) -> Match | None:
    """Holds one kind of figure against AWS's; None where no size has such a figure."""
    errors = [abs(ours / size.aws_ms - 1) for size in sizes if (ours := value(size)) is not None]
    if not errors:
        return None
    return Match(statistics.fmean(errors), sum(e <= WITHIN for e in errors), len(errors))


def matches(sizes: Sequence[SizeFigures]) -> dict[str, Match]:
    """Returns the match of each kind of figure, by its description."""
    return {kind: found for kind, value in KINDS.items() if (found := match(sizes, value))}


def cpu_drift(sizes: Sequence[SizeFigures]) -> float | None:
    """Returns by which share the task's CPU time left its calibration; None where it held."""
    fast = [size.cpu_ms for size in sizes if size.memory_mb >= _FULL_SPEED_MB]
    drift = statistics.fmean(fast) / AWS.task_ms - 1 if fast else 0.0
    return drift if abs(drift) > _DRIFT else None


def fidelity_results(run: Fidelity) -> dict[str, Any]:
    """Returns all figures of a run as a document that JSON can hold; shares are of 1, times ms."""
    backends = {}
    for backend, served in run.served.items():
        sizes = size_figures(served)
        backends[backend] = {
            "profile": run.infos[backend].profile,
            "started_at": run.infos[backend].started_at,
            "machine": dict(run.infos[backend].machine),
            "unenforced": list(run.infos[backend].unenforced),
            "sizes": [
                asdict(size) | {"error": size.error, "host_bound": size.host_bound}
                for size in sizes
            ],
            "matches": {
                kind: asdict(found) | {"as_wanted": found.as_wanted}
                for kind, found in matches(sizes).items()
            },
            "cpu_drift": cpu_drift(sizes),
        }
    return {
        "task_ms": AWS.task_ms,
        "aws": {"source": AWS.source, "date": AWS.date, "repetitions": AWS.repetitions},
        "backends": backends,
        "notes": list(run.notes),
    }


def _figures(memory_mb: int, served: Sequence[ServedRow]) -> SizeFigures:
    rows = [one.row for one in served]
    walls = [row.wall_ms for row in rows]
    durations = [one.duration_ms for one in served]
    known = [(row, lost) for row in rows if (lost := host_ms(row)) is not None]
    calm = [row.wall_ms for row, lost in known if _is_undisturbed(row, lost)]
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


def _is_undisturbed(row: SpinRow, lost_ms: float) -> bool:
    alone = lost_ms <= max(_DISTURBED_MS, _DISTURBED * row.wall_ms)
    return alone and abs(row.cpu_ms / AWS.task_ms - 1) <= _CPU_WITHIN
