"""A short chaos run on real emulators: counts alone are asserted, never seconds."""

from __future__ import annotations

import sys

import pytest

from emulator.errors import SettingsError
from emulator.experiments.chaos.command import chaos_results, run_chaos
from emulator.experiments.chaos.load import HUNG, RIGHT, WRONG

FAULTS = ("sandboxes killed", "answers twice", "answers half", "gateway killed", "journal torn")


@pytest.mark.parametrize("backend", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_nothing_is_lost_swapped_or_left(backend: str) -> None:
    if sys.platform != "linux":
        pytest.skip("sandboxes are looked for in /proc")
    trials = list(chaos_results(backends=[backend], names=FAULTS, seed=3, kills=3))
    assert [trial.fault for trial in trials] == list(FAULTS)
    for trial in trials:
        assert trial.answers[RIGHT] > 0, trial
        assert trial.answers.get(WRONG, 0) == 0, trial
        assert trial.answers.get(HUNG, 0) == 0, trial
        assert trial.left == (), trial
        assert trial.served_after is not None, trial


def test_fault_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"No fault is called 'rain'\. There are: another"):
        run_chaos(backends=["process"], names=["rain"])
