"""Tells whether the host limited a measured cell, and by what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostVerdict:
    """As it stands in study.json; figures are None where nothing was sampled."""

    verdict: str = "ok"
    why: str = ""
    cpu_p95: float | None = None
    steal_p95: float | None = None
    load_max: float | None = None
    mem_available_min_mb: float | None = None
    remark: str = ""
    """What slowed some requests of a cell that is `ok`."""

    @property
    def bound(self) -> bool:
        return self.verdict == "host-bound"
