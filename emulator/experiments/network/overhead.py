"""Reads what clients of real Lambda waited beside their function, and fits a table to that.

The measurements are those of pacslab (2020): `pacslab-DATE.csv.gz` with the columns `cold`,
`duration_ms` (Lambda's own) and `client_s` (the client's), a row for each request. What lies
between the two is network, API Gateway and front end together.

The rule stood before the fit was made: warm requests alone, since a cold one waits for more; the
first three runs by date are fitted and all later ones held out; each fitted run counts the same,
however many requests it has, since runs differ more from each other than requests of one run; the
longest thousandth is cut, as one run's is a single request of 10 s.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PATTERN = "pacslab-*.csv.gz"
FITTED_RUNS = 3
SHARES = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 0.999)
"""Shares of requests at which the fitted table has a point; the last is repeated at 1."""
COMPARED = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
"""Shares at which a held-out run is compared: one of 300 requests has no thousandth."""
_DIGITS = 4
"""Decimals of a fitted second; the client's clock has as many."""


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """Holds the seconds by which the warm requests of one run took longer than their function."""

    date: str
    overhead: NDArray[np.float64]

    def at(self, share: float) -> float:
        """Returns the seconds that a share of the requests does not exceed."""
        return float(np.quantile(self.overhead, share))


def read_runs(folder: Path) -> list[MeasuredRun]:
    """Reads every run in a folder, the oldest first.

    Raises:
        SettingsError: there are too few runs to fit some and hold one out, or one is damaged.
    """
    runs = [_read(path) for path in sorted(folder.glob(PATTERN))]
    if len(runs) <= FITTED_RUNS:
        raise SettingsError(
            f"{folder} has {len(runs)} files {PATTERN}; a fit needs more than {FITTED_RUNS}."
        )
    return runs


def _read(path: Path) -> MeasuredRun:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            seconds = [
                float(row["client_s"]) - float(row["duration_ms"]) / 1000
                for row in csv.DictReader(file)
                if row["cold"] == "0"
            ]
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise SettingsError(f"{path} is no run of pacslab: {error!r}.") from error
    if not seconds:
        raise SettingsError(f"{path} has no warm request.")
    date = path.name.removeprefix("pacslab-").removesuffix(".csv.gz")
    return MeasuredRun(date, np.array(seconds))


def fit(runs: Sequence[MeasuredRun]) -> tuple[tuple[float, float], ...]:
    """Returns a table of quantiles: at each share the mean of the runs' own quantiles."""
    points = [
        (share, round(float(np.mean([run.at(share) for run in runs])), _DIGITS)) for share in SHARES
    ]
    return (*points, (1.0, points[-1][1]))


@dataclass(frozen=True, slots=True)
class QuantileError:
    """Holds one quantile of a run that was held out, predicted and real, in seconds."""

    date: str
    share: float
    predicted: float
    real: float

    @property
    def error(self) -> float:
        """Returns by how much the prediction is too long, as a share of what is real."""
        return self.predicted / self.real - 1
