"""Imports the locustfiles without letting gevent patch the whole test process."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

LOCUSTFILES = Path(__file__).parents[2] / "locustfiles"
NAMES = ("common", "ramp", "idle", "constant", "open_loop", "poisson", "trace")


@pytest.fixture
def locustfile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports one by its name, afresh: its class bodies read the environment."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    monkeypatch.syspath_prepend(str(LOCUSTFILES))

    def load(name: str) -> ModuleType:
        for loaded in NAMES:
            sys.modules.pop(loaded, None)
        return importlib.import_module(name)

    yield load
    for loaded in NAMES:
        sys.modules.pop(loaded, None)


class Gateway(ThreadingHTTPServer):
    """Answers as the function behind /predict does; the first request is a cold start.

    `wrong` answers with one prediction too few.
    """

    request_queue_size = 64
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[Any] = []
        self.wrong = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Gateway

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            number = len(self.server.bodies)
        if self.headers.get("x-amz-invocation-type") == "Event":
            self._accept(f"e{number}")
            return
        wanted = len(body["records"]) - self.server.wrong
        answer = json.dumps({"predictions": [{"probability": 0.5, "label": 1}] * wanted}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("x-testbed-request-id", f"r{number}")
        self.send_header("x-testbed-start", "cold" if number == 1 else "warm")
        self.send_header("x-testbed-sandbox", "7")
        self.end_headers()
        self.wfile.write(answer)

    def _accept(self, request_id: str) -> None:
        self.send_response(500 if self.server.wrong else 202)
        self.send_header("Content-Length", "0")
        self.send_header("x-amzn-requestid", request_id)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
