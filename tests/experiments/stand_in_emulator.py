"""Stands in for the interpreter: `-m emulator.cli up` is this file, all else the real one.

It serves what studies and the benchmark ask, and leaves the run directory of an emulator that
started one sandbox for each request of keep-alive 0, else one a client connection. An event is
accepted at once, and has run STAND_IN_EVENTS_TAKE seconds later.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FUNCTIONS = {"/predict": "kdd99-tf", "/predict/litert": "litert", "/predict/numpy": "numpy"}


class Journal:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", buffering=1)
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._sandboxes: dict[str, int] = {}
        self._requests = 0
        for function in (*FUNCTIONS.values(), "echo", "kdd99-numpy"):
            version = {"name": function, "memory_mb": 128, "timeout": 3}
            self._write({"type": "VersionDeployed", "function": version})

    def _write(self, event: dict[str, Any], *commands: dict[str, Any]) -> None:
        at = time.monotonic() - self._begun
        self._file.write(json.dumps({"at": at, "event": event, "commands": commands}) + "\n")

    def event(self, function: str, run: Path) -> str:
        """Accepts an event, which runs and ends later; its request id."""
        with self._lock:
            self._requests += 1
            request, accepted = f"e{self._requests}", time.monotonic() - self._begun
        later = float(os.environ.get("STAND_IN_EVENTS_TAKE", "0"))
        threading.Timer(later, self._run_event, (request, accepted, function, run)).start()
        return request

    def _run_event(self, request: str, accepted: float, function: str, run: Path) -> None:
        with self._lock:
            key, sandbox = f"{function}:$LATEST", self._sandboxes.get("events")
            asked = {"type": "InvokeRequested", "invocation": request, "key": key}
            told = {"sandbox": sandbox or self._requests, "invocation": request}
            if sandbox is None:
                self._sandboxes["events"] = told["sandbox"]
                self._write(asked, {"type": "StartSandbox", **told, "key": key})
                asked = {"type": "SandboxReady", "sandbox": told["sandbox"]}
            start = "cold" if sandbox is None else "warm"
            self._write(asked, {"type": "Dispatch", **told, "start": start})
            self._write({"type": "InvocationFinished", **told})
            ended = {"invocation": request, "condition": "Success", "attempts": 1, "age": 0.5}
            times = {"accepted_at": accepted, "ended_at": time.monotonic() - self._begun}
            with (run / "events.jsonl").open("a") as file:
                file.write(json.dumps(ended | times) + "\n")

    def invocation(self, function: str, place: str, *, keep: bool) -> tuple[str, str]:
        """Writes it down from beginning to end; its request id and kind of start."""
        with self._lock:
            self._requests += 1
            request, key = f"r{self._requests}", f"{function}:$LATEST"
            asked = {"type": "InvokeRequested", "invocation": request, "key": key}
            sandbox = self._sandboxes.get(place)
            if sandbox is None:
                sandbox = self._sandboxes[place if keep else request] = self._requests
                told = {"sandbox": sandbox, "key": key, "invocation": request}
                self._write(asked, {"type": "StartSandbox", **told})
                kind, event = "cold", {"type": "SandboxReady", "sandbox": sandbox}
            else:
                kind, event = "warm", asked
            told = {"sandbox": sandbox, "invocation": request}
            self._write(event, {"type": "Dispatch", **told, "start": kind})
            self._write({"type": "InvocationFinished", **told})
            return request, kind


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    journal: Journal
    keep = True
    run: Path

    def do_GET(self) -> None:
        self._answer({"State": "Active"} if "/configuration" in self.path else [])

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer({})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if os.environ.get("STAND_IN_FAILS"):
            self._answer({"message": "no"}, status=500)
            return
        if self.path.endswith("/versions"):
            self._answer({"Version": "1"}, status=201)
            return
        function = FUNCTIONS.get(self.path, "echo")
        if self.headers.get("x-amz-invocation-type") == "Event":
            self._accept(self.path.split("/")[3])
            return
        place = f"{function} {self.client_address[1] if function == 'echo' else ''}"
        request_id, kind = self.journal.invocation(function, place, keep=self.keep)
        if kind == "cold" and self.path.endswith("?Qualifier=1"):
            kind = "restored"
        prediction = {"probability": 0.25, "label": 0}
        answer = {"predictions": [prediction] * len(request.get("records", []))}
        self._answer(answer, request_id=request_id, kind=kind)

    def _accept(self, function: str) -> None:
        request_id = self.journal.event(function, self.run)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.send_header("x-amzn-requestid", request_id)
        self.end_headers()

    def _answer(self, answer: Any, status: int = 200, request_id: str = "", kind: str = "") -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-testbed-request-id", request_id)
        self.send_header("x-testbed-start", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


def up(options: list[str]) -> None:
    given = dict(zip(options[::2], options[1::2], strict=True))
    run = Path(given["--run-dir"])
    run.mkdir(parents=True, exist_ok=True)
    facts = {"name": "stand-in", "started_at": time.time(), "profile": "aws-2025"}
    facts |= {"backend": given["--backend"], "machine": {"cpus": 1}}
    (run / "run.json").write_text(json.dumps(facts))
    Handler.run = run
    Handler.journal = Journal(run / "journal.jsonl")
    Handler.keep = given.get("--keep-alive") != "0"
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print("Deploying echo", flush=True)
    Server(("127.0.0.1", int(given["--port"])), Handler).serve_forever()


if __name__ == "__main__":
    if sys.argv[1:4] == ["-m", "emulator.cli", "up"]:
        up(sys.argv[4:])
    else:
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
