"""The testbed's own pages, and to whom they are closed."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpx
import pytest

from emulator.api.app import Face, create_app
from emulator.api.peers import SandboxClients
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.routes import RouteTable
from emulator.telemetry.log_store import Logs
from emulator.telemetry.metrics import Metrics
from tests.emulator_process import Emulator, write_template

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.engine import Engine
    from tests.api.conftest import Served

BOUND = 60.0
"""Seconds that any one wait may take."""
SANDBOX, USER = "172.17.0.3", "127.0.0.1"


class _NoFunctions:
    functions: ClassVar[dict[str, Any]] = {"echo:$LATEST": None}
    sandboxes: ClassVar[dict[int, Any]] = {}

    def now(self) -> float:
        return 0.0


def ask(client: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    app = create_app(
        Face(
            cast("Engine", _NoFunctions()),
            RouteTable([]),
            port=8000,
            profile=AWS_2025,
            backend="docker",
            logs=Logs("test"),
            metrics=Metrics(AWS_2025, list),
            sandboxes=SandboxClients([ipaddress.ip_network("172.17.0.0/16")]),
        )
    )
    transport = httpx.ASGITransport(cast("Any", app), client=(client, 40000))

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://172.17.0.1:8000"
        ) as http:
            return await http.get(path, headers=headers)

    return asyncio.run(get())


@pytest.mark.parametrize("path", ["/metrics", "/_testbed/sandboxes", "/_testbed/logs/echo"])
@pytest.mark.parametrize("headers", [{}, {"x-forwarded-for": USER}], ids=["plain", "forwarded"])
def test_page_of_the_testbed_is_closed_to_sandboxes(path: str, headers: dict[str, str]) -> None:
    assert ask(USER, path).status_code == 200
    refused = ask(SANDBOX, path, headers)
    assert refused.status_code == 403
    assert refused.json() == {"detail": "The testbed's own pages are closed to sandboxes."}


def test_health_is_told_to_everyone() -> None:
    assert ask(SANDBOX, "/healthz").json()["status"] == "ok"


def test_clients_address_is_the_connections_and_not_what_it_claims(emulator: Served) -> None:
    event = httpx.post(f"{emulator.url}/echo/1", headers={"x-forwarded-for": "9.9.9.9"}).json()
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"


CODE = """\
import os, urllib.error, urllib.request
def handler(event, context):
    try:
        with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + event, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
"""


@pytest.mark.parametrize("backend", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_function_is_told_nothing_of_others(tmp_path: Path, backend: str) -> None:
    template = write_template(tmp_path)
    (tmp_path / "code" / "app.py").write_text(CODE)
    options = ("--backend", backend, "--no-companion")
    with Emulator(template, tmp_path / "state", *options) as here:
        invoke = f"{here.url}/2015-03-31/functions/echo/invocations"
        for path in ("/metrics", "/_testbed/sandboxes", "/_testbed/logs/echo"):
            assert httpx.post(invoke, json=path, timeout=60).json() == 403
            assert httpx.get(here.url + path).status_code == 200
        assert httpx.post(invoke, json="/healthz", timeout=60).json() == 200


def test_health_names_backend_and_profile(emulator: Served) -> None:
    answer = httpx.get(f"{emulator.url}/healthz")
    assert answer.json() == {"status": "ok", "backend": "scripted", "profile": "aws-2025"}


def test_sandboxes_are_listed(emulator: Served) -> None:
    httpx.post(f"{emulator.url}/echo/1")
    deadline = time.monotonic() + BOUND
    while True:  # its runtime asks for the next event a moment after the answer
        rows = httpx.get(f"{emulator.url}/_testbed/sandboxes").json()
        echo = next(row for row in rows if row["function"] == "echo")
        if echo["state"] == "idle" or time.monotonic() > deadline:
            break
    assert echo["state"] == "idle"
    assert echo["memory_mb"] == 128
    assert echo["major_faults"] is echo["cache_mb"] is None, "a scripted sandbox has no memory"
    assert echo["age_s"] >= echo["idle_s"] >= 0


def test_logs_hold_the_platform_lines_of_what_ran(emulator: Served) -> None:
    request_id = httpx.post(f"{emulator.url}/echo/1").headers["x-testbed-request-id"]
    deadline, log = time.monotonic() + BOUND, ""
    while f"START RequestId: {request_id} Version: $LATEST\n" not in log:
        assert time.monotonic() < deadline, log
        log = httpx.get(f"{emulator.url}/_testbed/logs/echo").text
    assert httpx.get(f"{emulator.url}/_testbed/logs/nobody").status_code == 404


def test_metrics_count_invocations(emulator: Served) -> None:
    httpx.post(f"{emulator.url}/echo/1")
    deadline, text = time.monotonic() + BOUND, ""
    while 'testbed_cold_starts_total{function="echo"}' not in text:  # a moment after the answer
        assert time.monotonic() < deadline, text
        text = httpx.get(f"{emulator.url}/metrics").text
    assert 'testbed_sandboxes{function="echo",state="idle"}' in text


def test_recycled_function_starts_cold(emulator: Served) -> None:
    httpx.post(f"{emulator.url}/echo/1")
    assert httpx.post(f"{emulator.url}/echo/1").headers["x-testbed-start"] == "warm"
    told = httpx.post(f"{emulator.url}/_testbed/recycle/echo").json()
    assert told["function"] == "echo"
    assert told["sandboxes"] >= 1
    assert httpx.post(f"{emulator.url}/echo/1").headers["x-testbed-start"] == "cold"
    missing = httpx.post(f"{emulator.url}/_testbed/recycle/nobody")
    assert missing.status_code == 404
    assert missing.json()["detail"].startswith("Function not found: arn:aws:lambda:")
