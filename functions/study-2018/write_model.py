"""Writes model/: the weights of functions/kdd99 as a SavedModel of TensorFlow 1.10.

Runs under Python 3.6 with python/requirements.txt installed, like the function that reads it:

    python3.6 functions/study-2018/write_model.py

The same weights give the same numbers, not the same bytes: TensorFlow 1.10 writes the entries of
its maps in any order.
"""

import json
import os
import shutil
import sys
import zipfile

import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINED = os.path.join(HERE, "..", "kdd99", "layer", "kdd99", "model.zip")
WRITTEN = os.path.join(HERE, "model")


def save(weights, bias, folder):
    """Write a model from `features`, (rows, 3) and standardised, to `probability`, (rows,)."""
    with tf.Graph().as_default(), tf.Session() as session:
        features = tf.placeholder(tf.float32, (None, len(weights)), "features")
        factors = tf.Variable(np.array(weights, np.float32)[:, None], name="weights")
        offset = tf.Variable(np.float32(bias), name="bias")
        logits = tf.squeeze(tf.matmul(features, factors), axis=1) + offset
        session.run(tf.global_variables_initializer())
        inputs, outputs = {"features": features}, {"probability": tf.sigmoid(logits)}
        tf.saved_model.simple_save(session, folder, inputs, outputs)


def main():
    if not tf.__version__.startswith("1.10."):
        sys.exit("write_model.py: needs TensorFlow 1.10, not " + tf.__version__)
    with zipfile.ZipFile(TRAINED) as trained:
        parameters = json.loads(trained.read("weights.json").decode())
        about = json.loads(trained.read("metadata.json").decode())
    about["versions"]["saved_model"] = tf.__version__
    shutil.rmtree(WRITTEN, ignore_errors=True)
    save(parameters["weights"], parameters["bias"], os.path.join(WRITTEN, "saved_model"))
    with open(os.path.join(WRITTEN, "metadata.json"), "w") as file:
        json.dump(about, file, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
