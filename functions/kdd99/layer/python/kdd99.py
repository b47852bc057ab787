"""What the KDD99 functions share: the model's files, the request, the features, the answer.

A Lambda layer: this file is /opt/python/kdd99.py there and the model /opt/kdd99/model.zip. It
knows no framework; a function brings `predict`, from features to probabilities.

A request is `{"records": [[duration, src_bytes, dst_bytes], ...]}`: seconds, bytes, bytes. A
record may be an object with those keys as well. The answer is `{"predictions": [{"probability":
p, "label": 0 or 1}, ...], "model": name}`, in the order of the records, p to nine decimals.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import http_event
import numpy as np
from http_event import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ARCHIVE = Path(__file__).parents[1] / "kdd99" / "model.zip"

MOST_ROWS = 149_000
"""A prediction takes up to 42 bytes of the 6,291,556 that Lambda returns, written either way:
compact with its quotes escaped inside `body`, or with the blanks of a plain answer."""


@dataclass(frozen=True, slots=True)
class Model:
    """The unzipped archive: `folder` has saved_model/, model.tflite and weights.json."""

    folder: Path
    fields: tuple[str, ...]
    log_offset: float
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    threshold: float

    def prepare(self, records: NDArray[np.float64]) -> NDArray[np.float32]:
        """(rows, 3) raw -> (rows, 3) standardised logarithms, as every model file takes them."""
        logarithms = np.log(records + self.log_offset)
        return ((logarithms - self.means) / self.deviations).astype(np.float32)


def load(archive: Path = ARCHIVE, parent: Path | None = None) -> Model:
    """Unzips into the temporary folder unless that is done already; for a function's init."""
    return read(unpack(archive, parent or Path(tempfile.gettempdir())))


def load_from(folder: Path) -> Model:
    """From a folder that holds the archive, or what is in it."""
    archive = folder / ARCHIVE.name
    return load(archive) if archive.is_file() else read(folder)


def read(folder: Path) -> Model:
    about = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    return Model(
        folder=folder,
        fields=tuple(about["features"]),
        log_offset=about["log_offset"],
        means=np.array(about["means"]),
        deviations=np.array(about["deviations"]),
        threshold=about["threshold"],
    )


def unpack(archive: Path, parent: Path) -> Path:
    """The folder is named by its content and appears whole: an init may be killed half-way."""
    folder = parent / f"kdd99-{hashlib.sha256(archive.read_bytes()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=parent) as scratch:
        fresh = Path(scratch) / "model"
        with zipfile.ZipFile(archive) as files:
            files.extractall(fresh)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first
                raise
    return folder


def answer(
    event: Any,
    model: Model,
    predict: Callable[[NDArray[np.float32]], NDArray[np.floating]],
    name: str,
) -> dict[str, Any]:
    """The handler. `predict` turns (rows, 3) features into (rows,) probabilities."""

    def serve(request: Any) -> dict[str, Any]:
        features = model.prepare(rows_of(request, model.fields))
        return respond(predict(features), model.threshold, name)

    return http_event.answer(event, serve)


def rows_of(request: Any, fields: tuple[str, ...]) -> NDArray[np.float64]:
    """(rows, 3), checked: finite and not negative."""
    if not isinstance(request, dict):
        raise BadRequest('The body must be a JSON object: {"records": [...]}.')
    records = request.get("records")
    if not isinstance(records, list):
        raise BadRequest('The body needs a list in "records".')
    if not 0 < len(records) <= MOST_ROWS:
        raise BadRequest(f"There must be 1 to {MOST_ROWS:,} records, not {len(records):,}.")
    return np.array([row_of(record, at, fields) for at, record in enumerate(records)], np.float64)


def row_of(record: Any, at: int, fields: tuple[str, ...]) -> list[int | float]:
    row = [record.get(field) for field in fields] if isinstance(record, dict) else record
    if not isinstance(row, list) or len(row) != len(fields):
        raise BadRequest(f"Record {at} must be a list or an object of {', '.join(fields)}.")
    for value, field in zip(row, fields, strict=True):
        # By its exact type, as True is an int; the comparison is false for NaN, and exact for
        # integers that no float holds.
        if type(value) not in {int, float} or not 0 <= value <= sys.float_info.max:
            raise BadRequest(f"Record {at} needs a finite number of at least 0 as its {field}.")
    return row


def respond(probabilities: NDArray[np.floating], threshold: float, name: str) -> dict[str, Any]:
    labels = (probabilities >= threshold).astype(int)
    shown = np.round(probabilities.astype(np.float64), 9)
    return {
        "predictions": [
            {"probability": probability, "label": label}
            for probability, label in zip(shown.tolist(), labels.tolist(), strict=True)
        ],
        "model": name,
    }
