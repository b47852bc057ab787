"""Runs the event sources of the trial, which live on when the emulator is killed: moto's server."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import httpx

from emulator.errors import TestbedError
from emulator.experiments.runner.emulator_process import end, free_port

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT, REGION = "123456789012", "us-east-1"
QUEUE, STREAM = "lost-events", "lost-events"
_READY_WITHIN = 60.0
_VISIBILITY = "5"
"""Seconds after which messages come again that a killed emulator had received."""


class Sources:
    """Serves a queue and a stream at `url` while the context lasts."""

    def __init__(self, log: Path) -> None:
        self._port = free_port()
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def queue_arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}"

    @property
    def stream_arn(self) -> str:
        return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{STREAM}"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, text=True, start_new_session=True
            )
        try:
            self._wait_until_ready()
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process, within=5)

    def client(self, service: str) -> Any:
        """Returns boto3's client of a service there."""
        return client(service, self.url)

    def send(self, identifier: str) -> None:
        """Puts an event into the queue or the stream, by what its id begins with."""
        if identifier.startswith("queue"):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=identifier)
        else:
            self._kinesis.put_record(
                StreamName=STREAM, Data=identifier, PartitionKey=identifier[-1]
            )

    def queued(self) -> int:
        """Returns how many messages the queue has, be they visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"{self.url}/moto-api/data.json", timeout=2)
                return
            time.sleep(0.1)
        raise TestbedError(f"moto's server did not serve within {_READY_WITHIN:g} s ({self._log}).")

    def _make(self) -> None:
        self._sqs, self._kinesis = self.client("sqs"), self.client("kinesis")
        attributes = {"VisibilityTimeout": _VISIBILITY}
        self._url = self._sqs.create_queue(QueueName=QUEUE, Attributes=attributes)["QueueUrl"]
        self._kinesis.create_stream(StreamName=STREAM, ShardCount=2)


def client(service: str, url: str) -> Any:
    """Returns boto3's client of a service at an address; calls that fail are not repeated."""
    import boto3  # noqa: PLC0415  # part of an extra
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testbed",
        aws_secret_access_key="testbed",  # noqa: S106  # moto looks at none
        config=Config(
            retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20, max_pool_connections=16
        ),
    )
