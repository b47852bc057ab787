from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from emulator.errors import TestbedError
from emulator.experiments.runner import model_upload
from emulator.experiments.runner.emulator_process import free_port
from emulator.experiments.runner.model_upload import upload, zipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "saved").mkdir(parents=True)
    (folder / "about.json").write_text("{}")
    (folder / "saved" / "weights").write_bytes(b"\0" * 1000)
    return folder


@pytest.fixture
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def names(archive: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(archive)).namelist()


def test_names_in_the_zip_are_relative_to_the_model_s_folder(model: Path) -> None:
    assert names(zipped(model)) == ["about.json", "saved/weights"]


def test_the_same_folder_gives_the_same_bytes(model: Path) -> None:
    first = zipped(model)
    (model / "about.json").touch()
    assert zipped(model) == first


def test_a_model_is_found_where_its_function_looks(model: Path, s3: str) -> None:
    upload(s3, "kdd99-tf", model)
    upload(s3, "kdd99-tf", model)  # the bucket is there already
    client = boto3.client(
        "s3",
        endpoint_url=s3,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    body = client.get_object(Bucket="models", Key="kdd99-tf.zip")["Body"].read()
    assert names(body) == ["about.json", "saved/weights"]


def test_without_s3_it_is_a_sentence(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_upload, "_TRIES", 1)
    with pytest.raises(TestbedError, match="The model of a could not be put into S3"):
        upload(f"http://127.0.0.1:{free_port()}", "a", model)
