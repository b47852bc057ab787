"""Where a function's model comes from, and when: what the variable MODEL_LOADING chooses.

A Lambda layer: this file is /opt/python/model_loading.py there. It knows no framework; a function
brings `read`, from a folder to a model.

    package            the deployment package, /var/task/model, at init
    layer              a layer, or what an image has in /opt, at init; where nothing is set
    s3-init            S3, at every init
    s3-first-request   S3, when the first request is here
    s3-tmp             S3 at init, kept in /tmp: a sandbox that is reset finds it there
    s3-every-request   S3, once more for each request
    every-request      the package, once more for each request: the naive way

In S3 the model is one object, a zip whose names are relative to the model's folder: MODEL_KEY
(default: the function's name and .zip) in MODEL_BUCKET (default: models), at AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Model = TypeVar("Model")

LAYERS = Path(__file__).parents[1]
"""/opt, where layers are."""
CONNECT_SECONDS = 5
"""For each of botocore's tries: an init has ten seconds."""


class Loading(StrEnum):
    PACKAGE = "package"
    LAYER = "layer"
    S3_INIT = "s3-init"
    S3_FIRST_REQUEST = "s3-first-request"
    S3_TMP = "s3-tmp"
    S3_EVERY_REQUEST = "s3-every-request"
    EVERY_REQUEST = "every-request"


class ModelError(RuntimeError):
    """The model cannot be had as the environment says; one sentence that tells what to mend."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the environment chose."""

    loading: Loading
    package: Path
    layer: Path
    bucket: str
    key: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def source(
    read: Callable[[Path], Model],
    function: str,
    layer: Path,
    environ: Mapping[str, str] = os.environ,
) -> Callable[[], Model]:
    """For a function's init: loads the model unless that is to be later; gives what returns it.

    `read` must take in all that it needs: its folder may be gone when it has returned. Whatever
    fails at the first request is tried again at the next.

    Raises:
        ModelError: MODEL_LOADING is unknown, or what it names is not there.
    """
    place = place_in(environ, function, layer)
    match place.loading:
        case Loading.EVERY_REQUEST:
            return functools.partial(read, present(place.package))
        case Loading.S3_EVERY_REQUEST:
            return functools.partial(read_fetched, read, place)
        case Loading.S3_FIRST_REQUEST:
            return functools.cache(lambda: read_fetched(read, place))
        case Loading.S3_INIT:
            model = read_fetched(read, place)
        case Loading.S3_TMP:
            model = read(kept(place, Path(tempfile.gettempdir())))
        case Loading.PACKAGE:
            model = read(present(place.package))
        case Loading.LAYER:
            model = read(present(place.layer))
    return lambda: model


def place_in(environ: Mapping[str, str], function: str, layer: Path) -> Place:
    """An empty variable counts as one that is not set."""
    chosen = environ.get("MODEL_LOADING") or Loading.LAYER
    if chosen not in set(Loading):
        raise ModelError(f"MODEL_LOADING must be one of {', '.join(Loading)}, not {chosen!r}.")
    return Place(
        loading=Loading(chosen),
        package=Path(environ.get("LAMBDA_TASK_ROOT") or "/var/task") / "model",
        layer=layer,
        bucket=environ.get("MODEL_BUCKET") or "models",
        key=environ.get("MODEL_KEY") or f"{function}.zip",
    )


def present(folder: Path) -> Path:
    if not folder.is_dir():
        raise ModelError(f"There is no model in {folder}: choose another place by MODEL_LOADING.")
    return folder


def read_fetched(read: Callable[[Path], Model], place: Place) -> Model:
    with tempfile.TemporaryDirectory() as scratch:
        fetch(place, Path(scratch))
        return read(Path(scratch))


def kept(place: Place, parent: Path) -> Path:
    """The fetched folder, named by its address: an object that changed meanwhile is not noticed.

    It appears whole, as an init may be killed half-way.
    """
    folder = parent / f"model-{hashlib.sha256(place.url.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=parent) as scratch:
            fresh = Path(scratch) / "model"
            fetch(place, fresh)
            fresh.rename(folder)
    return folder


def fetch(place: Place, folder: Path) -> None:
    """Unzips the object into the folder."""
    with tempfile.TemporaryFile() as file:
        download(place, file)
        try:
            with zipfile.ZipFile(file) as archive:
                archive.extractall(folder)
        except zipfile.BadZipFile as error:
            raise ModelError(f"{place.url} is no zip of a model's folder ({error}).") from error


def download(place: Place, file: IO[bytes]) -> None:
    # A function that needs no S3 does not pay for these imports.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        # At an endpoint of one's own botocore puts the bucket into the path, not the host's name.
        client = boto3.client("s3", config=Config(connect_timeout=CONNECT_SECONDS))
        shutil.copyfileobj(client.get_object(Bucket=place.bucket, Key=place.key)["Body"], file)
    except ClientError as error:
        raise ModelError(refusal(place, error.response)) from error
    except BotoCoreError as error:
        raise ModelError(f"{place.url} cannot be read: {error}") from error


def refusal(place: Place, response: Mapping[str, Any]) -> str:
    """What to say about an error that S3 answered with."""
    match response["Error"]["Code"]:
        case "NoSuchBucket":
            return f"{place.url} is not there, nor is its bucket: MODEL_BUCKET names another."
        case "NoSuchKey":
            return (
                f"{place.url} is not there: put a zip of the model's folder there, "
                "or name another by MODEL_KEY."
            )
        case code:
            message = response["Error"].get("Message", "no message")
            return f"{place.url} cannot be read: S3 answered {code} ({message})."
