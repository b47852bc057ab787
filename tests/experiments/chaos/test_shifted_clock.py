from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.chaos import shifted_clock

if TYPE_CHECKING:
    from pathlib import Path


def test_clock_is_as_far_ahead_as_was_said_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = str(tmp_path / "clock")
    monkeypatch.setenv(shifted_clock.VARIABLE, link)
    true_time = time.time
    monkeypatch.setattr(time, "time", true_time)  # to be put back at the end
    shifted_clock._shifted()
    assert time.time() - true_time() == pytest.approx(0.0, abs=60.0)
    for seconds in (3600.0, -7200.0, 0.0):
        shifted_clock.shift(seconds, link)
        assert time.time() - true_time() == pytest.approx(seconds, abs=60.0)
