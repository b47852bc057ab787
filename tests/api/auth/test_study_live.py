"""The study through AWS's doors: deployed by boto3 alone, called with signatures.

Code and model are in S3; one role may call the function, another may only look at it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.experiments.runner.model_upload import zipped as zipped_folder
from tests.api.auth.study_by_api import (
    ACCOUNT,
    BUCKET,
    Study,
    invoked,
    logged,
    measured,
    statement_for,
    statement_for_all,
    until,
    zipped,
)
from tests.emulator_process import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = Path(__file__).parents[3] / "functions"
BOTO3 = (FUNCTIONS / "models" / "requirements.txt").read_bytes()
CODE = b"""\
import json, os
import boto3

def handler(event, context):
    s3, bucket = boto3.client("s3"), os.environ["MODEL_BUCKET"]
    if "who" in event:
        return boto3.client("sts").get_caller_identity()["Arn"]
    if "drop" in event:
        try:
            s3.delete_object(Bucket=bucket, Key="model")
        except Exception as error:
            return str(error)
    model = json.loads(s3.get_object(Bucket=bucket, Key="model")["Body"].read())
    score = model["bias"] + sum(w * x for w, x in zip(model["weights"], event["features"]))
    print("scored", score)
    return {"score": score}
"""
MODEL = json.dumps({"bias": 1.0, "weights": [2.0, -1.0]}).encode()
LOOK = ("logs:FilterLogEvents", "cloudwatch:GetMetricData")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    state = tmp_path_factory.mktemp("study") / "state"
    options = ("--backend", "process", "--auth", "strict", "--host-memory", "4096")
    with Emulator(Path("none"), state, *options) as emulator:
        here = Study(emulator.url, state)
        here.prepare(model=MODEL, code=zipped({"app.py": CODE, "requirements.txt": BOTO3}))
        yield here


@pytest.fixture(scope="module")
def linear(study: Study) -> str:
    variables = {"MODEL_BUCKET": BUCKET}
    study.deploy("linear", "code", MemorySize=512, Timeout=30, Environment={"Variables": variables})
    return "linear"


def test_role_that_may_calls_and_the_other_is_told_why_not(study: Study, linear: str) -> None:
    may = study.role("predictor", statement_for(linear, "lambda:InvokeFunction"))
    may_not = study.role("watcher", statement_for_all(*LOOK))
    predictor, watcher = study.client("lambda", may), study.client("lambda", may_not)
    for features, score in (([1, 1], 2.0), ([3, 1], 6.0)):
        assert invoked(predictor, linear, {"features": features}) == {"score": score}
    with pytest.raises(ClientError) as refused:
        watcher.invoke(FunctionName=linear, Payload=b"{}")
    assert str(refused.value) == (
        "An error occurred (AccessDeniedException) when calling the Invoke operation (reached max "
        f"retries: 0): User: arn:aws:sts::{ACCOUNT}:assumed-role/watcher/study is not authorized "
        "to perform: lambda:InvokeFunction on resource: "
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{linear} because no identity-based policy "
        "allows the lambda:InvokeFunction action"
    )
    logs, metrics = study.client("logs", may_not), study.client("cloudwatch", may_not)
    assert until(lambda: len(logged(logs, linear, "scored")) == 2)
    assert [line.strip() for line in logged(logs, linear, "scored")] == ["scored 2.0", "scored 6.0"]
    assert len(logged(logs, linear, '"REPORT RequestId"')) == 2
    assert until(lambda: measured(metrics, linear, "Invocations") == 2)
    assert measured(metrics, linear, "Errors") == 0
    assert 0 < measured(metrics, linear, "Duration", "Maximum") < 30_000
    with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:GetMetricData"):
        measured(study.client("cloudwatch", may), linear, "Invocations")


def test_code_is_its_functions_role_and_no_more(study: Study, linear: str) -> None:
    client = study.client("lambda")
    assert invoked(client, linear, {"who": 1}) == (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/study-function/{linear}"
    )
    told = invoked(client, linear, {"drop": 1})
    assert "AccessDenied" in told
    assert "not authorized to perform: s3:DeleteObject" in told


@pytest.mark.tensorflow
def test_studys_own_function(study: Study) -> None:
    pytest.importorskip("tensorflow")
    name, layer = "kdd99-tf", FUNCTIONS / "kdd99" / "layer"
    files = {
        "app.py": (FUNCTIONS / "kdd99-tf" / "app.py").read_bytes(),
        "kdd99.py": (layer / "python" / "kdd99.py").read_bytes(),
        "http_event.py": (layer / "python" / "http_event.py").read_bytes(),
        "model_loading.py": (
            FUNCTIONS / "models" / "layer" / "python" / "model_loading.py"
        ).read_bytes(),
        "requirements.txt": (FUNCTIONS / "kdd99-tf" / "requirements.txt").read_bytes() + BOTO3,
    }
    s3 = study.client("s3")
    s3.put_object(Bucket=BUCKET, Key="kdd99-tf.zip", Body=zipped_folder(layer / "kdd99"))
    s3.put_object(Bucket=BUCKET, Key="kdd99-tf-code.zip", Body=zipped(files))
    variables = {"MODEL_LOADING": "s3-first-request", "MODEL_BUCKET": BUCKET}
    study.deploy(
        name,
        "kdd99-tf-code.zip",
        MemorySize=1769,
        Timeout=60,
        Environment={"Variables": variables},
    )
    keys = study.role("tf-predictor", statement_for(name, "lambda:InvokeFunction"))
    record = json.loads((FUNCTIONS / "kdd99" / "sample.json").read_text())
    answer = invoked(study.client("lambda", keys), name, _event(record))
    assert answer["statusCode"] == 200


def _event(record: Any) -> dict[str, Any]:
    return {"version": "2.0", "body": json.dumps(record), "isBase64Encoded": False}
