"""Uploads a model for the S3 loadings: a zip of its folder, into the emulator's own S3.

Owns the bucket's and the key's names, which cell.py tells the function.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from emulator.errors import TestbedError

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "models"
_TRIES = 3
_TIMES = (1980, 1, 1, 0, 0, 0)
"""Time that every file in the zip has, so that the same folder gives the same bytes."""


def model_key(function: str) -> str:
    """Returns the key of a function's model in the bucket."""
    return f"{function}.zip"


def zipped(folder: Path) -> bytes:
    """Returns a zip of all files below the folder, under their names relative to the folder.

    The files are not compressed: models do not shrink.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _TIMES)
            name.external_attr = 0o644 << 16
            file.writestr(name, path.read_bytes())
    return archive.getvalue()


def upload(url: str, function: str, folder: Path) -> None:
    """Makes the bucket where it is missing, and puts the function's model there.

    Raises:
        TestbedError: S3 does not answer, or boto3 is not installed.
    """
    s3 = _client(url)
    try:
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=model_key(function), Body=zipped(folder))
    except Exception as error:
        # botocore makes its errors' classes at run time, and they share no base with urllib3's
        raise TestbedError(f"The model of {function} could not be put into S3: {error}") from error


def _client(url: str) -> Any:
    try:
        import boto3  # noqa: PLC0415  # only these loadings need it
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        raise TestbedError(
            "The S3 loadings need boto3 to upload the model; install it with: "
            "pip install 'serverless-testbed[aws]'"
        ) from error
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="testbed",
        aws_secret_access_key="testbed",  # noqa: S106  # nobody checks it
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=10,
            read_timeout=60,
            retries={"total_max_attempts": _TRIES},
        ),
    )
