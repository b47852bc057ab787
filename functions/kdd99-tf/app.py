"""The KDD99 model in TensorFlow: a SavedModel, loaded at init, as one would deploy it."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import kdd99

# TensorFlow reads these once, when it is imported. oneDNN has nothing to gain in three columns
# and would sum in another order.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# The import leaves 420,000 objects, hardly any garbage: with the collector off it takes a quarter
# less time, and once frozen they are not gone through again at each later collection.
gc.disable()
import tensorflow as tf  # noqa: E402 - after the settings above

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VISIBLE_CPUS = 2  # Lambda shows two up to 3,008 MB; TensorFlow would count the host's

tf.config.threading.set_intra_op_parallelism_threads(VISIBLE_CPUS)
tf.config.threading.set_inter_op_parallelism_threads(1)
MODEL = kdd99.load()
SAVED_MODEL = tf.saved_model.load(str(MODEL.folder / "saved_model"))
SIGNATURE = SAVED_MODEL.signatures["serving_default"]
gc.freeze()
gc.enable()


def predict(features: NDArray[np.float32]) -> NDArray[np.float32]:
    probability: NDArray[np.float32] = SIGNATURE(features=tf.constant(features))[
        "probability"
    ].numpy()
    return probability


def handler(event: Any, _context: Any) -> dict[str, Any]:
    return kdd99.answer(event, MODEL, predict, "kdd99-tf")
