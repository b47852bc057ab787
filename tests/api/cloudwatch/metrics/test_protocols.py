"""The same answers over each protocol that a botocore of some year speaks to CloudWatch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.api.cloudwatch.conftest import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.cloudwatch.conftest import Watched

MINUTE = datetime.fromtimestamp(NOW // 60 * 60, UTC)
SPAN = {"StartTime": MINUTE - timedelta(minutes=5), "EndTime": MINUTE + timedelta(minutes=1)}


def client(folder: Path, url: str, protocol: str) -> Any:
    """A client whose description of CloudWatch knows one protocol alone."""
    session = botocore.session.Session()
    loader = session.get_component("data_loader")
    version = loader.determine_latest_version("cloudwatch", "service-2")
    description = loader.load_service_model("cloudwatch", "service-2")
    metadata = {**description["metadata"], "protocol": protocol, "protocols": [protocol]}
    path = folder / "cloudwatch" / version / "service-2.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**description, "metadata": metadata}))
    fresh = botocore.session.Session()
    fresh.get_component("data_loader").search_paths.insert(0, str(folder))
    return fresh.create_client(
        "cloudwatch",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_metrics_over_a_protocol(watched: Watched, tmp_path: Path, protocol: str) -> None:
    metrics = client(tmp_path, watched.api.url, protocol)
    assert metrics.meta.service_model.protocol == protocol
    datum = {
        "MetricName": "Load",
        "Dimensions": [{"Name": "a", "Value": "1"}],
        "Timestamp": MINUTE,
        "Value": 2.5,
        "Unit": "Seconds",
    }
    metrics.put_metric_data(Namespace="Own", MetricData=[datum, datum | {"Value": 4.0}])
    metric = {"Namespace": "Own", "MetricName": "Load", "Dimensions": datum["Dimensions"]}
    assert metrics.list_metrics(Namespace="Own")["Metrics"] == [metric]
    statistics = metrics.get_metric_statistics(
        **metric, **SPAN, Period=60, Statistics=["Sum"], ExtendedStatistics=["p50"]
    )
    (point,) = statistics["Datapoints"]
    assert (point["Timestamp"], point["Sum"], point["Unit"]) == (MINUTE, 6.5, "Seconds")
    assert point["ExtendedStatistics"] == {"p50": 2.5}
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}
    data = metrics.get_metric_data(MetricDataQueries=[query], **SPAN)
    (result,) = data["MetricDataResults"]
    assert (result["Timestamps"], result["Values"]) == ([MINUTE], [4.0])
    assert metrics.describe_alarms()["MetricAlarms"] == []
    with pytest.raises(ClientError) as refused:
        metrics.get_metric_statistics(**metric, **SPAN, Period=61, Statistics=["Sum"])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterCombination"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
