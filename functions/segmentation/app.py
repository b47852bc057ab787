"""Image segmentation in TensorFlow: a U-Net that tells discs, boxes and triangles apart.

MODEL_LOADING chooses where its model comes from, and when: see model_loading.py.
"""

from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING, Any

import model_loading
import segmentation

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is imported

# The import leaves 420,000 objects, hardly any garbage: with the collector off it takes a quarter
# less time, and once frozen they are not gone through again at each later collection.
gc.disable()
import tensorflow as tf  # noqa: E402 - after the settings above

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

VISIBLE_CPUS = 2  # Lambda shows two up to 3,008 MB; TensorFlow would count the host's

tf.config.threading.set_intra_op_parallelism_threads(VISIBLE_CPUS)
tf.config.threading.set_inter_op_parallelism_threads(1)


class Served:
    """The classes and the network, read from a folder that is not needed afterwards."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        self.classes: list[str] = about["classes"]
        # kept, as a signature alone does not keep the variables that it reads
        self._network = tf.saved_model.load(str(folder / "saved_model"))
        self._signature = self._network.signatures["serving_default"]

    def segment(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        answer = self._signature(images=tf.constant(image[None]))
        mask: NDArray[np.uint8] = answer["classes"][0].numpy()
        return mask


served = model_loading.source(Served, "segmentation", model_loading.LAYERS / "segmentation")
gc.freeze()
gc.enable()


def handler(event: Any, _context: Any) -> dict[str, Any]:
    current = served()
    return segmentation.answer(event, current.classes, current.segment, "segmentation")
