from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.cloudwatch.conftest import GROUP, NOW

if TYPE_CHECKING:
    from tests.api.cloudwatch.conftest import Watched


def names(answer: dict[str, Any]) -> list[str]:
    return [stream["logStreamName"] for stream in answer["logStreams"]]


def test_create_log_stream(watched: Watched) -> None:
    with pytest.raises(ClientError, match="The specified log group does not exist"):
        watched.logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    watched.logs.create_log_group(logGroupName=GROUP)
    watched.logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    with pytest.raises(ClientError, match="The specified log stream already exists"):
        watched.logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    (stream,) = watched.logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert stream["creationTime"] == int(NOW * 1000)
    assert stream["arn"].endswith(f":log-group:{GROUP}:log-stream:s")
    assert "lastEventTimestamp" not in stream


def test_delete_log_stream(watched: Watched) -> None:
    watched.wrote("kept", stream="t")
    watched.wrote("line")
    watched.logs.delete_log_stream(logGroupName=GROUP, logStreamName="s")
    assert names(watched.logs.describe_log_streams(logGroupName=GROUP)) == ["t"]
    events = watched.logs.filter_log_events(logGroupName=GROUP)["events"]
    assert [event["message"] for event in events] == ["kept"]
    with pytest.raises(ClientError, match="The specified log stream does not exist"):
        watched.logs.delete_log_stream(logGroupName=GROUP, logStreamName="s")


def test_describe_log_streams_by_name_prefix_last_event_and_page(watched: Watched) -> None:
    for stream, at in (("b", 30.0), ("a", 20.0), ("ab", 10.0)):
        watched.wrote("line", stream=stream, at=at)

    def describe(**more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = watched.logs.describe_log_streams(logGroupName=GROUP, **more)
        return answer

    assert names(describe()) == ["a", "ab", "b"]
    assert names(describe(descending=True)) == ["b", "ab", "a"]
    assert names(describe(logStreamNamePrefix="a")) == ["a", "ab"]
    by_time = {"orderBy": "LastEventTime", "descending": True}
    assert names(describe(**by_time)) == ["b", "a", "ab"]
    first = describe(**by_time, limit=2)
    assert names(first) == ["b", "a"]
    rest = describe(**by_time, limit=2, nextToken=first["nextToken"])
    assert names(rest) == ["ab"]
    assert "nextToken" not in rest
    with pytest.raises(ClientError, match="Cannot order by LastEventTime"):
        describe(orderBy="LastEventTime", logStreamNamePrefix="a")
    with pytest.raises(ClientError, match="nextToken is invalid"):
        describe(nextToken="never given")


def test_a_stream_tells_the_times_of_its_events(watched: Watched) -> None:
    watched.wrote("first", at=10.5)
    watched.wrote("last", at=20.25)
    (stream,) = watched.logs.describe_log_streams(logGroupIdentifier=GROUP)["logStreams"]
    assert stream["firstEventTimestamp"] == 10_500
    assert stream["lastEventTimestamp"] == 20_250
    assert stream["lastIngestionTime"] == int(NOW * 1000)
