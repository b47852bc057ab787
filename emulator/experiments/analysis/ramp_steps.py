"""The steps of a ramp of users, and the cold starts that each of them brings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from emulator.core.model import StartKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.records.request_table import RequestRow

_SETTLED = 5.0
"""Seconds after which more users are another step of the ramp."""
_COLD = StartKind.COLD.value


@dataclass(frozen=True, slots=True)
class Step:
    users: int
    """How many came."""
    cold_starts: int
    has_peak: bool
    """The slowest answer of the step was a cold start's."""


def ramp_steps(rows: Sequence[RequestRow]) -> list[Step]:
    """The steps up of a ramp; users who come within seconds of each other make one step."""
    begins: list[int] = []
    most, counts = 0, []
    for place, row in enumerate(rows):
        if row.user_count > most:
            if not begins or row.sent_at_s - rows[begins[-1]].sent_at_s > _SETTLED:
                begins.append(place)
                counts.append(most)
            most = row.user_count
    counts.append(most)
    steps = []
    for number, (begin, end) in enumerate(pairwise([*begins, len(rows)])):
        of_step = rows[begin:end]
        answered = [row for row in of_step if row.ok]
        slowest = max(answered, key=lambda row: row.latency_ms, default=None)
        steps.append(
            Step(
                users=counts[number + 1] - counts[number],
                cold_starts=sum(row.start == _COLD for row in of_step),
                has_peak=slowest is not None and slowest.start == _COLD,
            )
        )
    return steps
