from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import model_loading
import pytest
from model_loading import Loading, ModelError
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

URL = "s3://models/fruit.zip"
LATER = {"s3-first-request", "s3-every-request", "every-request"}
AT_INIT = [loading for loading in Loading if loading not in LATER]
FROM_S3 = ["s3-init", "s3-first-request", "s3-tmp"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://localhost:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture(autouse=True)
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its /tmp; the variables are those that every Lambda function has."""
    variables = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    for name in variables:
        monkeypatch.setenv(name, "testbed")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return temporary


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client whose bucket `models` has the model under the function's name."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="fruit.zip", Body=zipped("apple from S3"))
    yield client
    for item in client.list_objects_v2(Bucket="models").get("Contents", []):
        client.delete_object(Bucket="models", Key=item["Key"])
    client.delete_bucket(Bucket="models")


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("deep/name.txt", text)
    return file.getvalue()


def read(folder: Path) -> list[str]:
    """A model that tells one reading from another."""
    return [(folder / "deep" / "name.txt").read_text()]


def write(folder: Path, text: str) -> None:
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "deep" / "name.txt").write_text(text)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Callable[[], list[str]]]:
    """An init with `loading`; package and layer have a model each."""
    write(tmp_path / "task" / "model", "apple from the package")
    write(tmp_path / "opt", "apple from the layer")

    def begin(loading: str = "", **variables: str) -> Callable[[], list[str]]:
        task = {"LAMBDA_TASK_ROOT": str(tmp_path / "task"), "MODEL_LOADING": loading}
        return model_loading.source(read, "fruit", tmp_path / "opt", task | variables)

    return begin


@pytest.mark.parametrize(
    ("loading", "place"),
    [
        ("", "the layer"),
        ("layer", "the layer"),
        ("package", "the package"),
        ("every-request", "the package"),
        ("s3-init", "S3"),
        ("s3-first-request", "S3"),
        ("s3-tmp", "S3"),
        ("s3-every-request", "S3"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_model_comes_from_where_the_variable_says(start: Any, loading: str, place: str) -> None:
    assert start(loading)() == [f"apple from {place}"]


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("loading", [*AT_INIT, "s3-first-request"])
def test_model_is_kept_for_later_requests(start: Any, loading: str) -> None:
    model = start(loading)
    assert model() is model()


def test_naive_way_reads_the_package_at_each_request(start: Any, tmp_path: Path) -> None:
    model = start("every-request")
    model()
    write(tmp_path / "task" / "model", "pear")
    assert model() == ["pear"]


def test_model_in_s3_is_read_at_each_request(start: Any, s3: Any) -> None:
    model = start("s3-every-request")
    model()
    s3.put_object(Bucket="models", Key="fruit.zip", Body=zipped("pear"))
    assert model() == ["pear"]


def test_model_of_init_is_read_before_any_request(start: Any, s3: Any, tmp_path: Path) -> None:
    models = {loading: start(loading) for loading in AT_INIT}
    s3.delete_object(Bucket="models", Key="fruit.zip")
    write(tmp_path / "task" / "model", "pear")
    write(tmp_path / "opt", "pear")
    assert [model() for model in models.values()] == [
        ["apple from the package"],
        ["apple from the layer"],
        ["apple from S3"],
        ["apple from S3"],
    ]


def test_first_request_that_finds_no_model_leaves_it_to_the_next(start: Any, s3: Any) -> None:
    s3.delete_object(Bucket="models", Key="fruit.zip")
    model = start("s3-first-request")
    with pytest.raises(ModelError):
        model()
    s3.put_object(Bucket="models", Key="fruit.zip", Body=zipped("late apple"))
    assert model() == ["late apple"]
    s3.delete_object(Bucket="models", Key="fruit.zip")
    assert model() == ["late apple"]


def test_sandbox_that_is_reset_finds_its_model_in_tmp(start: Any, s3: Any) -> None:
    start("s3-tmp")
    s3.delete_object(Bucket="models", Key="fruit.zip")
    assert start("s3-tmp")() == ["apple from S3"]
    with pytest.raises(ModelError):
        start("s3-init")


def test_model_in_tmp_is_not_taken_for_one_of_another_key(start: Any, s3: Any) -> None:
    start("s3-tmp")
    s3.put_object(Bucket="models", Key="pear.zip", Body=zipped("pear"))
    assert start("s3-tmp", MODEL_KEY="pear.zip")() == ["pear"]


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("loading", "left"), [("s3-init", 0), ("s3-first-request", 0), ("s3-tmp", 1)]
)
def test_only_the_way_by_tmp_leaves_a_folder_there(
    start: Any, sandbox: Path, loading: str, left: int
) -> None:
    start(loading)()
    assert len(list(sandbox.iterdir())) == left


@pytest.mark.usefixtures("s3")
def test_what_a_killed_init_left_is_not_taken_for_the_model(start: Any, sandbox: Path) -> None:
    write(sandbox / "tmpkilled" / "model", "half an app")
    assert start("s3-tmp")() == ["apple from S3"]


def test_bucket_and_key_have_variables_of_their_own(start: Any, s3: Any) -> None:
    s3.create_bucket(Bucket="orchard")
    s3.put_object(Bucket="orchard", Key="a/pear.zip", Body=zipped("pear"))
    model = start("s3-init", MODEL_BUCKET="orchard", MODEL_KEY="a/pear.zip")
    assert model() == ["pear"]


@pytest.mark.parametrize("loading", ["", "layer", "package", "every-request"])
def test_function_without_s3_pays_for_no_client(
    start: Any, monkeypatch: pytest.MonkeyPatch, loading: str
) -> None:
    for name in ("boto3", "botocore.config", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)  # an import of it would fail
    assert start(loading)()[0].startswith("apple from the ")


def message(init: Callable[[], Any]) -> str:
    with pytest.raises(ModelError) as caught:
        init()
    return str(caught.value)


def test_unknown_way_is_refused_with_the_known_ones(start: Any) -> None:
    assert message(lambda: start("S3")) == (
        "MODEL_LOADING must be one of package, layer, s3-init, s3-first-request, s3-tmp,"
        " s3-every-request, every-request, not 'S3'."
    )


@pytest.mark.parametrize("loading", ["package", "layer", "every-request"])
def test_folder_that_is_not_there_is_told_at_init(tmp_path: Path, loading: str) -> None:
    environ = {"LAMBDA_TASK_ROOT": str(tmp_path / "task"), "MODEL_LOADING": loading}
    folder = tmp_path / ("opt" if loading == "layer" else "task/model")
    told = message(lambda: model_loading.source(read, "fruit", tmp_path / "opt", environ))
    assert told == f"There is no model in {folder}: choose another place by MODEL_LOADING."


@pytest.mark.parametrize("loading", FROM_S3)
def test_missing_object_is_told_by_its_address(start: Any, s3: Any, loading: str) -> None:
    s3.delete_object(Bucket="models", Key="fruit.zip")

    def ask_once() -> list[str]:
        model: Callable[[], list[str]] = start(loading)
        return model()

    assert message(ask_once) == (
        f"{URL} is not there: put a zip of the model's folder there, or name another by MODEL_KEY."
    )


def test_zip_that_the_documented_command_makes_is_read(start: Any, s3: Any, tmp_path: Path) -> None:
    write(tmp_path / "model", "zipped apple")
    command = [sys.executable, "-m", "zipfile", "-c", str(tmp_path / "fruit.zip"), "deep"]
    subprocess.run(command, check=True, cwd=tmp_path / "model")
    s3.upload_file(str(tmp_path / "fruit.zip"), "models", "fruit.zip")
    assert start("s3-init")() == ["zipped apple"]


@pytest.mark.usefixtures("s3")
def test_missing_bucket_is_told_apart(start: Any) -> None:
    assert message(lambda: start("s3-init", MODEL_BUCKET="none")) == (
        "s3://none/fruit.zip is not there, nor is its bucket: MODEL_BUCKET names another."
    )


def test_object_that_is_no_zip_is_told_and_leaves_nothing(
    start: Any, s3: Any, sandbox: Path
) -> None:
    s3.put_object(Bucket="models", Key="fruit.zip", Body=b"apple")
    told = message(lambda: start("s3-tmp"))
    assert told == f"{URL} is no zip of a model's folder (File is not a zip file)."
    assert list(sandbox.iterdir()) == []


def test_endpoint_that_does_not_answer_is_told_with_the_bucket_in_its_path(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    # the bucket is in the path: no endpoint needs a name for each
    assert message(lambda: start("s3-init")) == (
        f"{URL} cannot be read: Could not connect to the endpoint URL: "
        '"http://localhost:9/models/fruit.zip"'
    )


def test_other_refusals_are_passed_on() -> None:
    place = model_loading.place_in({}, "fruit", model_loading.LAYERS)
    denied = {"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}
    assert model_loading.refusal(place, denied) == (
        f"{URL} cannot be read: S3 answered AccessDenied (Access Denied)."
    )
