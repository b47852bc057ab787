"""The KDD99 model in TensorFlow: a SavedModel, loaded at init, as one would deploy it.

MODEL_LOADING chooses another place or time to load it from: see model_loading.py.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import kdd99
import model_loading

# TensorFlow reads these once, when it is imported. oneDNN has nothing to gain in three columns
# and would sum in another order.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# The import leaves 420,000 objects, hardly any garbage: with the collector off it takes a quarter
# less time, and once frozen they are not gone through again at each later collection.
gc.disable()
import tensorflow as tf  # noqa: E402 - after the settings above

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

VISIBLE_CPUS = 2  # Lambda shows two up to 3,008 MB; TensorFlow would count the host's

tf.config.threading.set_intra_op_parallelism_threads(VISIBLE_CPUS)
tf.config.threading.set_inter_op_parallelism_threads(1)


served: Callable[[], Served]


class Served:
    """The model and its network, read from a folder that is not needed afterwards."""

    def __init__(self, folder: Path) -> None:
        self.model = kdd99.load_from(folder)
        # kept, as a signature alone does not keep the variables that it reads
        self._network = tf.saved_model.load(str(self.model.folder / "saved_model"))
        self._signature = self._network.signatures["serving_default"]

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = self._signature(features=tf.constant(features))
        probability: NDArray[np.float32] = answer["probability"].numpy()
        return probability


def _load() -> None:
    global served  # noqa: PLW0603 - a function's init is its module's
    served = model_loading.source(Served, "kdd99-tf", layer=kdd99.ARCHIVE.parent)


# a loaded model has threads, which a snapshot has not: its first prediction would hang
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    from snapshot_restore_py import register_after_restore

    register_after_restore(_load)
else:
    _load()
gc.freeze()
gc.enable()


def handler(event: Any, _context: Any) -> dict[str, Any]:
    current = served()
    return kdd99.answer(event, current.model, current.predict, "kdd99-tf")
