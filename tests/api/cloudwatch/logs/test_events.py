from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.api.cloudwatch.conftest import GROUP, NOW

if TYPE_CHECKING:
    from tests.api.cloudwatch.conftest import Watched

NOW_MS = int(NOW * 1000)
DAY_MS = 86_400_000


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def put(watched: Watched, *events: tuple[int, str]) -> dict[str, Any]:
    answer: dict[str, Any] = watched.logs.put_log_events(
        logGroupName=GROUP,
        logStreamName="s",
        logEvents=[{"timestamp": at, "message": message} for at, message in events],
    )
    return answer


def stream(watched: Watched) -> None:
    watched.logs.create_log_group(logGroupName=GROUP)
    watched.logs.create_log_stream(logGroupName=GROUP, logStreamName="s")


def get(watched: Watched, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = watched.logs.get_log_events(
        logGroupName=GROUP, logStreamName="s", **more
    )
    return answer


def test_put_log_events(watched: Watched) -> None:
    stream(watched)
    answer = put(watched, (NOW_MS - 5, "one"), (NOW_MS, "two é\ud83d\ude00"))
    assert len(answer["nextSequenceToken"]) == 56
    assert "rejectedLogEventsInfo" not in answer
    assert get(watched)["events"] == [
        {"timestamp": NOW_MS - 5, "message": "one", "ingestionTime": NOW_MS},
        {"timestamp": NOW_MS, "message": "two é\U0001f600", "ingestionTime": NOW_MS},
    ]


def test_events_too_old_or_too_new_are_rejected_and_told(watched: Watched) -> None:
    stream(watched)
    answer = put(
        watched,
        (NOW_MS - 14 * DAY_MS - 1, "too old"),
        (NOW_MS - 14 * DAY_MS + 1, "in time"),
    )
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    answer = put(watched, (NOW_MS, "now"), (NOW_MS + 3 * 3_600_000, "too new"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    watched.logs.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    answer = put(watched, (NOW_MS - DAY_MS - 1, "expired"), (NOW_MS - 1, "kept"))
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert messages(get(watched)) == ["in time", "kept", "now"]


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        (((2, "b"), (1, "a")), "must be in chronological order"),
        (((0, "b"), (DAY_MS + 1, "a")), "cannot span more than 24 hours"),
        (tuple((1, "x" * 200_000) for _ in range(6)), "exceeds limit of 1048576"),
    ],
)
def test_a_batch_that_aws_refuses_is_refused(
    watched: Watched, events: tuple[tuple[int, str], ...], sentence: str
) -> None:
    stream(watched)
    with pytest.raises(ClientError, match=sentence):
        put(watched, *events)


def test_put_log_events_asks_for_a_stream(watched: Watched) -> None:
    watched.logs.create_log_group(logGroupName=GROUP)
    with pytest.raises(ClientError, match="The specified log stream does not exist"):
        put(watched, (NOW_MS, "one"))


def test_get_log_events_within_a_time(watched: Watched) -> None:
    for at in range(5):
        watched.wrote(f"{at}", at=at)
    assert messages(get(watched, startTime=1000, endTime=3000)) == ["1", "2"]
    assert messages(get(watched, limit=2)) == ["3", "4"]
    assert messages(get(watched, limit=2, startFromHead=True)) == ["0", "1"]


def test_get_log_events_forward_until_the_token_stays(watched: Watched) -> None:
    for at in range(5):
        watched.wrote(f"{at}", at=at)
    seen, token = [], None
    while True:
        more = {} if token is None else {"nextToken": token}
        page = get(watched, limit=2, startFromHead=True, **more)
        seen.append(messages(page))
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert seen == [["0", "1"], ["2", "3"], ["4"], []]
    watched.wrote("later", at=9.0)
    assert messages(get(watched, startFromHead=True, nextToken=token)) == ["later"]


def test_get_log_events_backward_until_the_token_stays(watched: Watched) -> None:
    for at in range(5):
        watched.wrote(f"{at}", at=at)
    seen, token = [], None
    while True:
        more = {} if token is None else {"nextToken": token}
        page = get(watched, limit=2, **more)
        seen.append(messages(page))
        if page["nextBackwardToken"] == token:
            break
        token = page["nextBackwardToken"]
    assert seen == [["3", "4"], ["1", "2"], ["0"], []]
    forward = get(watched, nextToken=page["nextForwardToken"], startFromHead=True)
    assert messages(forward) == ["0", "1", "2", "3", "4"]


def test_get_log_events_of_an_empty_stream_waits_for_the_first(watched: Watched) -> None:
    stream(watched)
    for from_head in (True, False):
        page = get(watched, startFromHead=from_head)
        assert page["events"] == []
        token = page["nextForwardToken"]
        assert get(watched, nextToken=token, startFromHead=True)["nextForwardToken"] == token
    watched.wrote("first")
    assert messages(get(watched, nextToken=token, startFromHead=True)) == ["first"]


@pytest.mark.parametrize("token", ["x", "f/1/s", "g/" + "0" * 56])
def test_a_token_that_was_never_given_is_refused(watched: Watched, token: str) -> None:
    stream(watched)
    with pytest.raises(ClientError, match="nextToken is invalid"):
        get(watched, nextToken=token)


def test_a_page_has_a_mebibyte_at_most(watched: Watched) -> None:
    for at in range(5):
        watched.wrote(f"{at}" * 250_000, at=at)
    page = get(watched, startFromHead=True)
    assert [message[0] for message in messages(page)] == ["0", "1", "2", "3"]
    assert [message[0] for message in messages(get(watched))] == ["1", "2", "3", "4"]
    rest = get(watched, startFromHead=True, nextToken=page["nextForwardToken"])
    assert [message[0] for message in messages(rest)] == ["4"]


def test_a_group_goes_by_its_arn_too(watched: Watched) -> None:
    watched.wrote("line")
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
    answer = watched.logs.get_log_events(logGroupIdentifier=arn, logStreamName="s")
    assert messages(answer) == ["line"]
    with pytest.raises(ClientError, match="mutually exclusive"):
        get(watched, logGroupIdentifier=arn)


def test_filter_log_events(watched: Watched) -> None:
    watched.wrote("START", stream="t", at=1.0)
    watched.wrote("ERROR one", at=2.0)
    watched.wrote("fine", at=3.0)
    watched.wrote("ERROR two", stream="t", at=4.0)
    answer = watched.logs.filter_log_events(logGroupName=GROUP, filterPattern="ERROR")
    first, second = answer["events"]
    assert (first["logStreamName"], second["logStreamName"]) == ("s", "t")
    assert (first["message"], first["timestamp"]) == ("ERROR one", 2000)
    assert first["ingestionTime"] == NOW_MS
    assert first["eventId"] < second["eventId"]
    assert answer["searchedLogStreams"] == []
    assert "nextToken" not in answer


def find(watched: Watched, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = watched.logs.filter_log_events(logGroupName=GROUP, **more)
    return answer


def test_filter_log_events_by_stream_and_time(watched: Watched) -> None:
    for at, name in enumerate(("a1", "b", "a2", "a1")):
        watched.wrote(f"{at}", stream=name, at=at)
    assert messages(find(watched, logStreamNames=["a1"])) == ["0", "3"]
    assert messages(find(watched, logStreamNamePrefix="a")) == ["0", "2", "3"]
    assert messages(find(watched, startTime=1000, endTime=2000)) == ["1", "2"]
    assert messages(find(watched, startFromHead=False)) == ["3", "2", "1", "0"]
    with pytest.raises(ClientError, match="mutually exclusive"):
        find(watched, logStreamNames=["a1"], logStreamNamePrefix="a")


@pytest.mark.parametrize("from_head", [True, False])
def test_filter_log_events_page_by_page(watched: Watched, from_head: bool) -> None:
    for at in range(7):
        watched.wrote(f"{'even' if at % 2 == 0 else 'odd'} {at}", at=at)
    pages, token = [], None
    while True:
        more = {} if token is None else {"nextToken": token}
        page = find(watched, filterPattern="even", limit=2, startFromHead=from_head, **more)
        pages.append(messages(page))
        if (token := page.get("nextToken")) is None:
            break
    expected = [["even 0", "even 2"], ["even 4", "even 6"]]
    assert pages == (expected if from_head else [page[::-1] for page in expected[::-1]])


def test_a_search_goes_on_after_many_events_that_do_not_match(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.api.cloudwatch.logs.reading._MOST_SCANNED", 3)
    for at in range(8):
        watched.wrote("rare" if at == 7 else "common", at=at)
    paginator = watched.logs.get_paginator("filter_log_events")
    pages = [
        messages(page) for page in paginator.paginate(logGroupName=GROUP, filterPattern="rare")
    ]
    assert pages == [[], [], ["rare"]]


def test_a_pattern_that_is_none_is_refused(watched: Watched) -> None:
    watched.wrote("line")
    with pytest.raises(ClientError, match="Invalid character") as refused:
        find(watched, filterPattern="a:b")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
