"""One endpoint for a whole program: boto3 against `testbed up`, with functions as processes."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import emulator.live.companion.process
from tests.emulator_process import Emulator
from tests.processes import gone

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: reader
      CodeUri: code/
      Handler: app.handler
      Runtime: python3.13
      MemorySize: 256
      Timeout: 30
      Environment: {{Variables: {variables}}}
      Events:
        Greedy: {{Type: HttpApi, Properties: {{Method: ANY, Path: "/{{proxy+}}"}}}}
"""
CODE = """\
import os, urllib.request
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/s3/aws4_request, Signature=00"
def handler(event, context):
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    if not isinstance(event, str):
        return endpoint
    request = urllib.request.Request(endpoint + event, headers={"Authorization": SIGNED})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()
"""
MB = 1024 * 1024


def template(folder: Path, variables: str = "{}") -> Path:
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text(CODE)
    path = folder / "template.yaml"
    path.write_text(TEMPLATE.format(variables=variables))
    return path


@contextlib.contextmanager
def up(folder: Path, *options: str, variables: str = "{}") -> Iterator[Emulator]:
    here = template(folder, variables)
    with Emulator(here, folder / "state", "--backend", "process", *options) as emulator:
        yield emulator


@contextlib.contextmanager
def another_moto() -> Iterator[str]:
    """A second server with buckets and queues of its own; where it serves."""
    command = emulator.live.companion.process.COMMAND
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.write(b"\n")  # no secret
        process.stdin.flush()
        try:
            process.stdin.write(b"secret\n")
            process.stdin.flush()
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with another_moto() as url:
        yield url


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, elsewhere: str) -> Iterator[Emulator]:
    with up(tmp_path_factory.mktemp("up"), "--aws-endpoint", f"sns={elsewhere}") as found:
        yield found


def client(service: str, url: str, **config: Any) -> Any:
    """As a program has it that sets nothing but an endpoint and credentials."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, **config),
    )


@pytest.fixture(scope="module")
def bucket(here: Emulator) -> Any:
    resource = boto3.resource(
        "s3",
        endpoint_url=here.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return resource.create_bucket(Bucket="texts")


def test_object_is_put_read_listed_and_deleted(bucket: Any) -> None:
    bucket.put_object(Key="greeting", Body=b"hello", Metadata={"tone": "kind"})
    found = bucket.Object("greeting").get()
    assert (found["Body"].read(), found["Metadata"]) == (b"hello", {"tone": "kind"})
    assert bucket.Object("greeting").content_length == 5  # HEAD
    assert "greeting" in [each.key for each in bucket.objects.all()]
    bucket.Object("greeting").delete()
    assert [each.key for each in bucket.objects.filter(Prefix="greeting")] == []


@pytest.mark.parametrize("key", ["a/../b", "two//slashes", "space +%2F ü?#&=", "healthz"])
def test_key_reaches_the_bucket_as_it_was_sent(bucket: Any, key: str) -> None:
    bucket.put_object(Key=key, Body=key.encode())
    assert [each.key for each in bucket.objects.filter(Prefix=key)] == [key]
    assert bucket.Object(key).get()["Body"].read() == key.encode()


def test_twenty_megabytes_in_parts_come_back_whole(bucket: Any) -> None:
    sent = bytes(range(256)) * (20 * MB // 256)
    bucket.upload_fileobj(io.BytesIO(sent), "large")
    received = bucket.Object("large").get()["Body"].read()
    assert "-" in bucket.Object("large").e_tag  # it went in parts
    assert received == sent


def test_range_of_an_object_is_partial_content(bucket: Any) -> None:
    bucket.put_object(Key="digits", Body=b"0123456789")
    found = bucket.Object("digits").get(Range="bytes=2-4")
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert found["Body"].read() == b"234"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_need_no_credentials(here: Emulator, bucket: Any, version: str) -> None:
    s3 = client("s3", here.url, signature_version=version)
    where = {"Bucket": bucket.name, "Key": f"presigned-{version}"}
    put = httpx.put(s3.generate_presigned_url("put_object", where), content=b"by anyone")
    assert put.status_code == 200
    got = httpx.get(s3.generate_presigned_url("get_object", where))
    assert (got.status_code, got.content) == (200, b"by anyone")


def test_fault_of_a_service_comes_through_as_it_says_it(here: Emulator) -> None:
    with pytest.raises(ClientError) as raised:
        client("s3", here.url).get_object(Bucket="no-such-bucket", Key="x")
    assert raised.value.response["Error"]["Code"] == "NoSuchBucket"


def test_other_services_answer_at_the_same_endpoint(here: Emulator) -> None:
    sqs = client("sqs", here.url)
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    assert queue.startswith(here.url)
    sqs.send_message(QueueUrl=queue, MessageBody="once")
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "once"
    dynamodb = client("dynamodb", here.url)
    dynamodb.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="things", Item={"id": {"S": "1"}})
    assert dynamodb.scan(TableName="things")["Items"] == [{"id": {"S": "1"}}]


def test_service_with_an_endpoint_of_its_own_goes_there(here: Emulator, elsewhere: str) -> None:
    arn = client("sns", here.url).create_topic(Name="news")["TopicArn"]
    assert [t["TopicArn"] for t in client("sns", elsewhere).list_topics()["Topics"]] == [arn]
    assert client("s3", elsewhere).list_buckets()["Buckets"] == []


def test_invocations_and_routes_stay_the_emulators(here: Emulator) -> None:
    invoked = client("lambda", here.url).invoke(FunctionName="reader", Payload=b"{}")
    assert json.load(invoked["Payload"]) == here.url
    assert httpx.get(here.url + "/any/path").text == here.url


def test_function_reads_an_object_through_the_endpoint_in_its_environment(
    here: Emulator, bucket: Any
) -> None:
    bucket.put_object(Key="from-outside", Body=b"read inside")
    invoked = client("lambda", here.url).invoke(
        FunctionName="reader", Payload=json.dumps(f"/{bucket.name}/from-outside").encode()
    )
    assert json.load(invoked["Payload"]) == "read inside"


def children(pid: int) -> list[int]:
    """Of all its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def companions(pid: int) -> list[int]:
    found = []
    for child in children(pid):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if b"companion/server" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_end_of_the_emulator_is_the_companions_end(tmp_path: Path, number: int) -> None:
    with up(tmp_path) as here:
        assert companions(here.process.pid) == []  # nothing asked for it
        client("s3", here.url).list_buckets()
        [companion] = companions(here.process.pid)
        here.end(number)
        assert gone(companion)


def test_function_that_names_an_endpoint_of_its_own_keeps_it(tmp_path: Path) -> None:
    with up(tmp_path, variables="{AWS_ENDPOINT_URL: 'http://of-its-own'}") as here:
        assert httpx.get(here.url + "/x").text == "http://of-its-own"


def test_without_companion_an_unserved_service_says_how_to_serve_it(
    tmp_path: Path, elsewhere: str
) -> None:
    with up(tmp_path, "--no-companion", "--aws-endpoint", f"sqs={elsewhere}") as here:
        assert "QueueUrls" not in client("sqs", here.url).list_queues()
        with pytest.raises(ClientError, match=r"Nothing serves s3 here: .*--aws-endpoint s3=URL"):
            client("s3", here.url).list_buckets()
        with pytest.raises(ClientError, match="Nothing serves dynamodb here"):
            client("dynamodb", here.url).list_tables()


def test_endpoint_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with (
        up(tmp_path, "--aws-endpoint", "s3=http://127.0.0.1:9") as here,
        pytest.raises(ClientError, match=r"s3 at http://127\.0\.0\.1:9 does not answer"),
    ):
        client("s3", here.url).list_buckets()
