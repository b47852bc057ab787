"""How long an answer of a dilated sandbox waits for what its processor did too fast."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from emulator.live.sandbox.dilation import SandboxCpu

QUOTA = 0.005


def process(cpu: float, periods: int = 0, throttled: float = 0.0) -> Any:
    return SimpleNamespace(cpu_seconds=lambda: cpu, throttled=lambda: (periods, throttled))


@pytest.mark.parametrize(
    ("took", "cpu", "periods", "throttled", "lag"),
    [
        # a short one, all of it CPU: 4 ms of the machine's, which stand for 4 of a slower one's
        (0.001, 0.004, 0, 0.0, 0.003),
        # it slept besides, which is not slowed
        (0.025, 0.004, 0, 0.0, 0.003),
        # throttled twice: two quotas in two periods of 80 ms are right, and 1 ms came after them
        (0.04025, 0.011, 2, 0.15, 0.00075),
        # two threads beside each other take the time of one
        (0.001, 0.008, 0, 0.0, 0.003),
        (0.1, 0.0, 0, 0.0, 0.0),
        # it ran over its quota by a little, which the kernel takes off the next period's
        (0.04, 0.0095, 2, 0.15, 0.0),
        # or by more, which the undilated does as well: one quota is the most that can be left
        (0.05, 0.018, 2, 0.15, 0.00375),
    ],
)
def test_what_ran_at_full_speed_is_made_up_for(
    took: float, cpu: float, periods: int, throttled: float, lag: float
) -> None:
    cpu_of_it = SandboxCpu(QUOTA, 1, dilation=4.0)
    cpu_of_it.began(process(10.0, 3, 1.0), 100.0)
    ended = process(10.0 + cpu, 3 + periods, 1.0 + throttled)
    assert cpu_of_it.lag(ended, 100.0 + took) == pytest.approx(lag, abs=1e-9)
