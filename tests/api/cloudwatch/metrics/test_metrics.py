from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.telemetry.metric_data.gateway_metrics import Answered, ApiKind
from tests.api.cloudwatch.conftest import NOW

if TYPE_CHECKING:
    from tests.api.cloudwatch.conftest import Watched

MINUTE = datetime.fromtimestamp(NOW // 60 * 60, UTC)
"""The minute that it is."""
START = MINUTE - timedelta(minutes=10)
END = MINUTE + timedelta(minutes=1)


def put(watched: Watched, *data: dict[str, Any], namespace: str = "Own") -> None:
    watched.metrics.put_metric_data(Namespace=namespace, MetricData=list(data))


def datum(value: float, *, minute: int = 0, name: str = "Load", **more: Any) -> dict[str, Any]:
    """A datum of a minute before now."""
    at = MINUTE - timedelta(minutes=minute, seconds=-7)
    return {"MetricName": name, "Timestamp": at, "Value": value, **more}


def statistics(watched: Watched, **more: Any) -> list[dict[str, Any]]:
    asked = {
        "Namespace": "Own",
        "MetricName": "Load",
        "StartTime": START,
        "EndTime": END,
        "Period": 60,
    } | ({} if "ExtendedStatistics" in more else {"Statistics": ["Sum"]})
    answer = watched.metrics.get_metric_statistics(**asked | more)
    points: list[dict[str, Any]] = answer["Datapoints"]
    return sorted(points, key=lambda point: point["Timestamp"])


def query(
    stat: str = "Sum", *, name: str = "Load", id_: str = "m1", period: int = 60, **more: Any
) -> dict[str, Any]:
    metric = {"Namespace": "Own", "MetricName": name}
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **more}


def data(watched: Watched, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = watched.metrics.get_metric_data(
        MetricDataQueries=list(queries), StartTime=START, EndTime=END, **more
    )
    return answer


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def test_put_metric_data(watched: Watched) -> None:
    put(
        watched,
        datum(2.0),
        datum(4.0),
        {"MetricName": "Load", "Timestamp": MINUTE, "Values": [1.0, 3.0], "Counts": [2.0, 1.0]},
        {
            "MetricName": "Told",
            "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5},
        },
    )
    every = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]
    (point,) = statistics(watched, Statistics=every)
    assert point == {
        "Timestamp": MINUTE,
        "Unit": "None",
        "SampleCount": 5.0,
        "Average": 2.2,
        "Sum": 11.0,
        "Minimum": 1.0,
        "Maximum": 4.0,
    }
    (told,) = statistics(watched, MetricName="Told", Statistics=every, ExtendedStatistics=["p50"])
    assert (told["Average"], told["Maximum"]) == (2.5, 5.0)
    assert "ExtendedStatistics" not in told


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        ({"Value": 1e200}, "InvalidParameterValue", "The value 1e+200 for parameter"),
        ({"Values": [1.0]}, "InvalidParameterCombination", "mutually exclusive"),
        (
            {"Timestamp": MINUTE + timedelta(hours=3)},
            "InvalidParameterValue",
            "no more than two hours in the future",
        ),
        (
            {"Timestamp": MINUTE - timedelta(days=15)},
            "InvalidParameterValue",
            "within the past two weeks",
        ),
    ],
)
def test_data_that_aws_refuses_are_refused(
    watched: Watched, change: dict[str, Any], code: str, sentence: str
) -> None:
    with pytest.raises(ClientError) as refused:
        put(watched, datum(1.0) | change)
    found = refusal(refused)
    assert found[0] == code
    assert sentence in found[1]


def test_a_namespace_of_awss_own_is_refused(watched: Watched) -> None:
    with pytest.raises(ClientError, match="Namespace is invalid"):
        put(watched, datum(1.0), namespace="AWS/Lambda")


def test_get_metric_statistics(watched: Watched) -> None:
    put(watched, datum(1.0), datum(2.0, minute=1), datum(4.0, minute=3), datum(99.0, minute=11))
    assert [(p["Timestamp"], p["Sum"]) for p in statistics(watched)] == [
        (MINUTE - timedelta(minutes=3), 4.0),
        (MINUTE - timedelta(minutes=1), 2.0),
        (MINUTE, 1.0),
    ]
    assert [(p["Timestamp"], p["Sum"]) for p in statistics(watched, Period=300)] == [
        (START + timedelta(minutes=5), 6.0),
        (START + timedelta(minutes=10), 1.0),
    ]
    (point,) = statistics(watched, Period=3600, ExtendedStatistics=["p50", "tm90"])
    assert point["ExtendedStatistics"] == {"p50": 2.0, "tm90": pytest.approx(5.8 / 2.7)}


def test_statistics_are_of_a_unit_and_of_dimensions(watched: Watched) -> None:
    put(
        watched,
        datum(1.0, Unit="Seconds"),
        datum(2.0, Unit="Bytes"),
        datum(4.0, Dimensions=[{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]),
    )
    assert {p["Unit"]: p["Sum"] for p in statistics(watched)} == {"Seconds": 1.0, "Bytes": 2.0}
    assert [p["Sum"] for p in statistics(watched, Unit="Bytes")] == [2.0]
    both = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]
    assert [p["Sum"] for p in statistics(watched, Dimensions=both)] == [4.0]
    assert statistics(watched, Dimensions=both[:1]) == []


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        ({"ExtendedStatistics": ["p101"]}, "InvalidParameterValue", "p101"),
        ({"StartTime": END}, "InvalidParameterValue", "must be less than"),
        ({"Period": 61}, "InvalidParameterCombination", "Invalid Period 61"),
        (
            {"StartTime": MINUTE - timedelta(days=2)},
            "InvalidParameterCombination",
            "You have requested up to 2,881 datapoints, which exceeds the limit of 1,440.",
        ),
    ],
)
def test_statistics_that_aws_refuses_are_refused(
    watched: Watched, change: dict[str, Any], code: str, sentence: str
) -> None:
    with pytest.raises(ClientError) as refused:
        statistics(watched, **change)
    found = refusal(refused)
    assert found[0] == code
    assert sentence in found[1]


def test_statistics_must_be_named(watched: Watched) -> None:
    with pytest.raises(ClientError) as refused:
        watched.metrics.get_metric_statistics(
            Namespace="Own", MetricName="Load", StartTime=START, EndTime=END, Period=60
        )
    assert refusal(refused)[0] == "MissingParameter"


def test_get_metric_data(watched: Watched) -> None:
    put(watched, datum(1.0), datum(3.0), datum(2.0, minute=1))
    answer = data(watched, query(), query("p90", id_="m2", Label="slow"))
    assert answer["MetricDataResults"] == [
        {
            "Id": "m1",
            "Label": "Load",
            "Timestamps": [MINUTE, MINUTE - timedelta(minutes=1)],
            "Values": [4.0, 2.0],
            "StatusCode": "Complete",
        },
        {
            "Id": "m2",
            "Label": "slow",
            "Timestamps": [MINUTE, MINUTE - timedelta(minutes=1)],
            "Values": [3.0, 2.0],
            "StatusCode": "Complete",
        },
    ]
    ascending = data(watched, query(), ScanBy="TimestampAscending")["MetricDataResults"][0]
    assert ascending["Values"] == [2.0, 4.0]


def test_metric_data_with_math(watched: Watched) -> None:
    put(watched, datum(8.0), datum(2.0, name="Errors"), datum(4.0, minute=2))
    answer = data(
        watched,
        query(id_="calls", ReturnData=False),
        query(name="Errors", id_="errors", ReturnData=False),
        {"Id": "filled", "Expression": "FILL(errors, 0)", "ReturnData": False},
        {"Id": "rate", "Expression": "100 * filled / calls", "Label": "Error rate"},
    )
    (rate,) = answer["MetricDataResults"]
    assert (rate["Label"], rate["Values"]) == ("Error rate", [25.0, 0.0])


@pytest.mark.parametrize(
    ("queries", "sentence"),
    [
        ([query("Median")], "The value Median for parameter MetricDataQueries.member.1"),
        ([query(), query()], "are not unique"),
        ([query(id_="M1")], "is not matching the expected pattern"),
        ([{"Id": "a"}], "either MetricStat or Expression"),
        ([{"Id": "a", "Expression": "b + 1"}], "Error in expression 'a': There is no query 'b'."),
        ([{"Id": "a", "Expression": "a + 1"}], "it refers to itself"),
        ([query(), {"Id": "a", "Expression": "SLICE(m1)"}], "SLICE is not emulated"),
        (
            [query(), {"Id": "e0", "Expression": "m1"}]
            + [{"Id": f"e{n}", "Expression": f"e{n - 1}"} for n in range(99, 0, -1)],
            "too many expressions",
        ),
    ],
)
def test_metric_data_that_aws_refuses_are_refused(
    watched: Watched, queries: list[dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(ClientError) as refused:
        data(watched, *queries)
    assert refusal(refused)[0] == "ValidationError"
    assert sentence in refusal(refused)[1]


def test_metrics_are_listed_by_namespace_name_and_dimension(watched: Watched) -> None:
    dimension = {"Name": "a", "Value": "1"}
    put(watched, datum(1.0), datum(1.0, Dimensions=[dimension]), datum(1.0, name="Other"))
    put(watched, datum(1.0), namespace="Else")

    def listed(**more: Any) -> list[tuple[str, str, int]]:
        return [
            (one["Namespace"], one["MetricName"], len(one["Dimensions"]))
            for one in watched.metrics.list_metrics(**more)["Metrics"]
        ]

    assert listed() == [
        ("Else", "Load", 0),
        ("Own", "Load", 0),
        ("Own", "Load", 1),
        ("Own", "Other", 0),
    ]
    assert listed(Namespace="Own", MetricName="Load") == [("Own", "Load", 0), ("Own", "Load", 1)]
    assert listed(Dimensions=[{"Name": "a"}]) == [("Own", "Load", 1)]
    assert listed(Dimensions=[{"Name": "a", "Value": "2"}]) == []


def test_list_metrics_page_by_page(watched: Watched) -> None:
    for part in range(2):
        put(watched, *(datum(1.0, name=f"{part}-{number}") for number in range(300)))
    pages = [
        len(page["Metrics"]) for page in watched.metrics.get_paginator("list_metrics").paginate()
    ]
    assert pages == [500, 100]


def test_describe_alarms_finds_none(watched: Watched) -> None:
    answer = watched.metrics.describe_alarms()
    assert answer["MetricAlarms"] == []
    assert answer["CompositeAlarms"] == []


def test_log_lines_of_the_embedded_format_are_metrics(watched: Watched) -> None:
    directive = {"Namespace": "Own", "Dimensions": [[]], "Metrics": [{"Name": "Load"}]}
    metadata = {"Timestamp": int(NOW * 1000), "CloudWatchMetrics": [directive]}
    watched.wrote(json.dumps({"_aws": metadata, "Load": [1, 2.5]}))
    watched.wrote("a line between")
    watched.logs.filter_log_events(logGroupName="/aws/lambda/echo")
    (point,) = statistics(watched, Statistics=["Sum", "SampleCount"])
    assert (point["Sum"], point["SampleCount"]) == (3.5, 2.0)


def test_requests_of_an_api_are_metrics(watched: Watched) -> None:
    request = Answered(ApiKind.HTTP, "abc", "$default", NOW, 503, 0.25, None)
    watched.api.loop.call_soon_threadsafe(watched.watch.gateway.answered, request)
    (point,) = statistics(
        watched,
        Namespace="AWS/ApiGateway",
        MetricName="5xx",
        Dimensions=[{"Name": "ApiId", "Value": "abc"}],
    )
    assert (point["Sum"], point["Unit"]) == (1.0, "Count")
