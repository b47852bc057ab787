from __future__ import annotations

import pytest

from emulator.errors import TestbedError
from emulator.experiments.fidelity.calibration import calibrate


def test_calibration_finds_the_turns_that_take_the_task() -> None:
    tried: list[int] = []

    def took_ms(turns: int) -> float:
        tried.append(turns)
        noise = 5.0 if len(tried) % 4 == 0 else 0.0  # now and then the host takes its part
        return turns * 35e-6 + noise

    assert calibrate(took_ms, 17.56).turns == pytest.approx(17.56 / 35e-6, rel=1e-6)
    assert len(tried) <= 30
    assert max(tried) <= 1.01 * 17.56 / 35e-6


def test_calibration_follows_a_processor_that_becomes_slower() -> None:
    turn_ms = 35e-6
    calibration = calibrate(lambda turns: turns * turn_ms, 17.56)
    before = calibration.turns
    turn_ms *= 1.1
    calibration.sample()
    assert calibration.turns == before  # one sample may be noise
    for _ in range(25):
        calibration.sample()
    assert calibration.turns == pytest.approx(before / 1.1, rel=1e-5)


def test_calibration_gives_up_where_nothing_takes_time() -> None:
    with pytest.raises(TestbedError, match="take 0 ms of CPU only"):
        calibrate(lambda _: 0.0, 17.56)
