"""A run as a person reads it: one table, a line a function, and one chart.

It reads what `stats` makes of a run directory, and nothing else. One run is one backend, so the
figures of two backends never meet in one series.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.experiments.stats import Side, function_stats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.experiments.run_directory import Run, RunInfo
    from emulator.experiments.stats import FunctionStats

_GAP = "   "
_ABSENT = "-"
_MB_A_GB = 1024


def title(info: RunInfo) -> str:
    started = datetime.fromtimestamp(info.started_at).astimezone()
    return f"Profile {info.profile}, backend {info.backend}, started {started:%Y-%m-%d %H:%M}"


def machine_line(info: RunInfo) -> str:
    """What the machine's record tells, in one line."""
    return machine_facts(info.machine)


def machine_facts(machine: Mapping[str, Any]) -> str:
    """As `machine_line`, of the record itself."""
    parts = [
        str(machine["kernel"]) if machine.get("kernel") else "",
        f"HZ {machine['hz']}" if machine.get("hz") else "",
        f"cgroup {machine['cgroup']}" if machine.get("cgroup") else "",
        f"{machine['cpus']} CPUs" if machine.get("cpus") else "",
        f"{machine['memory_mb'] / _MB_A_GB:.0f} GB" if machine.get("memory_mb") else "",
    ]
    if machine.get("load") is not None:
        parts.append(f"load {machine['load']} at the start")
    return ", ".join(part for part in parts if part) or "unknown machine"


def table(run: Run) -> str:
    """Aligned text: title, machine, a line a function, then what to know about the figures."""
    figures = function_stats(run)
    lines = [title(run.info), machine_line(run.info), ""]
    if figures:
        lines += aligned([_HEAD, *(_line(figure) for figure in figures)])
    else:
        lines.append("No request was made.")
    return "\n".join([*lines, "", *_remarks(run, figures)]) + "\n"


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Lines with the first column to the left, all others to the right, and a rule below the
    head.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(_GAP.join(cells).rstrip())
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]


def milliseconds(value: float | None) -> str:
    """Three figures are enough to compare by, and more than a second run would give again."""
    if value is None:
        return _ABSENT
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004


_HEAD = (
    "function",
    "requests",
    "errors",
    "cold starts",
    "p50",
    "p95",
    "p99",
    "max",
    "p50 cold",
    "p50 warm",
    "init p50",
    "peak sandboxes",
)


def _line(figure: FunctionStats) -> tuple[str, ...]:
    times = (
        figure.p50_ms,
        figure.p95_ms,
        figure.p99_ms,
        figure.max_ms,
        figure.p50_cold_ms,
        figure.p50_warm_ms,
        figure.init_p50_ms,
    )
    return (
        figure.function,
        str(figure.requests),
        str(figure.errors),
        str(figure.cold_starts),
        *(milliseconds(time) for time in times),
        str(figure.peak_sandboxes),
    )


def _remarks(run: Run, figures: list[FunctionStats]) -> list[str]:
    lines = [
        "Times in ms, of answered requests; percentiles interpolate linearly between raw values."
    ]
    for side, words in (
        (Side.CLIENT, "as its clients saw it"),
        (Side.EMULATOR, "as the emulator saw it"),
    ):
        names = [figure.function for figure in figures if figure.side is side]
        if names:
            lines.append(f"Latency {words}: {', '.join(names)}.")
    lines += [
        f"{figure.function}: {figure.unclaimed} more invocations came past the clients whose rows "
        "are here; they are not counted."
        for figure in figures
        if figure.unclaimed
    ]
    lines += [f"Note: {note}" for note in run.notes]
    lines += [f"Not as on Lambda: {sentence}" for sentence in run.info.unenforced]
    return lines
