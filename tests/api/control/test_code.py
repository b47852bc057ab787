"""Code comes out of S3 as well as in the request."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.api.control.conftest import create, made, updated, zipped
from tests.api.control.holding import refusal
from tests.api.services.conftest import served_api
from tests.live.aws.stand_ins import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.aws.stand_ins import StandIns


@pytest.fixture(scope="module")
def others() -> Iterator[StandIns]:
    with stand_ins() as here:
        yield here


@pytest.fixture
def s3(others: StandIns) -> Iterator[Any]:
    with closing(others.client("s3")) as client:
        yield client


def test_code_comes_from_an_object_and_its_version(
    s3: Any, others: StandIns, tmp_path: Path
) -> None:
    s3.create_bucket(Bucket="code")
    s3.put_bucket_versioning(Bucket="code", VersioningConfiguration={"Status": "Enabled"})
    old, new = zipped({"app.py": "old"}), zipped({"app.py": "new"})
    version = s3.put_object(Bucket="code", Key="a b/app.zip", Body=old)["VersionId"]
    s3.put_object(Bucket="code", Key="a b/app.zip", Body=new)
    place = {"S3Bucket": "code", "S3Key": "a b/app.zip"}
    with served_api(folder=tmp_path, endpoints={"s3": others.url}) as here:
        client = here.client("lambda")
        made(client, Code=place)
        assert _code(client) == new
        client.update_function_code(FunctionName="echo", S3ObjectVersion=version, **place)
        updated(client)
        assert _code(client) == old
        layer = client.publish_layer_version(LayerName="tools", Content=place)
        assert layer["Content"]["CodeSize"] == len(new)


def test_object_that_is_not_there_is_told_in_lambdas_words(
    s3: Any, others: StandIns, tmp_path: Path
) -> None:
    s3.create_bucket(Bucket="empty")
    with served_api(folder=tmp_path, endpoints={"s3": others.url}) as here:
        client = here.client("lambda")
        for bucket, code in (("empty", "NoSuchKey"), ("no-bucket", "NoSuchBucket")):
            sentence = f"Error occurred while GetObject. S3 Error Code: {code}."
            with pytest.raises(ClientError, match=sentence) as refused:
                create(client, Code={"S3Bucket": bucket, "S3Key": "app.zip"})
            assert refusal(refused) == ("InvalidParameterValueException", 400)


def test_service_that_nobody_serves_is_told(client: Any) -> None:
    with pytest.raises(ClientError, match="Nothing serves s3 here"):
        create(client, Code={"S3Bucket": "code", "S3Key": "app.zip"})


def test_image_has_no_runtime_and_the_digest_of_its_name(client: Any) -> None:
    asked = {"FunctionName": "echo", "Role": "arn:aws:iam::123456789012:role/any"}
    image = f"any.example/app@sha256:{'0' * 64}"
    answer = client.create_function(
        PackageType="Image",
        Code={"ImageUri": image},
        ImageConfig={"Command": ["app.echo"]},
        **asked,
    )
    assert (answer["PackageType"], answer["CodeSha256"]) == ("Image", "0" * 64)
    assert answer["ImageConfigResponse"] == {"ImageConfig": {"Command": ["app.echo"]}}
    assert "Runtime" not in answer
    code = client.get_function(FunctionName="echo")["Code"]
    assert (code["RepositoryType"], code["ImageUri"]) == ("ECR", image)


def _code(client: Any) -> bytes:
    return httpx.get(client.get_function(FunctionName="echo")["Code"]["Location"]).content
