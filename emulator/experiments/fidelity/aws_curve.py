"""Holds how long one task took on AWS Lambda at eleven memory sizes, as others measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class MeasuredCurve:
    """Holds the mean time of one task by memory size."""

    task_ms: float
    """CPU time of the task, at one vCPU or more."""
    repetitions: int
    """Number of invocations at each size."""
    mean_ms: Mapping[int, float]
    """Mean time of the task by memory size in MB."""
    source: str
    date: str


AWS = MeasuredCurve(
    task_ms=17.56,
    repetitions=2500,
    mean_ms={
        128: 224.7,
        160: 179.7,
        257: 100.7,
        381: 61.3,
        514: 41.3,
        637: 40.9,
        770: 22.2,
        1027: 21.3,
        1283: 21.0,
        1540: 17.7,
        1770: 17.6,
    },
    source="artifact of the EuroSys'26 paper, arXiv 2506.01283",
    date="2025",
)
