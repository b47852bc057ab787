"""The KDD99 model in NumPy, from its plain weights: a cold start without a framework."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import kdd99
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = kdd99.load()
PARAMETERS = json.loads((MODEL.folder / "weights.json").read_text(encoding="utf-8"))
WEIGHTS, BIAS = np.array(PARAMETERS["weights"]), PARAMETERS["bias"]


def predict(features: NDArray[np.float32]) -> NDArray[np.float64]:
    logits = features @ WEIGHTS + BIAS
    probability: NDArray[np.float64] = np.exp(-np.logaddexp(0, -logits))  # never overflows
    return probability


def handler(event: Any, _context: Any) -> dict[str, Any]:
    return kdd99.answer(event, MODEL, predict, "kdd99-numpy")
