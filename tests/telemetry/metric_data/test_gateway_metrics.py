from __future__ import annotations

from dataclasses import replace

import pytest

from emulator.telemetry.metric_data.gateway_metrics import Answered, ApiKind, GatewayMetrics

FINE = Answered(ApiKind.HTTP, "abc", "$default", 1_700_000_000.5, 200, 0.125, 0.1)


def totals(*requests: Answered) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    metrics = GatewayMetrics()
    for request in requests:
        metrics.answered(request)
    return {
        (sample.metric.name, sample.metric.dimensions): sample.values.total
        for _, sample in metrics.take()
    }


def test_an_http_api_counts_by_api_and_stage() -> None:
    refused = replace(FINE, status=404, integration_latency=None)
    broken = replace(FINE, status=500)
    found = totals(FINE, refused, broken)
    for owner in ((("ApiId", "abc"),), (("ApiId", "abc"), ("Stage", "$default"))):
        assert found["Count", owner] == 3
        assert found["4xx", owner] == 1
        assert found["5xx", owner] == 1
        assert found["Latency", owner] == 375
        assert found["IntegrationLatency", owner] == 200


def test_a_rest_api_has_names_of_its_own() -> None:
    found = totals(replace(FINE, kind=ApiKind.REST, api="shop", stage="prod", status=403))
    owner = (("ApiName", "shop"), ("Stage", "prod"))
    assert found["4XXError", owner] == 1
    assert found["5XXError", owner] == 0
    assert ("4xx", owner) not in found


@pytest.mark.parametrize("at", [1_700_000_000.5, 1_700_000_039.9])
def test_a_minute_is_that_of_the_request(at: float) -> None:
    metrics = GatewayMetrics()
    metrics.answered(replace(FINE, at_epoch=at))
    assert {sample.at for _, sample in metrics.take()} == {1_699_999_980}
    assert metrics.take() == []
