"""Holds the path that the emulator has against the runs that its fit never saw."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.core.network_path import Connection, WayIn
from emulator.core.network_paths.aws_2020_pacslab import AWS_2020_PACSLAB
from emulator.experiments.network.overhead import (
    COMPARED,
    FITTED_RUNS,
    MeasuredRun,
    QuantileError,
    fit,
    read_runs,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_DRAWN = 100_000
_SEED = 2020


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holds what the emulator's path predicts beside what clients of AWS measured."""

    runs: tuple[MeasuredRun, ...]
    fitted: tuple[tuple[float, float], ...]
    """Table that the first runs give today."""
    predicted: NDArray[np.float64]
    """Seconds that requests lose on the emulator's path, drawn as the emulator draws them."""
    errors: tuple[QuantileError, ...]

    @property
    def seen(self) -> tuple[MeasuredRun, ...]:
        """Returns the runs that the path was fitted to."""
        return self.runs[:FITTED_RUNS]

    @property
    def held_out(self) -> tuple[MeasuredRun, ...]:
        """Returns the runs that the fit never saw."""
        return self.runs[FITTED_RUNS:]

    @property
    def is_current(self) -> bool:
        """Returns whether the emulator's table is what the runs give."""
        return self.fitted == AWS_2020_PACSLAB.front_end.time.points


def compare(folder: Path) -> Comparison:
    """Reads the runs of a folder and compares those held out with the emulator's path.

    Raises:
        SettingsError: the folder has too few runs, or a damaged one.
    """
    runs = tuple(read_runs(folder))
    predicted = _predicted()
    errors = tuple(
        QuantileError(run.date, share, float(np.quantile(predicted, share)), run.at(share))
        for run in runs[FITTED_RUNS:]
        for share in COMPARED
    )
    return Comparison(runs, fit(runs[:FITTED_RUNS]), predicted, errors)


def _predicted() -> NDArray[np.float64]:
    chance = random.Random(_SEED)  # noqa: S311  # a fixed sample
    passages = (
        AWS_2020_PACSLAB.draw(WayIn.HTTP_API, Connection.KEPT, chance) for _ in range(_DRAWN)
    )
    return np.fromiter((each.network + each.gateway for each in passages), float, _DRAWN)
