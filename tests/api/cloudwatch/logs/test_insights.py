from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.cloudwatch.conftest import GROUP, NOW

if TYPE_CHECKING:
    from tests.api.cloudwatch.conftest import Watched


def start(watched: Watched, query: str, **more: Any) -> str:
    asked = {"logGroupName": GROUP, "startTime": 0, "endTime": int(NOW), "queryString": query}
    answer = watched.logs.start_query(**asked | more)
    found: str = answer["queryId"]
    return found


def results(watched: Watched, query: str, **more: Any) -> list[dict[str, str]]:
    answer = watched.logs.get_query_results(queryId=start(watched, query, **more))
    assert answer["status"] == "Complete"
    return [{one["field"]: one["value"] for one in row} for row in answer["results"]]


def test_start_query_and_get_query_results(watched: Watched) -> None:
    for at in range(4):
        watched.wrote(f"{'ERROR' if at % 2 else 'fine'} {at}", at=float(at))
    found = results(watched, "filter @message like /ERROR/ | display @message, @logStream")
    assert [row["@message"] for row in found] == ["ERROR 3", "ERROR 1"]
    assert found[0]["@logStream"] == "s"
    assert results(watched, "stats count(*) as n", startTime=1, endTime=2) == [{"n": "2"}]
    assert len(results(watched, "fields @message", limit=3)) == 3


def test_a_query_tells_what_it_scanned(watched: Watched) -> None:
    watched.wrote("four")
    query = start(watched, "stats count(*)", logGroupName=GROUP)
    statistics = watched.logs.get_query_results(queryId=query)["statistics"]
    assert (statistics["recordsScanned"], statistics["bytesScanned"]) == (1.0, 4.0)


@pytest.mark.parametrize("last", ["stats count(*)", "limit 1", "sort @timestamp | limit 1"])
def test_a_query_tells_how_many_events_matched(watched: Watched, last: str) -> None:
    for line in ("good 1", "bad", "good 2"):
        watched.wrote(line)
    query = start(watched, f"fields @message | filter @message like 'good' | {last}")
    answer = watched.logs.get_query_results(queryId=query)
    assert len(answer["results"]) == 1
    assert answer["statistics"]["recordsMatched"] == 2.0


def test_several_groups_are_searched_as_one(watched: Watched) -> None:
    watched.wrote("one", at=1.0)
    watched.wrote("two", at=2.0, group="other")
    asked = {"startTime": 0, "endTime": int(NOW), "queryString": "fields @message, @log"}
    query = watched.logs.start_query(logGroupNames=[GROUP, "other"], **asked)["queryId"]
    rows = watched.logs.get_query_results(queryId=query)["results"]
    assert [[one["value"] for one in row][:2] for row in rows] == [
        ["two", "123456789012:other"],
        ["one", f"123456789012:{GROUP}"],
    ]
    with pytest.raises(ClientError, match="At least one log group"):
        watched.logs.start_query(**asked)


def test_get_log_record(watched: Watched) -> None:
    watched.wrote("line", at=1.0)
    (row,) = results(watched, "fields @ptr")
    record = watched.logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert (record["@message"], record["@timestamp"]) == ("line", "1000")
    with pytest.raises(ClientError, match="pointer is invalid"):
        watched.logs.get_log_record(logRecordPointer="x")


def test_stop_query_of_one_that_has_ended(watched: Watched) -> None:
    watched.wrote("line")
    query = start(watched, "fields @message")
    with pytest.raises(ClientError, match="not in a state"):
        watched.logs.stop_query(queryId=query)
    with pytest.raises(ClientError, match="does not exist"):
        watched.logs.stop_query(queryId="another")


def test_queries_of_a_group_are_listed_the_newest_first(watched: Watched) -> None:
    watched.wrote("line")
    ids = [start(watched, f"limit {number}") for number in (1, 2)]
    queries = watched.logs.describe_queries(logGroupName=GROUP)["queries"]
    assert [one["queryId"] for one in queries] == ids[::-1]
    assert queries[0]["queryString"] == "limit 2"
    assert watched.logs.describe_queries(logGroupName="other")["queries"] == []


def test_a_query_that_is_none_is_refused(watched: Watched) -> None:
    watched.wrote("line")
    with pytest.raises(ClientError) as refused:
        start(watched, "anomaly @message")
    error = refused.value.response["Error"]
    assert error["Code"] == "MalformedQueryException"
    assert "the command anomaly is not emulated" in error["Message"]
