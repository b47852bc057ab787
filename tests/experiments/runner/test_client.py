from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError, TestbedError
from emulator.experiments.plan.scenarios import Ping
from emulator.experiments.records.client_rows import CLIENT_HEADER, parse_client_row
from emulator.experiments.runner.client import Asker, Pinging, kdd99_batch
from emulator.experiments.runner.emulator_process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server(ThreadingHTTPServer):
    """Answers what it is told; `asked_enough` when it was asked `enough` times."""

    daemon_threads = True
    status = 200
    headers_told: tuple[tuple[str, str], ...] = ()
    enough = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()
        self.asked_enough = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.lock:  # before the answer, or a client could look too early
            self.server.bodies.append(body)
            if len(self.server.bodies) == self.server.enough:
                self.server.asked_enough.set()
        self.send_response(self.server.status)
        for name, value in self.server.headers_told:
            self.send_header(name, value)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"told")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def asker(url: str) -> Asker:
    return Asker(url, "/predict", b"{}", timeout=60)


def test_an_answer_is_a_row_with_what_its_headers_tell(server: Server) -> None:
    server.headers_told = (
        ("x-testbed-request-id", "r1"),
        ("x-testbed-start", "cold"),
        ("x-testbed-sandbox", "7"),
    )
    with asker(server.url) as asking:
        row = asking.ask(3)
    assert (row.request_id, row.start_kind, row.sandbox) == ("r1", StartKind.COLD, "7")
    assert (row.status, row.users, row.path, row.error) == (200, 3, "/predict", "")
    assert row.latency_ms > 0
    assert server.bodies == [b"{}"]


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (502, (), "status 502: told"),
        (200, (("x-amz-function-error", "Unhandled"),), "Unhandled: told"),
    ],
)
def test_a_failure_stands_in_its_row(
    server: Server, status: int, headers: tuple[tuple[str, str], ...], error: str
) -> None:
    server.status, server.headers_told = status, headers
    with asker(server.url) as asking:
        assert asking.ask(1).error == error


def test_no_answer_is_a_row_too() -> None:
    with asker(f"http://127.0.0.1:{free_port()}") as asking:
        row = asking.ask(1)
    assert (row.status, row.start_kind) == (0, None)
    assert row.error.startswith("no answer: ConnectError")


def test_pings_go_out_in_parallel_on_schedule_with_rows_that_are_marked(
    server: Server, tmp_path: Path
) -> None:
    server.enough = 4
    rows = tmp_path / "clients.csv"
    # a minute in ten milliseconds
    with (
        asker(server.url) as asking,
        Pinging(asking, Ping(every_minutes=1, parallel=2), rows, slower=1 / 6000),
    ):
        assert server.asked_enough.wait(60)
    head, *lines = rows.read_text().splitlines()
    assert head == CLIENT_HEADER
    assert {parse_client_row(line).users for line in lines} == {0}
    assert len(lines) == len(server.bodies) >= 4
    assert len(lines) % 2 == 0


def test_no_ping_comes_before_its_first_period_is_over(server: Server, tmp_path: Path) -> None:
    with (
        asker(server.url) as asking,
        Pinging(asking, Ping(every_minutes=60), tmp_path / "c.csv", slower=1),
    ):
        pass
    assert server.bodies == []
    assert not (tmp_path / "c.csv").exists()


def test_a_batch_is_the_first_real_records(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps({"records": [[number, 0, 0] for number in range(9)]}))
    assert json.loads(kdd99_batch(path)) == {"records": [[number, 0, 0] for number in range(4)]}
    with pytest.raises(TestbedError, match="Experiments run in a checkout"):
        kdd99_batch(tmp_path / "none.json")


def test_pings_whose_rows_cannot_be_written_are_told_at_the_end(
    server: Server, tmp_path: Path
) -> None:
    rows = tmp_path / "no" / "c.csv"
    server.enough = 1
    with (
        asker(server.url) as asking,
        pytest.raises(RunDirectoryError, match=r"c\.csv cannot be written"),
        Pinging(asking, Ping(every_minutes=1), rows, slower=1 / 6000),
    ):
        assert server.asked_enough.wait(60)
