"""Runs `testbed validate`: holds predictions against measurements of real AWS Lambda.

Owns the order of work and the files that are written; what is predicted is its neighbours'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.report.page_files import write_page
from emulator.experiments.report.progress import StepProgress
from emulator.experiments.validation.bursts import predict_bursts
from emulator.experiments.validation.cold_starts import predict_cold_starts
from emulator.experiments.validation.datasets import bursts, init_times, long_runs
from emulator.experiments.validation.init_times import predict_inits
from emulator.experiments.validation.memory_curves import CURVES, predict_curve
from emulator.experiments.validation.page import Validation, validation_page

if TYPE_CHECKING:
    from pathlib import Path


def validate(data: Path, seeds: int) -> Validation:
    """Predicts everything that a folder of measurements tells of.

    Raises:
        DatasetError: a kind of measurement is missing, or a line is wrong.
    """
    runs, shots, inits = long_runs(data), bursts(data), init_times(data)
    with StepProgress(3) as progress:
        progress.begin("cold starts")
        cold_starts = tuple(predict_cold_starts(runs, seeds))
        progress.advance()
        progress.begin("bursts")
        predicted = tuple(predict_bursts(shots, seeds))
        progress.advance()
        progress.begin("memory sizes and inits")
        curves = tuple((curve, tuple(predict_curve(curve))) for curve in CURVES)
    return Validation(seeds, cold_starts, predicted, curves, tuple(predict_inits(inits)))


def run_validate(data: Path, *, seeds: int, out: Path) -> Path:
    """Holds predictions against measurements, writes the page, and returns the page's path.

    Raises:
        DatasetError: a kind of measurement is missing, or a line is wrong.
        RunDirectoryError: the folder cannot be written.
    """
    return write_page(validation_page(validate(data, seeds)), out)
