"""API Gateway's access log with the fields of AWS's own examples."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from emulator.sim.traces.api_gateway import read
from emulator.sim.traces.trace import Call
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from pathlib import Path

HTTP = {"requestTime": "27/Nov/2026:10:00:01 +0000", "httpMethod": "POST", "routeKey": "POST /echo"}
REST = {
    "requestTime": "27/Nov/2026:10:00:00 +0000",
    "requestTimeEpoch": "1795773600500",
    "httpMethod": "GET",
    "resourcePath": "/items/{id}",
    "integrationLatency": "250",
}


def calls(path: Path) -> list[Call]:
    trace = read(path)
    return list(trace.calls(random.Random(1), trace.functions))


WANTED = [Call(0.0, "GET /items/{id}", 0.25), Call(0.5, "POST /echo")]


def test_each_line_is_a_request_to_its_route(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(f"{json.dumps(HTTP | {'integrationLatency': '-'})}\n\n{json.dumps(REST)}\n")
    assert calls(path) == WANTED


def test_lines_may_be_events_of_a_log_group(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    events = [{"timestamp": 1, "message": json.dumps(fields)} for fields in (REST, HTTP)]
    path.write_text(json.dumps({"events": events}, indent=1))
    assert calls(path) == WANTED


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("GET / 200", "line 1: no JSON"),
        ('{"routeKey": "GET /"}', "line 1: neither requestTimeEpoch nor requestTime"),
        ('{"requestTimeEpoch": 1}', "line 1: neither routeKey, resourcePath nor path"),
        ('{"requestTimeEpoch": "soon", "path": "/"}', "line 1: 'soon' is no number from 0 on"),
    ],
)
def test_wrong_line_is_refused_with_its_number(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "access.log"
    path.write_text(line)
    with pytest.raises(TraceError, match=told):
        read(path)
