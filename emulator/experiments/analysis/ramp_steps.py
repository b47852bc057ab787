"""Finds the steps of a ramp of users, and the cold starts that each step brings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from emulator.experiments.analysis.requests import COLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.records.request_table import RequestRow

_NEXT_STEP_AFTER = 5.0
"""Seconds after which more users are a further step of the ramp."""


@dataclass(frozen=True, slots=True)
class RampStep:
    """Holds what one step up of a ramp brought, until the next step."""

    users: int
    """Number of users who came."""
    cold_starts: int
    has_peak: bool
    """Whether the slowest answer of the step was a cold start's."""


def ramp_steps(rows: Sequence[RequestRow]) -> list[RampStep]:
    """Finds the steps up of a ramp; users who come within seconds of each other make one step."""
    begins, counts = _rises(rows)
    return [
        _step(rows[begin:end], new_users)
        for (begin, end), new_users in zip(
            pairwise([*begins, len(rows)]),
            (after - before for before, after in pairwise(counts)),
            strict=True,
        )
    ]


def _rises(rows: Sequence[RequestRow]) -> tuple[list[int], list[int]]:
    """Returns the row at which each step begins, and the users before each step and at the end."""
    begins: list[int] = []
    counts: list[int] = []
    most = 0
    for place, row in enumerate(rows):
        if row.user_count > most:
            if not begins or row.sent_at_s - rows[begins[-1]].sent_at_s > _NEXT_STEP_AFTER:
                begins.append(place)
                counts.append(most)
            most = row.user_count
    return begins, [*counts, most]


def _step(rows: Sequence[RequestRow], new_users: int) -> RampStep:
    slowest = max((row for row in rows if row.ok), key=lambda row: row.latency_ms, default=None)
    return RampStep(
        users=new_users,
        cold_starts=sum(row.start == COLD for row in rows),
        has_peak=slowest is not None and slowest.start == COLD,
    )
