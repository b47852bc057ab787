from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.memory_choice import SizeSample, Strategy, choose
from emulator.experiments.tune.results import TuneResults, tune_document, tune_text

if TYPE_CHECKING:
    from emulator.experiments.tune.tuning import Tuning

SAMPLES = (
    SizeSample(128, (400.0,) * 9, (1e-6,) * 9),
    SizeSample(256, (200.0,) * 9, (2e-6,) * 9),
)
CLOSE = (
    SizeSample(128, (400.0, 200.0) * 5, (1e-6,) * 10),
    SizeSample(256, (300.0,) * 10, (1.0,) * 10),
)


def results(tuning: Tuning, samples: tuple[SizeSample, ...], strategy: Strategy) -> TuneResults:
    return TuneResults(
        replace(tuning, strategy=strategy), samples, choose(samples, strategy), Path("run")
    )


def test_the_text_names_the_winner_and_how_sure_it_is(tuning: Tuning) -> None:
    text = tune_text(results(tuning, SAMPLES, Strategy.SPEED))
    assert "echo: 256 MB for the greatest speed, in 100 % of the resamples." in text
    assert "time   128 MB |########################################\n" in text
    assert "time   256 MB |####################\n" in text
    assert "256 MB   200 ms" in text
    assert "The sizes are close" in tune_text(results(tuning, CLOSE, Strategy.SPEED))


def test_the_document_has_the_same_figures(tuning: Tuning) -> None:
    document = json.loads(json.dumps(tune_document(results(tuning, SAMPLES, Strategy.COST))))
    assert (document["function"], document["best_mb"], document["confidence"]) == ("echo", 128, 1)
    assert document["strategy"] == "cost"
    assert document["sizes"][1] == {
        "memory_mb": 256,
        "time_ms": 200.0,
        "dollars_per_million": pytest.approx(2.0),
        "wins": 0.0,
    }
    assert document["run_dir"] == "run"
    assert document["picture"].startswith("https://lambda-power-tuning.show/#")
