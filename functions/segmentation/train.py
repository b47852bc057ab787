"""Trains the segmentation model on generated images and writes what the function reads.

Needs TensorFlow and takes about three minutes on two cores; shows each of its rounds.

    nice python functions/segmentation/train.py
    nice python functions/segmentation/train.py --rounds 2 --out /tmp/smaller

Writes model/saved_model/, model/metadata.json with the scores on images that it never saw, and
sample.json, a request.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapes
from network import unet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Masks = NDArray[np.uint8]
    Predict = Callable[[Masks], Masks]

SIDE = 64
TEST_IMAGES = 1_000
STEEPEST = 3e-3
"""The learning rate at the start; it falls to zero along a cosine."""
SCORED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides what comes out. A round's images are made for it and never seen again."""

    seed: int = 0
    rounds: int = 12
    images_a_round: int = 3_000
    batch: int = 32

    @property
    def steps(self) -> int:
        return self.rounds * -(-self.images_a_round // self.batch)

    @property
    def test_seed(self) -> int:
        """The one after those of the rounds."""
        return self.seed + self.rounds


def tensorflow(seed: int) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf  # noqa: PLC0415 - reads the variable once

    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    return tf


def fit(tf: Any, plan: Plan) -> Any:
    """The trained network. Prints loss and pixel accuracy of every round, on its new images."""
    keras = tf.keras
    network = unet(keras, len(shapes.CLASSES))
    rate = keras.optimizers.schedules.CosineDecay(STEEPEST, plan.steps)
    network.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    for number in range(plan.rounds):
        made = shapes.make(plan.images_a_round, SIDE, plan.seed + number)
        network.fit(
            made.images[..., None],
            made.masks,
            batch_size=plan.batch,
            initial_epoch=number,
            epochs=number + 1,
            verbose=2,
        )
    return network


def save(tf: Any, network: Any, folder: Path) -> None:
    """Writes a SavedModel from `images`, (count, height, width), to `classes` of that shape.

    Both are uint8; height and width divide by 8.
    """
    bare = unet(tf.keras, len(shapes.CLASSES))  # without what the optimiser remembers
    bare.set_weights(network.get_weights())

    class Segmenter(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = bare.variables

        @tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.uint8, name="images")])  # type: ignore[untyped-decorator]
        def segment(self, images: Any) -> dict[str, Any]:
            logits = bare(tf.cast(images, tf.float32)[..., None], training=False)
            return {"classes": tf.cast(tf.argmax(logits, axis=-1), tf.uint8)}

    module = Segmenter()
    tf.saved_model.save(module, str(folder), signatures=module.segment)
    (folder / "fingerprint.pb").unlink()  # holds a random id, which nothing here reads


def read(tf: Any, folder: Path) -> Predict:
    """The SavedModel as a function of images, as many at once as memory bears."""
    saved = tf.saved_model.load(str(folder))
    signature = saved.signatures["serving_default"]

    def predict(images: Masks) -> Masks:
        parts = [
            signature(images=tf.constant(images[first : first + SCORED_AT_ONCE]))["classes"].numpy()
            for first in range(0, len(images), SCORED_AT_ONCE)
        ]
        return np.concatenate(parts)

    predict.saved = saved  # type: ignore[attr-defined]  # a signature alone does not keep it
    return predict


def score(predicted: Masks, actual: Masks) -> dict[str, Any]:
    """Pixel accuracy, and for each class the intersection over the union of all its pixels.

    A class that neither has counts as 1.
    """
    overlaps = {}
    for number, name in enumerate(shapes.CLASSES):
        ours, truth = predicted == number, actual == number
        union = np.count_nonzero(ours | truth)
        overlaps[name] = float(np.count_nonzero(ours & truth) / union) if union else 1.0
    return {
        "pixel_accuracy": round(float(np.mean(predicted == actual)), 5),
        "mean_iou": round(float(np.mean(list(overlaps.values()))), 5),
        "iou": {name: round(overlap, 5) for name, overlap in overlaps.items()},
    }


def describe(tf: Any, plan: Plan, parameters: int, scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "classes": list(shapes.CLASSES),
        "side": SIDE,
        "parameters": parameters,
        "seed": plan.seed,
        "images": {"training": plan.rounds * plan.images_a_round, "test": TEST_IMAGES},
        "test": scores,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "tensorflow": tf.__version__,
        },
    }


def write_sample(image: Masks, path: Path) -> None:
    height, width = image.shape
    request = {"image": base64.b64encode(image.tobytes()).decode(), "shape": [height, width]}
    path.write_text(json.dumps(request) + "\n", encoding="utf-8")


def train(plan: Plan, folder: Path) -> dict[str, Any]:
    """Returns the scores, on images of a seed of their own, of the SavedModel as written."""
    tf = tensorflow(plan.seed)
    network = fit(tf, plan)
    model = folder / "model"
    shutil.rmtree(model, ignore_errors=True)
    save(tf, network, model / "saved_model")
    test = shapes.make(TEST_IMAGES, SIDE, plan.test_seed)
    scores = score(read(tf, model / "saved_model")(test.images), test.masks)
    about = describe(tf, plan, network.count_params(), scores)
    (model / "metadata.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    write_sample(test.images[0], folder / "sample.json")
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the segmentation model.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: here")
    parser.add_argument("--seed", type=int, default=Plan().seed)
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="default: %(default)s")
    arguments = parser.parse_args()
    started = time.monotonic()
    scores = train(Plan(arguments.seed, arguments.rounds), arguments.out)
    print(json.dumps(scores))
    print(f"wrote {arguments.out} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
