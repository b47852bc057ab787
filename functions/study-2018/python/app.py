"""The KDD99 model as the study of 2018 served it: Python 3.6, TensorFlow 1.10, a zip in S3.

Each request is "unpack the zipped model, prepare the input, run the model"; with
MODEL_LOADING=s3-first-request all but the first use what the first unpacked. The zip is the object
MODEL_KEY in MODEL_BUCKET; in it are metadata.json and saved_model/, which write_model.py wrote.
Requests and answers are those of functions/kdd99-tf.

This is Python 3.6: no `from __future__ import annotations`, no dataclass.
"""

import base64
import io
import json
import os
import shutil
import sys
import tempfile
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is imported

import boto3
import numpy as np
import tensorflow as tf
from botocore.client import Config

NAME = "kdd99-python-2018"
MOST_ROWS = 149000
"""What fits into the 6,291,556 bytes that Lambda returns, as in kdd99.py."""
BUCKET = os.environ.get("MODEL_BUCKET") or "models"
KEY = os.environ.get("MODEL_KEY") or NAME + ".zip"
KEPT = "s3-first-request"
LOADINGS = ("s3-every-request", KEPT)
LOADING = os.environ.get("MODEL_LOADING") or LOADINGS[0]
if LOADING not in LOADINGS:
    raise ValueError(
        "MODEL_LOADING must be one of {}, not {}.".format(", ".join(LOADINGS), LOADING)
    )
# Lambda shows two CPUs up to 3,008 MB; TensorFlow would count the host's.
THREADS = tf.ConfigProto(intra_op_parallelism_threads=2, inter_op_parallelism_threads=1)
# botocore of 2018 does not read AWS_ENDPOINT_URL, and without it this is AWS's own S3. On one
# machine no bucket has a host name of its own.
S3 = boto3.client(
    "s3",
    endpoint_url=os.environ.get("AWS_ENDPOINT_URL") or None,
    config=Config(s3={"addressing_style": "path"}),
)


class BadRequest(ValueError):  # noqa: N818 - the name in HTTP
    """One sentence that tells the caller what to mend."""


class Model:
    """The SavedModel of a folder in a session of its own, and what its features are made of."""

    def __init__(self, folder):
        with open(os.path.join(folder, "metadata.json")) as file:
            self.about = json.load(file)
        self.session = tf.Session(graph=tf.Graph(), config=THREADS)
        tags = [tf.saved_model.tag_constants.SERVING]
        saved = tf.saved_model.loader.load(self.session, tags, os.path.join(folder, "saved_model"))
        signature = saved.signature_def["serving_default"]
        self.features = signature.inputs["features"].name
        self.probability = signature.outputs["probability"].name

    def predict(self, records):
        """Return a probability for each row of (rows, 3) raw values."""
        logarithms = np.log(records + self.about["log_offset"])
        features = (logarithms - self.about["means"]) / self.about["deviations"]
        return self.session.run(self.probability, {self.features: features.astype(np.float32)})

    def close(self):
        self.session.close()


def fetched():
    """Return the model, read from S3 and unpacked."""
    archive = S3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    folder = tempfile.mkdtemp()
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            files.extractall(folder)
        return Model(folder)
    finally:
        shutil.rmtree(folder)


def body_of(event):
    """Return what the caller sent, through API Gateway or straight."""
    if not is_http(event):
        return event
    body = event.get("body")
    if not isinstance(body, str) or not body:
        raise BadRequest("The request has no body.")
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body, validate=True).decode()
        return json.loads(body)
    except ValueError:
        raise BadRequest("The body is not JSON in UTF-8.")


def is_http(event):
    """Return whether API Gateway sent the event, in either of its payload formats."""
    return isinstance(event, dict) and "requestContext" in event


def rows_of(request, fields):
    """Return (rows, 3) of numbers that are finite and not negative."""
    records = request.get("records") if isinstance(request, dict) else None
    if not isinstance(records, list):
        raise BadRequest('The body needs a list in "records".')
    if not 0 < len(records) <= MOST_ROWS:
        raise BadRequest("There must be 1 to 149,000 records, not {:,}.".format(len(records)))
    return np.array([row_of(record, at, fields) for at, record in enumerate(records)], float)


def row_of(record, at, fields):
    row = [record.get(field) for field in fields] if isinstance(record, dict) else record
    if not isinstance(row, list) or len(row) != len(fields):
        message = "Record {} must be a list or an object of {}."
        raise BadRequest(message.format(at, ", ".join(fields)))
    for value, field in zip(row, fields):
        # by its exact type, as True is an int; the comparison is false for NaN
        if type(value) not in (int, float) or not 0 <= value <= sys.float_info.max:
            message = "Record {} needs a finite number of at least 0 as its {}."
            raise BadRequest(message.format(at, field))
    return row


def answer(request, model):
    probabilities = model.predict(rows_of(request, model.about["features"])).astype(float)
    labels = probabilities >= model.about["threshold"]
    shown = np.round(probabilities, 9).tolist()
    return {
        "predictions": [
            {"probability": one, "label": int(label)} for one, label in zip(shown, labels)
        ],
        "model": NAME,
    }


class Kept:
    """What the first request left to the others."""

    model = None


def served(event):
    """Return an HTTP status and what to answer."""
    model = Kept.model or fetched()
    try:
        return 200, answer(body_of(event), model)
    except BadRequest as error:
        return 400, {"message": str(error)}
    finally:
        if LOADING == KEPT:
            Kept.model = model
        else:
            model.close()


def handler(event, _context):
    status, body = served(event)
    if not is_http(event):
        return body
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body, separators=(",", ":")),
    }
