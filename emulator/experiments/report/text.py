"""Writes for a terminal: how a run is called, its machine, and tables of plain text."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.experiments.analysis.formatting import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.records.run_directory import RunInfo

_GAP = "   "
_MB_A_GB = 1024


def run_title(info: RunInfo) -> str:
    """Writes a run's profile, backend and start, in this machine's time zone."""
    started = datetime.fromtimestamp(info.started_at).astimezone()
    return f"Profile {info.profile}, backend {info.backend}, started {started:%Y-%m-%d %H:%M}"


def machine_facts(machine: Mapping[str, Any]) -> str:
    """Writes the machine's record of a run.json or study.json in one line."""
    parts = [
        str(machine["kernel"]) if machine.get("kernel") else "",
        f"HZ {machine['hz']}" if machine.get("hz") else "",
        f"cgroup {machine['cgroup']}" if machine.get("cgroup") else "",
        f"{machine['cpus']} CPUs" if machine.get("cpus") else "",
        f"{machine['memory_mb'] / _MB_A_GB:.0f} GB" if machine.get("memory_mb") else "",
    ]
    for disk, kb in machine.get("read_ahead_kb", {}).items():
        parts.append(f"{disk} reads {kb} KB ahead")
    if machine.get("load") is not None:
        parts.append(f"load {machine['load']} at the start")
    return ", ".join(part for part in parts if part) or "unknown machine"


def aligned_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns a table's lines, the first row being its head, with a rule below.

    The first column stands to the left, all others to the right.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(_GAP.join(cells).rstrip())
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]


def milliseconds(value: float | None) -> str:
    """Writes three figures: enough to compare by, and more than a second run would give again."""
    if value is None:
        return ABSENT
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004
