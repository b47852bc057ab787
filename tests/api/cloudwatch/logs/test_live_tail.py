from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.api.cloudwatch.conftest import GROUP, NOW

if TYPE_CHECKING:
    from tests.api.cloudwatch.conftest import Watched

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"


def client(watched: Watched) -> Any:
    """A client that leaves the host name as it is: `stream-127.0.0.1` leads nowhere."""
    return boto3.client(
        "logs",
        endpoint_url=watched.api.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False, retries={"max_attempts": 0}),
    )


def test_start_live_tail(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.api.cloudwatch.logs.live_tail._EVERY", 0.05)
    watched.wrote("ERROR before the session")
    answer = client(watched).start_live_tail(
        logGroupIdentifiers=[ARN], logStreamNamePrefixes=["s"], logEventFilterPattern="ERROR"
    )
    stream = answer["responseStream"]
    watchdog = threading.Timer(60, stream.close)
    watchdog.start()
    events = iter(stream)
    start = next(events)["sessionStart"]
    assert start["logGroupIdentifiers"] == [ARN]
    assert start["logEventFilterPattern"] == "ERROR"
    watched.wrote("ERROR elsewhere", stream="t")
    watched.wrote("fine")
    watched.wrote("ERROR now")
    results: list[dict[str, Any]] = []
    while not results:
        results = next(events)["sessionUpdate"]["sessionResults"]
    watchdog.cancel()
    stream.close()
    assert results == [
        {
            "logStreamName": "s",
            "logGroupIdentifier": ARN,
            "message": "ERROR now",
            "timestamp": int(NOW * 1000),
            "ingestionTime": int(NOW * 1000),
        }
    ]


def test_a_session_asks_for_groups_that_are_there_and_a_pattern_that_is_one(
    watched: Watched,
) -> None:
    start = client(watched).start_live_tail
    with pytest.raises(ClientError, match="The specified log group does not exist"):
        start(logGroupIdentifiers=[ARN])
    watched.wrote("line")
    with pytest.raises(ClientError, match="Invalid character"):
        start(logGroupIdentifiers=[ARN], logEventFilterPattern="a:b")
