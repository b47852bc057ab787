"""REPORT lines in every shape in which AWS gives them out."""

from __future__ import annotations

import gzip
import json
import random
from typing import TYPE_CHECKING

import pytest

from emulator.sim.traces import cloudwatch
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from pathlib import Path

COLD = (
    "REPORT RequestId: 6f747f1c-1\tDuration: 250.00 ms\tBilled Duration: 251 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 36 MB\tInit Duration: 750.00 ms\t"
)
WARM = (
    "REPORT RequestId: 6f747f1c-2\tDuration: 500.00 ms\tBilled Duration: 500 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 36 MB\t"
)
AT = "2026-11-27T10:00:0"
"""Cold: ends at second 1, came at 0. Warm: ends at second 5, came at 4.5."""
PLATFORM = {
    "time": f"{AT}5.000Z",
    "type": "platform.report",
    "record": {"requestId": "2", "metrics": {"durationMs": 500.0, "memorySizeMB": 512}},
}


def s3_export(path: Path) -> Path:
    with gzip.open(path / "echo.gz", "wt") as file:
        file.write(f"{AT}0.100Z START RequestId: 1 Version: $LATEST\n")
        file.write(f"{AT}1.000Z {COLD}\n{AT}5.000Z {WARM}\n")
    return path / "echo.gz"


def console_csv(path: Path) -> Path:
    text = f'timestamp,message\n1795773601000,"{COLD}\n"\n1795773605000,"{WARM}\n"\n'
    (path / "echo.csv").write_text(text)
    return path / "echo.csv"


def insights_csv(path: Path) -> Path:
    group = "123456789012:/aws/lambda/echo"
    rows = [f'2026-11-27 10:00:0{n}.000,{group},"{line}"' for n, line in ((5, WARM), (1, COLD))]
    (path / "logs-insights.csv").write_text("@timestamp,@log,@message\n" + "\n".join(rows) + "\n")
    return path / "logs-insights.csv"


def filter_log_events(path: Path) -> Path:
    events = [
        {"logStreamName": "2026/11/27/[$LATEST]a", "timestamp": at, "message": line + "\n"}
        for at, line in ((1795773600100, "START"), (1795773601000, COLD), (1795773605000, WARM))
    ]
    (path / "echo.json").write_text(json.dumps({"events": events}, indent=1))
    return path / "echo.json"


def tail(path: Path) -> Path:
    lines = [f"{AT}{n}.000000+00:00 2026/11/27/[$LATEST]a {r}\n" for n, r in ((1, COLD), (5, WARM))]
    (path / "echo.txt").write_text("".join(lines))
    return path / "echo.txt"


def json_logs(path: Path) -> Path:
    cold = {**PLATFORM, "time": f"{AT}1.000Z"}
    cold["record"] = {
        "metrics": {"durationMs": 250.0, "memorySizeMB": 512, "initDurationMs": 750.0}
    }
    lines = [
        f"{each['time']} {json.dumps(each, separators=(',', ':'))}" for each in (cold, PLATFORM)
    ]
    (path / "echo.log").write_text("\n".join(lines) + "\n")
    return path / "echo.log"


@pytest.mark.parametrize(
    "made", [s3_export, console_csv, insights_csv, filter_log_events, tail, json_logs]
)
def test_reports_are_read_from_every_export(tmp_path: Path, made: object) -> None:
    assert callable(made)
    trace = cloudwatch.read(made(tmp_path))
    calls = list(trace.draw(random.Random(1)))
    assert [(call.at, call.function, call.duration) for call in calls] == [
        (0.0, "echo", 0.25),
        (pytest.approx(4.5), "echo", 0.5),
    ]
    assert trace.functions["echo"].memory_mb == 512


def test_file_without_reports_and_report_without_a_time_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "echo.txt"
    path.write_text("START RequestId: 1\n")
    with pytest.raises(TraceError, match=r"echo.txt has no REPORT line"):
        cloudwatch.read(path)
    path.write_text(f"\n{WARM}\n")
    with pytest.raises(TraceError, match=r"echo.txt, line 2: a REPORT without a time"):
        cloudwatch.read(path)
    path.write_text(json.dumps({**PLATFORM, "record": {}}) + "\n")
    with pytest.raises(TraceError, match=r"event 1: a platform.report without 'metrics'"):
        cloudwatch.read(path)
