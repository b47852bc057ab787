"""The HTTP subset of KDD Cup 1999, as Yamanishi et al. (2000) cut it.

Connections of service http with a log-in, described by three columns; one row in 257 is an
attack. Owns what is loaded, what is refused, how it is split and which rows become requests;
knows no model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEATURES = ("duration", "src_bytes", "dst_bytes")
LOG_OFFSET = 0.1
ROWS = 567_498
ANOMALIES = 2_211

SAMPLE_SIZES = (7, 3)  # normal rows, anomalies
RECORD_SIZES = (280, 20)


class DataError(ValueError):
    """The data is not KDD99's HTTP subset; the message says in what."""


@dataclass(frozen=True, slots=True)
class Data:
    """features: (rows, 3), each log(x + 0.1); labels: (rows,), 1 for an attack."""

    features: Floats
    labels: Integers

    def raw(self) -> Integers:
        """(rows, 3) in seconds, bytes, bytes: what KDD99 counted before the logarithm."""
        return np.rint(np.exp(self.features) - LOG_OFFSET).astype(np.int64)

    def at(self, rows: Integers) -> Data:
        return Data(self.features[rows], self.labels[rows])

    def digest(self) -> str:
        """SHA-256 of raw rows, then labels, as little-endian int64: no rounding of a log counts."""
        return hashlib.sha256(
            self.raw().astype("<i8").tobytes() + self.labels.astype("<i8").tobytes()
        ).hexdigest()


def load_public() -> Data:
    """Reads all 4.9 million rows, which takes tens of GB, of which scikit-learn keeps http."""
    from sklearn.datasets import fetch_kddcup99  # noqa: PLC0415 - only this path needs it

    try:
        bunch = fetch_kddcup99(subset="http", percent10=False)
    except OSError as error:
        raise DataError(
            f"KDD99 could not be downloaded ({error}): give a file by --data."
        ) from error
    if tuple(bunch.feature_names) != FEATURES:
        raise DataError(f"The columns are {bunch.feature_names}, not {list(FEATURES)}.")
    return Data(bunch.data.astype(np.float64), (bunch.target != b"normal.").astype(np.int64))


def load_file(path: Path) -> Data:
    with np.load(path) as arrays:
        if missing := {"X", "y"} - set(arrays):
            raise DataError(f"{path} has no array {sorted(missing)}.")
        return Data(arrays["X"].astype(np.float64), arrays["y"].reshape(-1).astype(np.int64))


def check(data: Data, rows: int = ROWS, anomalies: int = ANOMALIES) -> None:
    if data.features.shape != (rows, len(FEATURES)) or data.labels.shape != (rows,):
        raise DataError(
            f"The data has shape {data.features.shape} and {len(data.labels):,} labels: "
            f"{rows:,} rows of {len(FEATURES)} and as many labels are needed."
        )
    if missing := int(np.count_nonzero(~np.isfinite(data.features))):
        raise DataError(f"The data has {missing:,} missing or infinite values.")
    if not np.isin(data.labels, (0, 1)).all():
        raise DataError("A label is neither 0 nor 1.")
    if (found := int(data.labels.sum())) != anomalies:
        raise DataError(f"The data has {found:,} anomalies, not {anomalies:,}.")


def split(data: Data, test_share: float, seed: int) -> tuple[Data, Data]:
    """Training and test rows, both with the whole set's share of anomalies."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - heavy

    training, test = train_test_split(
        np.arange(len(data.labels)), test_size=test_share, stratify=data.labels, random_state=seed
    )
    return data.at(training), data.at(test)


def choose(data: Data, sizes: tuple[int, int], seed: int) -> Integers:
    """Row numbers of `sizes` distinct normal and anomalous rows, in random order."""
    chance = np.random.default_rng(seed)
    _, distinct = np.unique(data.raw(), axis=0, return_index=True)
    chosen = [
        chance.choice(distinct[data.labels[distinct] == label], size, replace=False)
        for label, size in enumerate(sizes)
    ]
    return chance.permutation(np.concatenate(chosen))


def write_requests(test: Data, probabilities: Floats, seed: int, folder: Path) -> None:
    """sample.json is a request; records.json too, and says what each row is and the model's word.

    What is added stands in `labels` and `probabilities`, which a function ignores.
    """
    sample = {"records": test.at(choose(test, SAMPLE_SIZES, seed)).raw().tolist()}
    (folder / "sample.json").write_text(json.dumps(sample) + "\n", encoding="utf-8")
    rows = choose(test, RECORD_SIZES, seed)
    records = {
        "records": test.at(rows).raw().tolist(),
        "labels": test.labels[rows].tolist(),
        "probabilities": np.round(probabilities[rows], 9).tolist(),
    }
    text = json.dumps(records, separators=(",", ":")).replace("],[", "],\n[")
    (folder / "records.json").write_text(text + "\n", encoding="utf-8")
