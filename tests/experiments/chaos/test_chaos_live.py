"""A short chaos run on real emulators: counts alone are asserted, never seconds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.experiments.chaos import faults, suspension
from emulator.experiments.chaos import trial as trials_of
from emulator.experiments.chaos.command import chaos_results, run_chaos
from emulator.experiments.chaos.load import HUNG, RIGHT, WRONG

if TYPE_CHECKING:
    from emulator.experiments.chaos.trial import Trial

FAULTS = (
    *(
        "sandboxes killed",
        "clock set",
        "machine suspended",
        "answers twice",
        "answers half",
        "resetting clients",
    ),
    *("gateway killed", "journal torn"),
)
_FIGURES = {
    (trials_of, "_BEFORE"): 0.5,
    (trials_of, "_AFTER"): 0.3,
    (suspension, "_STOPPED_S"): 1.5,
    (faults, "_CLOCK_STAYS"): 0.3,
}
"""Seconds, in place of those of `testbed chaos`, in which a count comes to the same."""
ENGINE_FAULTS = ("engine stopped", "engine killed", "containerd killed")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for (module, name), seconds in _FIGURES.items():
        monkeypatch.setattr(module, name, seconds)


@pytest.mark.parametrize("backend", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_nothing_is_lost_swapped_or_left(backend: str) -> None:
    if sys.platform != "linux":
        pytest.skip("sandboxes are looked for in /proc")
    trials = list(chaos_results(backends=[backend], names=FAULTS, seed=3, kills=2))
    assert [trial.fault for trial in trials] == list(FAULTS)
    all_is_well(trials)
    asleep = trials[FAULTS.index("machine suspended")]
    assert set(asleep.answers) == {RIGHT}, "a machine that slept lost a request"
    assert asleep.notes == ("Its own requests: 15 right.",)


@pytest.mark.docker
def test_nothing_is_lost_swapped_or_left_when_an_engine_goes_and_comes() -> None:
    trials = list(chaos_results(backends=["docker"], names=ENGINE_FAULTS, seed=3))
    assert [trial.fault for trial in trials] == list(ENGINE_FAULTS)
    if trials[0].skipped:  # it needs root, dockerd and ip(8)
        pytest.skip(trials[0].skipped)
    all_is_well(trials)


def all_is_well(trials: list[Trial]) -> None:
    for trial in trials:
        assert trial.answers[RIGHT] > 0, trial
        assert trial.answers.get(WRONG, 0) == 0, trial
        assert trial.answers.get(HUNG, 0) == 0, trial
        assert trial.left == (), trial
        assert trial.served_after is not None, trial


def test_fault_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"No fault is called 'rain'\. There are: another"):
        run_chaos(backends=["process"], names=["rain"])
