"""Restores of a model are measured on real sandboxes, with a framework that every checkout has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.benchmark import model_functions
from emulator.experiments.benchmark.echo_emulator import echo_emulator
from emulator.experiments.benchmark.model_functions import ModelFunction, measure_models

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.runner.emulator_process import EmulatorProcess


def test_model_is_restored_and_predicts_with_the_frameworks_of_this_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        model_functions, "MODEL_FUNCTIONS", (ModelFunction("kdd99-numpy", "numpy"),)
    )
    monkeypatch.setattr(model_functions, "_RESTORES", 2)
    monkeypatch.setattr(model_functions, "_COLD", 1)

    def start(folder: Path, run: str, options: tuple[str, ...]) -> EmulatorProcess:
        return echo_emulator(folder, run, "process", *options, tell=lambda _: None)

    figures, left_out = measure_models("process", tmp_path / "models", start)
    if left_out == ["kdd99-numpy, as no snapshot of it was kept"]:
        pytest.skip("no snapshots are kept on this machine (docs/snapstart.md)")
    assert left_out == []
    assert len(figures) == 4
    assert figures["kdd99-numpy restored p50, ms"] > 0
