"""Tells whether the host limited a measured cell, and by what.

Owns the facts alone: host_monitor.py of the runner measures and judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Names who limited the typical request of a cell."""

    OK = "ok"
    """The function's own share of CPU and memory."""
    HOST_BOUND = "host-bound"
    """The machine, so that the cell's figures tell of the machine."""


@dataclass(frozen=True, slots=True)
class HostVerdict:
    """Holds the verdict on one cell; figures are None where nothing was sampled."""

    verdict: Verdict = Verdict.OK
    why: str = ""
    """Every reason for `host-bound`; or why there is no verdict."""
    cpu_p95: float | None = None
    """Share of all CPUs' time that was used, 95th percentile of the samples."""
    steal_p95: float | None = None
    """Share of all CPUs' time that other guests of the hypervisor took, 95th percentile."""
    load_max: float | None = None
    mem_available_min_mb: float | None = None
    remark: str = ""
    """What slowed some requests of a cell whose verdict is `ok`."""

    @property
    def bound(self) -> bool:
        return self.verdict is Verdict.HOST_BOUND
