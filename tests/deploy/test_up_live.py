"""`testbed up` with a template of more than functions, on real sandboxes and the companion."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from tests.emulator_process import CODE, Emulator

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("moto")

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  Files: {Type: AWS::S3::Bucket}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
      Events:
        Job: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn}}
        Put: {Type: S3, Properties: {Bucket: !Ref Files, Events: "s3:ObjectCreated:*"}}
        Old: {Type: Api, Properties: {Path: "/old/{id}", Method: get}}
"""
_BOUND = 60.0


def client(service: str, here: Emulator) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=here.url, region_name="us-east-1", **keys)


def wait_for(what: str, here: Emulator, *, in_logs: bool = False) -> None:
    """Waits until the emulator, or a log of its function, has said something."""
    bound = time.monotonic() + _BOUND
    said = ""
    while what not in said:
        assert time.monotonic() < bound, said
        time.sleep(0.1)
        said = httpx.get(f"{here.url}/_testbed/logs/Work").text if in_logs else "".join(here.lines)


def test_templates_queue_bucket_and_api_reach_its_function(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(CODE)
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    with Emulator(template, tmp_path / "state", "--backend", "process") as here:
        wait_for("trigger Work connected: arn:aws:s3:::files", here)
        queue = "https://sqs.us-east-1.amazonaws.com/123456789012/Jobs"
        client("sqs", here).send_message(QueueUrl=queue, MessageBody="a job")
        wait_for("'body': 'a job'", here, in_logs=True)
        client("s3", here).put_object(Bucket="files", Key="a-key", Body=b"1")
        wait_for("'key': 'a-key'", here, in_logs=True)
        assert httpx.get(f"{here.url}/Prod/old/7", timeout=60).status_code == 502  # an echo
        wait_for("'pathParameters': {'id': '7'}", here, in_logs=True)
