"""The Java function through its built jar, beside its Python twins; no Docker.

It is built by `mvn package` in the user's cache folder, once for each state of its sources:
TESTBED_REQUIRE_JAVA=1 fails where that cannot be done, and otherwise the tests are skipped.
"""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from tests.functions.kdd99_java_build import FUNCTION, CannotBuildError, build
from tests.functions.kdd99_java_process import Java, Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    App = Callable[[str], ModuleType]

REQUIRED = "TESTBED_REQUIRE_JAVA"
ARCHIVE = FUNCTION.parent / "kdd99" / "layer" / "kdd99" / "model.zip"
SAMPLE = FUNCTION.parent / "kdd99" / "sample.json"


@pytest.fixture(scope="session")
def target() -> Path:
    try:
        return build()
    except CannotBuildError as error:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(str(error))
        pytest.skip(f"functions/kdd99-java is not built: {error}")


def java_below(target: Path, folder: Path) -> Java:
    """With a package and a temporary folder of its own."""
    for name in ("task/model", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "task" / "model" / "model.zip").write_bytes(ARCHIVE.read_bytes())
    return Java(target, folder / "task", folder / "tmp")


@pytest.fixture
def java(target: Path, tmp_path: Path) -> Java:
    return java_below(target, tmp_path)


@pytest.fixture(scope="module")
def twin(target: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with java_below(target, tmp_path_factory.mktemp("twin")).start() as running:
        yield running


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """A bucket with the model in two forms, and the variables that lead a function to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    reached = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=reached["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="kdd99-tf.zip", Body=ARCHIVE.read_bytes())
    client.put_object(Bucket="models", Key="folder.zip", Body=zipped(ARCHIVE))
    client.put_object(Bucket="models", Key="text.zip", Body=b"not a zip")
    yield reached
    client.close()
    server.stop()


def zipped(file: Path) -> bytes:
    """A zip of the folder that holds the file, with its name alone."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.write(file, file.name)
    return made.getvalue()


def http(body: Any, **more: Any) -> dict[str, Any]:
    return {"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "body": body} | more


def probabilities(answer: dict[str, Any]) -> list[float]:
    return [prediction["probability"] for prediction in answer["predictions"]]


def sample() -> dict[str, Any]:
    return dict(json.loads(SAMPLE.read_text(encoding="utf-8")))


def test_sample_gets_the_answer_of_the_reference(app: App, twin: Running) -> None:
    expected = app("kdd99-numpy").handler(sample(), None)
    answer = twin.handler(sample())
    assert answer["model"] == "kdd99-java"
    assert list(answer) == list(expected)
    assert [list(one) for one in answer["predictions"]] == [["probability", "label"]] * 10
    assert [one["label"] for one in answer["predictions"]] == [
        one["label"] for one in expected["predictions"]
    ]
    assert probabilities(answer) == pytest.approx(probabilities(expected), rel=0, abs=1e-6)


def test_known_records_get_the_probabilities_of_the_saved_model(
    known: dict[str, Any], twin: Running
) -> None:
    answer = twin.handler({"records": known["records"]})
    assert probabilities(answer) == pytest.approx(known["probabilities"], rel=0, abs=1e-6)
    assert [one["label"] for one in answer["predictions"]] == known["labels"]


def test_probabilities_in_between_are_those_of_the_reference(app: App, twin: Running) -> None:
    chance = np.random.default_rng(0)
    event = {"records": np.exp(chance.uniform(0, [8, 14, 18], (5_000, 3))).tolist()}
    expected = probabilities(app("kdd99-numpy").handler(event, None))
    assert sum(0.01 < value < 0.99 for value in expected) > 500
    assert probabilities(twin.handler(event)) == pytest.approx(expected, rel=0, abs=1e-6)


def test_greatest_records_are_values(app: App, twin: Running) -> None:
    event = {"records": [[0, 0, 0], [1.7976931348623157e308] * 3, [0, int(1.7e308), 0]]}
    expected = probabilities(app("kdd99-numpy").handler(event, None))
    assert probabilities(twin.handler(event)) == pytest.approx(expected, rel=0, abs=1e-6)


def test_http_event_gets_json_as_python_writes_it(known: dict[str, Any], twin: Running) -> None:
    response = twin.handler(http(json.dumps({"records": known["records"]})))
    assert (response["statusCode"], response["headers"]) == (
        200,
        {"content-type": "application/json"},
    )
    answer = json.loads(response["body"])
    assert response["body"] == json.dumps(answer, separators=(",", ":"))
    assert any(0 < value < 1e-4 for value in probabilities(answer))  # 4.0166e-05, not 4.0166E-5


def test_body_in_base64_is_read(twin: Running) -> None:
    body = base64.b64encode(json.dumps(sample()).encode()).decode()
    response = twin.handler(http(body, isBase64Encoded=True))
    assert json.loads(response["body"]) == twin.handler(sample())


NO_COUNT: list[Any] = [None, "1", True, [], -1, -1e-300, float("nan"), float("inf"), 10**400]
BAD_REQUESTS: list[Any] = [
    *(None, 1, "a", [], [[0, 1, 2]], True, {}),
    *({"records": records} for records in (None, {"0": [0, 1, 2]}, [], [[0, 0, 0]] * 149_001)),
    *({"records": [[0, 0, 0], row]} for row in (5, "abc", None, [], [1, 2], [1, 2, 3, 4])),
    *({"records": [[0, value, 0]]} for value in NO_COUNT),
    *({"records": [{"duration": 0, "src_bytes": 0, "dst_bytes": value}]} for value in NO_COUNT),
    {"records": [{"duration": 0}]},
]


def test_bad_requests_get_the_words_of_the_reference(app: App, twin: Running) -> None:
    reference = app("kdd99-numpy").handler
    for request in BAD_REQUESTS:
        for event in request, http(json.dumps(request)):
            expected = reference(event, None)
            assert "message" in expected or expected["statusCode"] == 400
            assert twin.handler(event) == expected


BAD_BODIES: list[Any] = [None, "", 7, [], {}, "1" * 5000, "[" * 200_000]
BAD_BASE64 = ["&", "é", "/w==", "QQ", "QQ==QQ=="]
NOT_TRUE: list[Any] = [0, 0.0, "", [], {}, False, None]
TRUE: list[Any] = [1, 0.5, "no", [0], {"a": 0}]


def test_bad_bodies_get_the_words_of_the_reference(app: App, twin: Running) -> None:
    reference = app("kdd99-numpy").handler
    events = [
        *(http(body) for body in BAD_BODIES),
        *(http(body, isBase64Encoded=True) for body in BAD_BASE64),
        *(http("&", isBase64Encoded=value) for value in NOT_TRUE + TRUE),
    ]
    for event in events:
        assert twin.handler(event) == reference(event, None)


@pytest.mark.parametrize(
    ("body", "message", "line", "column"),
    [
        ("{'a': 1}", "Expecting property name enclosed in double quotes", 1, 2),
        ('{"a":1, 1', "Expecting property name enclosed in double quotes", 1, 9),
        ('{"a":1,\n }', "Illegal trailing comma before end of object", 1, 7),
        ("[1\n,\n ]", "Illegal trailing comma before end of array", 2, 1),
        ('{"a" 1}', "Expecting ':' delimiter", 1, 6),
        ("[1\n,\n\n2 3]", "Expecting ',' delimiter", 4, 3),
        ('{"a":1', "Expecting ',' delimiter", 1, 7),
        ("[1,", "Expecting value", 1, 4),
        (" \n -a", "Expecting value", 2, 2),
        ('"\U0001f600" x', "Extra data", 1, 5),
        ("01", "Extra data", 1, 2),
        ("1.5e+", "Extra data", 1, 4),
        ('["abc\\', "Unterminated string starting at", 1, 2),
        ('"a\x01"', "Invalid control character at", 1, 3),
        ('"\\x"', "Invalid \\escape", 1, 2),
        ('"\\ud83d\\u12"', "Invalid \\uXXXX escape", 1, 9),
        ("\ufeff{}", "Unexpected UTF-8 BOM (decode using utf-8-sig)", 1, 1),
    ],
)
def test_text_that_is_not_json_is_refused_as_by_python_313(
    twin: Running, body: str, message: str, line: int, column: int
) -> None:
    """What CPython 3.13.5 said of each; older versions know fewer messages."""
    response = twin.handler(http(body))
    assert response["statusCode"] == 400
    assert json.loads(response["body"]) == {
        "message": f"The body is not JSON: {message} at line {line}, column {column}."
    }


@pytest.mark.parametrize("loading", ["s3-init", "s3-first-request", "s3-tmp"])
def test_model_comes_from_s3(java: Java, s3: dict[str, str], loading: str, twin: Running) -> None:
    answers = java.answers(sample(), sample(), MODEL_LOADING=loading, **s3)
    assert answers == [twin.handler(sample())] * 2


def test_object_may_be_the_folder_that_holds_the_archive(
    java: Java, s3: dict[str, str], twin: Running
) -> None:
    answers = java.answers(sample(), MODEL_LOADING="s3-tmp", MODEL_KEY="folder.zip", **s3)
    assert answers == [twin.handler(sample())]


def test_model_kept_in_tmp_needs_no_s3_any_more(java: Java, s3: dict[str, str]) -> None:
    first = java.answers(sample(), MODEL_LOADING="s3-tmp", **s3)
    gone = s3 | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert java.answers(sample(), MODEL_LOADING="s3-tmp", **gone) == first


def test_model_fetched_at_init_leaves_nothing_in_tmp(java: Java, s3: dict[str, str]) -> None:
    java.answers(sample(), MODEL_LOADING="s3-init", **s3)
    assert not java.unpacked()


def test_s3_is_not_asked_before_the_first_request(java: Java, s3: dict[str, str]) -> None:
    missing = s3 | {"MODEL_LOADING": "s3-first-request", "MODEL_KEY": "missing.zip"}
    assert java.answers(**missing) == []
    assert "s3://models/missing.zip cannot be read" in java.refusal(sample(), **missing)


def test_model_in_s3_is_read_for_every_request(java: Java, s3: dict[str, str]) -> None:
    asked = s3 | {"MODEL_LOADING": "s3-every-request"}
    [first, second] = java.answers(sample(), sample(), **asked)
    assert first == second
    assert not java.unpacked()
    assert java.answers(**asked | {"MODEL_KEY": "missing.zip"}) == []


def test_package_is_read_at_init_or_for_every_request(java: Java, twin: Running) -> None:
    expected = twin.handler(sample())
    with java.start() as once, java.start(MODEL_LOADING="every-request") as naive:
        assert once.handler(sample()) == expected
        assert [naive.handler(sample()), naive.handler(sample())] == [expected] * 2
        java.remove_package()
        assert once.handler(sample()) == expected
        assert "There is no model in" in naive.refusal(sample())


def test_init_without_its_model_says_where_it_looked(java: Java, s3: dict[str, str]) -> None:
    nowhere = str(java.temporary / "nowhere")
    said = java.refusal(LAMBDA_TASK_ROOT=nowhere)
    assert f"There is no model in {nowhere}/model: choose another place by MODEL_LOADING." in said
    said = java.refusal(MODEL_LOADING="layer")
    assert "There is no model in /opt/kdd99: choose another place by MODEL_LOADING." in said
    said = java.refusal(MODEL_LOADING="s3-init", MODEL_KEY="missing.zip", **s3)
    assert "The model s3://models/missing.zip cannot be read: The specified key" in said
    said = java.refusal(MODEL_LOADING="s3-tmp", MODEL_BUCKET="missing", **s3)
    assert "The model s3://missing/kdd99-tf.zip cannot be read: The specified bucket" in said
    said = java.refusal(MODEL_LOADING="s3-tmp", MODEL_KEY="text.zip", **s3)
    assert "The model's file is not a zip, or an empty one." in said
    assert not java.unpacked()


def test_unknown_way_of_loading_is_refused_with_those_that_there_are(java: Java) -> None:
    assert (
        "MODEL_LOADING must be one of package, layer, s3-init, s3-first-request, s3-tmp, "
        "s3-every-request, every-request, not lazily."
    ) in java.refusal(MODEL_LOADING="lazily")
