"""Moto's server in this process, and boto3's clients of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from moto.server import ThreadedMotoServer

from emulator.live.aws.endpoints import Endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = ("sqs", "sns", "s3", "events", "kinesis", "dynamodb")
ACCOUNT, REGION = "123456789012", "us-east-1"


class StandIns:
    def __init__(self, url: str) -> None:
        self.url = url
        self.endpoints = Endpoints(dict.fromkeys(SERVICES, url), None)

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **keys)


@contextmanager
def stand_ins() -> Iterator[StandIns]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield StandIns("http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()
