"""The KDD99 model in LiteRT, TensorFlow's runtime for small machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kdd99
from ai_edge_litert.interpreter import Interpreter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL = kdd99.load()
INTERPRETER = Interpreter(model_path=str(MODEL.folder / "model.tflite"), num_threads=1)
SIGNATURE = INTERPRETER.get_signature_runner("serving_default")


def predict(features: NDArray[np.float32]) -> NDArray[np.float32]:
    probability: NDArray[np.float32] = SIGNATURE(features=features)["probability"]
    return probability


def handler(event: Any, _context: Any) -> dict[str, Any]:
    return kdd99.answer(event, MODEL, predict, "kdd99-litert")
