"""The client against a server that answers with what the handler would."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import TestbedError
from emulator.experiments.fidelity.client import SpinClient
from emulator.experiments.fidelity.throttling import Throttling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEFORE = "nr_periods 9\nnr_throttled 5\nthrottled_usec 100000\n"
AFTER = "nr_periods 21\nnr_throttled 16\nthrottled_usec 282500\n"
SPUN = {"wall_ms": 200.0, "cpu_ms": 17.5}


class Server:
    """Answers every invocation with `answers`, and keeps the events that it was sent."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.place: dict[str, Any] = {}
        self.status = 200
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.events.append(event)
                stats = [BEFORE, AFTER] if event.get("read_cpu_stat") else ["", ""]
                body = SPUN | {"cpu_stat": stats} if "iterations" in event else server.place
                self.send_response(server.status)
                self.send_header("x-amzn-requestid", f"r{len(server.events)}")
                self.send_header("x-testbed-start", "warm")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def client(server: Server) -> Iterator[SpinClient]:
    address = f"http://127.0.0.1:{server.http.server_port}"
    with contextlib.closing(SpinClient(address)) as client:
        yield client


def test_throttling_is_the_sandboxs_own_record_where_no_other_is_in_sight(
    server: Server, client: SpinClient, tmp_path: Path
) -> None:
    server.place = {"cgroup": "0::/\n", "inode": 77, "cpu_stat": BEFORE}
    client.find_cpu_stat(128, tmp_path)
    answer, throttling = client.spin(128, 1000)
    assert throttling == Throttling(11, 182.5)
    assert (answer.request_id, answer.cold, answer.body["wall_ms"]) == ("r2", False, 200.0)
    assert server.events == [{}, {"iterations": 1000, "read_cpu_stat": True}]


def test_throttling_is_read_from_outside_at_no_cost_where_the_cgroup_is_in_sight(
    server: Server, client: SpinClient, tmp_path: Path
) -> None:
    (tmp_path / "cgroup.controllers").touch()
    sandbox = tmp_path / "docker"
    sandbox.mkdir()
    (sandbox / "cpu.stat").write_text(BEFORE)
    server.place = {"cgroup": "0::/\n", "inode": sandbox.stat().st_ino, "cpu_stat": BEFORE}
    client.find_cpu_stat(128, tmp_path)
    assert client.spin(128, 1000)[1] == Throttling(0, 0.0)
    assert server.events[-1] == {"iterations": 1000}


def test_a_sandbox_that_was_never_asked_has_no_throttling(
    server: Server, client: SpinClient
) -> None:
    assert client.spin(128, 1000)[1] is None
    assert server.events == [{"iterations": 1000}]


def test_an_error_names_the_function_and_what_it_said(server: Server, client: SpinClient) -> None:
    server.status = 500
    with pytest.raises(TestbedError, match=r"spin-128 failed with status 500: .*wall_ms"):
        client.cpu_ms(128, 1)


def test_a_server_that_is_gone_is_an_error() -> None:
    client = SpinClient("http://127.0.0.1:9")
    with contextlib.closing(client), pytest.raises(TestbedError, match="spin-128 was not answered"):
        client.invoke(128, {})
