from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.telemetry.metric_data.embedded import embedded_samples

DOCUMENT: dict[str, Any] = {
    "_aws": {
        "Timestamp": 1_574_109_732_004,
        "CloudWatchMetrics": [
            {
                "Namespace": "lambda-function-metrics",
                "Dimensions": [["functionVersion"], []],
                "Metrics": [
                    {"Name": "time", "Unit": "Milliseconds", "StorageResolution": 60},
                    {"Name": "quick", "StorageResolution": 1},
                ],
            }
        ],
    },
    "functionVersion": "$LATEST",
    "time": 100,
    "quick": [1, 2.5],
    "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee",
}
"""The user guide's example, with a second metric."""


def test_each_metric_has_a_sample_for_each_set_of_dimensions() -> None:
    found = embedded_samples(json.dumps(DOCUMENT))
    told = [
        (sample.metric.name, sample.metric.dimensions, sample.metric.unit, sample.at)
        for sample in found
    ]
    version = (("functionVersion", "$LATEST"),)
    minute, second = 1_574_109_720, 1_574_109_732
    assert told == [
        ("time", version, "Milliseconds", minute),
        ("time", (), "Milliseconds", minute),
        ("quick", version, "None", second),
        ("quick", (), "None", second),
    ]
    assert {sample.metric.namespace for sample in found} == {"lambda-function-metrics"}
    assert [sample.values.total for sample in found] == [100, 100, 3.5, 3.5]


@pytest.mark.parametrize(
    "change",
    [
        {"time": "many"},
        {"time": None},
        {"time": True},
        {"time": []},
        {"time": [1] * 101},
        {"functionVersion": 7},
        {"_aws": {"CloudWatchMetrics": DOCUMENT["_aws"]["CloudWatchMetrics"]}},
        {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "n"}]}},
        {"_aws": {"Timestamp": 1, "CloudWatchMetrics": 4}},
        {"_aws": None},
    ],
)
def test_what_breaks_the_specification_has_no_metric(change: dict[str, Any]) -> None:
    found = embedded_samples(json.dumps(DOCUMENT | change))
    assert not [one for one in found if one.metric.name == "time" and one.metric.dimensions]


@pytest.mark.parametrize(
    "line", ["START RequestId: 1", '"CloudWatchMetrics"', '{"CloudWatchMetrics": 1}', "[1]"]
)
def test_other_lines_have_no_metric(line: str) -> None:
    assert embedded_samples(line) == []
