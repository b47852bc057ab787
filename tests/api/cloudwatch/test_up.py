"""CloudWatch of `testbed up`, with boto3 and with `testbed logs`; the logs outlive the emulator."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config

from emulator.cli import main
from tests.emulator_process import BOUND, Emulator, write_template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUP = "/aws/lambda/echo"


def client(emulator: Emulator, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=emulator.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


def up(folder: Path) -> Emulator:
    return Emulator(write_template(folder), folder / "state", "--backend", "process")


def messages(emulator: Emulator, pattern: str) -> list[str]:
    logs = client(emulator, "logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, filterPattern=pattern
    )
    found = [event["message"] for page in pages for event in page["events"]]
    logs.close()
    return found


def eventually(look: Callable[[], bool]) -> None:
    """Waits for what follows an answer a moment later: END, REPORT and the record."""
    deadline = time.monotonic() + BOUND
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_logs_and_metrics_outlive_the_emulator(tmp_path: Path, number: int) -> None:
    with up(tmp_path) as emulator:
        functions = client(emulator, "lambda")
        for place in range(3):
            functions.invoke(FunctionName="echo", Payload=json.dumps(f"call {place}"))
        functions.close()
        eventually(lambda: len(messages(emulator, "REPORT")) == 3)
        eventually(lambda: invocations(emulator) == 3)
        emulator.end(number)
    with up(tmp_path) as emulator:
        assert messages(emulator, '"seen call"') == [f"seen call {place}" for place in range(3)]
        assert len(messages(emulator, "REPORT")) == 3
        assert invocations(emulator) == 3


def invocations(emulator: Emulator) -> float:
    metrics = client(emulator, "cloudwatch")
    now = datetime.now(UTC)
    answer = metrics.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": "echo"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Sum"],
    )
    metrics.close()
    return sum(point["Sum"] for point in answer["Datapoints"])


def test_testbed_logs_filters_and_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with up(tmp_path) as emulator:
        functions = client(emulator, "lambda")
        functions.invoke(FunctionName="echo", Payload='"first"')
        arguments = ["logs", "echo", "--url", emulator.url, "--filter", "seen"]
        eventually(lambda: messages(emulator, "seen") == ["seen first"])
        assert main(arguments) == 0
        assert capsys.readouterr().out == "seen first\n"
        command = [sys.executable, "-m", "emulator.cli", *arguments, "--follow"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout is not None
            watchdog = threading.Timer(BOUND, following.kill)
            watchdog.start()
            assert following.stdout.readline() == "seen first\n"
            functions.invoke(FunctionName="echo", Payload='"second"')
            assert following.stdout.readline() == "seen second\n"
            following.send_signal(signal.SIGINT)
            assert following.wait(BOUND) in {0, 130}
            watchdog.cancel()
        functions.close()
        assert main(["logs", "nobody", "--url", emulator.url]) == 1
        assert "No function is called nobody" in capsys.readouterr().err


def test_requests_through_an_api_are_metrics(tmp_path: Path) -> None:
    with up(tmp_path) as emulator:
        assert httpx.post(f"{emulator.url}/echo", json=1).status_code == 200
        eventually(
            lambda: (
                names_of_gateway_metrics(emulator)
                == {"Count", "4xx", "5xx", "Latency", "IntegrationLatency"}
            )
        )


def names_of_gateway_metrics(emulator: Emulator) -> set[str]:
    metrics = client(emulator, "cloudwatch")
    listed = metrics.list_metrics(Namespace="AWS/ApiGateway")["Metrics"]
    metrics.close()
    return {one["MetricName"] for one in listed}
