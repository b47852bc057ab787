"""The study's two functions of 2018, each in its own language, beside today's.

TESTBED_REQUIRE_STUDY_2018=java,python fails where one of these cannot be had; the tests of one that
is not named are skipped then.
"""

from __future__ import annotations

import base64
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from emulator.experiments.runner.model_upload import upload
from tests.functions.kdd99_java_build import FUNCTION as TODAYS
from tests.functions.kdd99_java_build import CannotBuildError, build
from tests.functions.kdd99_java_process import Running
from tests.functions.python36_build import FUNCTION as PYTHON
from tests.functions.python36_build import CannotInstallError, install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    App = Callable[[str], ModuleType]
    Start = Callable[..., Running]

REQUIRED = "TESTBED_REQUIRE_STUDY_2018"
STUDY = PYTHON.parent
FUNCTIONS = ("kdd99-python-2018", "kdd99-java-2018")
_PYTHON_ANSWERS = """
import json, sys
sys.path[:0] = sys.argv[1:]
import app
for event in sys.stdin:
    print(json.dumps(app.handler(json.loads(event), None)), flush=True)
"""


def command(function: str) -> list[str]:
    """What reads events and writes answers, a line each; skips where it cannot be had."""
    try:
        if function == "kdd99-python-2018":
            python, site = install()
            return [python, "-c", _PYTHON_ANSWERS, str(PYTHON), str(site)]
        target = build(STUDY / "java", function)
        flags = ("-XX:+UseSerialGC", "-Xss2m", "-XX:TieredStopAtLevel=1")
        return ["java", *flags, "-cp", f"{target / 'lib'}/*", "kdd99.Answers"]
    except (CannotInstallError, CannotBuildError) as error:
        if function.split("-")[1] in os.environ.get(REQUIRED, "").split(","):
            pytest.fail(str(error))
        pytest.skip(f"{function} cannot be had: {error}")


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """The model under each function's name, and the variables that lead there."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    for function in FUNCTIONS:
        upload(url, function, STUDY / "model")
    yield {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture(scope="module", params=FUNCTIONS)
def start(
    request: pytest.FixtureRequest, s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Start:
    words = command(request.param)
    home = str(tmp_path_factory.mktemp("home"))

    def begin(**variables: str) -> Running:
        shared = {"PATH": os.environ["PATH"], "HOME": home, "TF_CPP_MIN_LOG_LEVEL": "3"}
        return Running(words, shared | s3 | variables)

    return begin


@pytest.fixture(scope="module")
def function(start: Start) -> Iterator[Running]:
    with start() as running:
        yield running


def probabilities(answer: dict[str, Any]) -> list[float]:
    return [prediction["probability"] for prediction in answer["predictions"]]


def labels(answer: dict[str, Any]) -> list[int]:
    return [prediction["label"] for prediction in answer["predictions"]]


def test_known_records_get_the_probabilities_of_todays_saved_model(
    known: dict[str, Any], function: Running
) -> None:
    answer = function.handler({"records": known["records"]})
    assert probabilities(answer) == pytest.approx(known["probabilities"], rel=0, abs=1e-5)
    assert labels(answer) == known["labels"]


def test_probabilities_in_between_are_those_of_the_reference(app: App, function: Running) -> None:
    chance = np.random.default_rng(0)
    event = {"records": np.exp(chance.uniform(0, [8, 14, 18], (2_000, 3))).tolist()}
    expected = probabilities(app("kdd99-numpy").handler(event, None))
    assert sum(0.01 < value < 0.99 for value in expected) > 200
    assert probabilities(function.handler(event)) == pytest.approx(expected, rel=0, abs=1e-5)


def test_request_through_api_gateway_gets_a_response(
    known: dict[str, Any], function: Running
) -> None:
    plain = function.handler({"records": known["records"][:3]})
    body = json.dumps({"records": known["records"][:3]})
    event = {"requestContext": {"http": {"method": "POST"}}, "version": "2.0", "body": body}
    encoded = event | {"body": base64.b64encode(body.encode()).decode(), "isBase64Encoded": True}
    for sent in (event, encoded):
        response = function.handler(sent)
        assert response["statusCode"] == 200
        assert json.loads(response["body"]) == plain


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, 'The body needs a list in "records".'),
        ({"records": []}, "There must be 1 to 149,000 records, not 0."),
        (
            {"records": [[0, 1]]},
            "Record 0 must be a list or an object of duration, src_bytes, dst_bytes.",
        ),
        (
            {"records": [[0, 0, 0], {"duration": 0, "src_bytes": -1, "dst_bytes": 0}]},
            "Record 1 needs a finite number of at least 0 as its src_bytes.",
        ),
    ],
)
def test_bad_request_is_refused_as_today(
    app: App, function: Running, event: dict[str, Any], message: str
) -> None:
    assert function.handler(event) == {"message": message}
    assert app("kdd99-numpy").handler(event, None) == {"message": message}


def test_each_request_reads_the_model_unless_it_is_kept(
    start: Start, s3: dict[str, str], known: dict[str, Any]
) -> None:
    event = {"records": known["records"][:1]}
    keys = {"MODEL_BUCKET": "models", "MODEL_KEY": "fleeting.zip"}
    upload(s3["AWS_ENDPOINT_URL"], "fleeting", STUDY / "model")
    with start(**keys) as naive, start(**keys, MODEL_LOADING="s3-first-request") as keeping:
        first = naive.handler(event)
        assert keeping.handler(event) == first
        _remove(s3, "fleeting.zip")
        assert keeping.handler(event) == first
        assert "NoSuchKey" in naive.refusal(event)


def _remove(s3: dict[str, str], key: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.delete_object(Bucket="models", Key=key)
    client.close()


def test_unknown_way_of_loading_is_refused_with_those_that_there_are(start: Start) -> None:
    with start(MODEL_LOADING="lazily") as function:
        assert (
            "MODEL_LOADING must be one of s3-every-request, s3-first-request, not lazily."
        ) in function.refusal({})


def test_todays_model_has_the_same_weights() -> None:
    about = json.loads((STUDY / "model" / "metadata.json").read_text(encoding="utf-8"))
    with zipfile.ZipFile(TODAYS.parent / "kdd99" / "layer" / "kdd99" / "model.zip") as archive:
        todays = json.loads(archive.read("metadata.json"))
    assert about.pop("versions")["saved_model"] == "1.10.0"
    todays.pop("versions")
    assert about == todays
