"""Trains the KDD99 model and writes what the three functions and Locust read.

Needs TensorFlow and scikit-learn; the functions need neither this file nor the data.

    python functions/kdd99/train.py                    # downloads through scikit-learn
    python functions/kdd99/train.py --data http.npz    # X: (rows, 3) of log(x + 0.1), y: (rows,)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dataset import (
    FEATURES,
    LOG_OFFSET,
    Data,
    Floats,
    Integers,
    check,
    load_file,
    load_public,
    split,
    write_requests,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Model:
    """The probability of an attack is sigmoid(((log(x + 0.1) - means) / deviations) w + bias)."""

    means: Floats
    deviations: Floats
    weights: Floats
    bias: float

    def standardise(self, features: Floats) -> NDArray[np.float32]:
        return ((features - self.means) / self.deviations).astype(np.float32)


def tensorflow(seed: int) -> Any:
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    import tensorflow as tf  # noqa: PLC0415 - reads these two once

    tf.random.set_seed(seed)
    tf.config.experimental.enable_op_determinism()
    return tf


def fit(tf: Any, training: Data, tolerance: float = 1e-10, most_steps: int = 100) -> Model:
    """Newton's method on the whole training set, in float64.

    Minimises mean cross-entropy + |w|^2 / (2 rows), scikit-learn's C=1. Without the penalty the
    weights of two classes that a plane almost separates grow without end.
    """
    means, deviations = training.features.mean(axis=0), training.features.std(axis=0)
    rows = len(training.labels)
    features = tf.constant((training.features - means) / deviations)
    labels = tf.constant(training.labels, tf.float64)

    def loss_of(parameters: Any) -> Any:
        logits = tf.linalg.matvec(features, parameters[:3]) + parameters[3]
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(entropy) + tf.reduce_sum(parameters[:3] ** 2) / (2 * rows)

    @tf.function  # type: ignore[untyped-decorator]
    def derivatives(parameters: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(parameters)
            with tf.GradientTape() as inner:
                inner.watch(parameters)
                loss = loss_of(parameters)
            gradient = inner.gradient(loss, parameters)
        return loss, gradient, outer.jacobian(gradient, parameters)

    parameters = tf.zeros(4, tf.float64)
    for step in range(most_steps):
        loss, gradient, hessian = derivatives(parameters)
        slope = float(tf.norm(gradient))
        print(f"step {step:2d}  loss {float(loss):.9f}  gradient {slope:.2e}", flush=True)
        if slope < tolerance:
            break
        move = tf.linalg.solve(hessian, gradient[:, None])[:, 0]
        while loss_of(parameters - move) > loss + 1e-12:
            move /= 2
        parameters -= move
    else:
        raise ArithmeticError(f"The gradient is still {slope:.2e} after {most_steps} steps.")
    solution = parameters.numpy()
    return Model(means, deviations, solution[:3], float(solution[3]))


def save_models(tf: Any, model: Model, folder: Path) -> None:
    """Writes saved_model/ and model.tflite.

    Both take `features`, (rows, 3) float32 and standardised, and give `probability`, (rows,).
    """

    class LogisticRegression(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(model.weights[:, None], dtype=tf.float32)
            self.bias = tf.Variable(model.bias, dtype=tf.float32)

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="features")])  # type: ignore[untyped-decorator]
        def predict(self, features: Any) -> dict[str, Any]:
            logits = tf.squeeze(tf.matmul(features, self.weights), axis=1) + self.bias
            return {"probability": tf.sigmoid(logits)}

    saved = folder / "saved_model"
    module = LogisticRegression()
    tf.saved_model.save(module, str(saved), signatures=module.predict)
    (saved / "fingerprint.pb").unlink()  # holds a random id, which nothing here reads
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    (folder / "model.tflite").write_bytes(converter.convert())


def probabilities_of(tf: Any, model: Model, data: Data, folder: Path) -> Floats:
    """(rows,), by the SavedModel as written."""
    predict = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    answer = predict(features=tf.constant(model.standardise(data.features)))
    return answer["probability"].numpy().astype(np.float64)  # type: ignore[no-any-return]


def confusion(probabilities: Floats, labels: Integers) -> dict[str, int]:
    predicted, actual = probabilities >= THRESHOLD, labels == 1
    return {
        "tp": int(np.count_nonzero(predicted & actual)),
        "fn": int(np.count_nonzero(~predicted & actual)),
        "fp": int(np.count_nonzero(predicted & ~actual)),
        "tn": int(np.count_nonzero(~predicted & ~actual)),
    }


def describe(model: Model, data: Data, training: Data, seed: int, tf: Any) -> dict[str, Any]:
    return {
        "features": list(FEATURES),
        "log_offset": LOG_OFFSET,
        "means": model.means.tolist(),
        "deviations": model.deviations.tolist(),
        "threshold": THRESHOLD,
        "seed": seed,
        "rows": {"all": len(data.labels), "training": len(training.labels)},
        "anomalies": {"all": int(data.labels.sum()), "training": int(training.labels.sum())},
        "data_sha256": data.digest(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "tensorflow": tf.__version__,
        },
    }


def pack(folder: Path, archive: Path) -> None:
    """Same files, same bytes: sorted, without times and owners."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            out.writestr(entry, path.read_bytes())


def train(data: Data, seed: int, test_share: float, folder: Path) -> dict[str, int]:
    """Returns the confusion matrix of the SavedModel on the test rows."""
    tf = tensorflow(seed)
    training, test = split(data, test_share, seed)
    model = fit(tf, training)
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch)
        save_models(tf, model, files)
        probabilities = probabilities_of(tf, model, test, files)
        matrix = confusion(probabilities, test.labels)
        about = describe(model, data, training, seed, tf) | {"confusion": matrix}
        (files / "metadata.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        weights = {"weights": model.weights.tolist(), "bias": model.bias}
        (files / "weights.json").write_text(json.dumps(weights), encoding="utf-8")
        pack(files, folder / "layer" / "kdd99" / "model.zip")
    write_requests(test, probabilities, seed, folder)
    return matrix


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the KDD99 anomaly model and pack it.")
    parser.add_argument("--data", type=Path, help="npz file with X and y (default: download)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test-share", type=float, default=0.3)
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        data = load_file(arguments.data) if arguments.data else load_public()
        check(data)
    except (ValueError, OSError) as error:
        sys.exit(f"train.py: {error}")
    print(f"{len(data.labels):,} rows, {int(data.labels.sum()):,} anomalies", flush=True)
    matrix = train(data, arguments.seed, arguments.test_share, arguments.out)
    print("test set: " + "  ".join(f"{name.upper()} {count:,}" for name, count in matrix.items()))
    print(f"wrote {arguments.out} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
