"""Answers, or misbehaves as its event says: the function that `testbed chaos` deploys.

This file is copied into the function's package, where nothing else of the testbed exists.
"""

# ruff: noqa: ARG001  # every action is called alike
from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

time.sleep(float(os.environ.get("INIT_S", "0")))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Does what `event["do"]` names, then answers with `event["token"]`."""
    _ACTIONS[event.get("do", "nothing")](event, context)
    return {"token": event["token"]}


def _nothing(event: dict[str, Any], context: Any) -> None:
    time.sleep(event.get("seconds", 0))


def _runtime_api() -> tuple[str, int]:
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
    return host, int(port)


def _answer_twice(event: dict[str, Any], context: Any) -> None:
    connection = http.client.HTTPConnection(*_runtime_api())
    path = f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response"
    connection.request("POST", path, f'{{"token": "{event["token"]}"}}')
    connection.getresponse().read()


def _answer_late(event: dict[str, Any], context: Any) -> None:
    time.sleep(context.get_remaining_time_in_millis() / 1000 + 1)


def _write_garbage(event: dict[str, Any], context: Any) -> None:
    with socket.create_connection(_runtime_api()) as connection:
        connection.sendall(os.urandom(65_536) + b"\r\n\r\n")


def _answer_half(event: dict[str, Any], context: Any) -> None:
    with socket.create_connection(_runtime_api()) as connection:
        head = (
            f"POST /2018-06-01/runtime/invocation/{context.aws_request_id}/response HTTP/1.1\r\n"
            "Host: runtime\r\nContent-Length: 100000\r\n\r\n"
        )
        connection.sendall(head.encode() + b'{"token": ')
    os._exit(1)


def _stop_itself(event: dict[str, Any], context: Any) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _fork(event: dict[str, Any], context: Any) -> None:
    for _ in range(5000):
        try:
            if os.fork() == 0:
                time.sleep(3600)
        except OSError:
            return


def _fill_tmp(event: dict[str, Any], context: Any) -> None:
    try:
        with open("/tmp/full", "wb") as file:  # noqa: S108, PTH123  # the sandbox's own
            while True:
                file.write(b"\0" * (1 << 20))
    except OSError:
        return


def _flood(event: dict[str, Any], context: Any) -> None:
    line = b"x" * 999 + b"\n"
    for _ in range(100):
        os.write(1, line * 1000)


def _ignore_sigterm(event: dict[str, Any], context: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _answer_late(event, context)


def _daemonise(event: dict[str, Any], context: Any) -> None:
    subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(3600)"],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _eat_descriptors(event: dict[str, Any], context: Any) -> None:
    try:
        while True:
            os.dup(0)
    except OSError:
        return


_ACTIONS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "nothing": _nothing,
    "answer-twice": _answer_twice,
    "answer-late": _answer_late,
    "write-garbage": _write_garbage,
    "answer-half": _answer_half,
    "stop-itself": _stop_itself,
    "fork": _fork,
    "fill-tmp": _fill_tmp,
    "flood": _flood,
    "ignore-sigterm": _ignore_sigterm,
    "daemonise": _daemonise,
    "eat-descriptors": _eat_descriptors,
}
