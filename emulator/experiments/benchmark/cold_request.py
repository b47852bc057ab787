"""Sends one request at a time to an emulator whose sandboxes end with their answer."""

from __future__ import annotations

import http.client
import time

import httpx

from emulator.errors import TestbedError
from emulator.experiments.benchmark.sending import ECHO

_GONE_WITHIN = 30.0
_LOOK_EVERY = 0.02


def cold_request_ms(port: int) -> float:
    """Returns the milliseconds from a request to its answer, the connection not counted.

    Raises:
        TestbedError: the answer is an error or not a cold start's, or none came.
    """
    took_ms, start = first_request_ms(port, ECHO)
    if start != "cold":
        raise TestbedError(f"A cold start answered with a {start} start.")
    return took_ms


def first_request_ms(port: int, path: str, body: bytes = b"{}") -> tuple[float, str]:
    """Returns the milliseconds from a request to its answer, and the kind of its start.

    Raises:
        TestbedError: the answer is an error, or none came.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.connect()
        begun = time.perf_counter()
        connection.request("POST", path, body=body)
        response = connection.getresponse()
        response.read()
        took_ms = (time.perf_counter() - begun) * 1000
    except (OSError, http.client.HTTPException) as error:
        raise TestbedError(f"A cold start was not answered: {error!r}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise TestbedError(f"A cold start answered with status {response.status}.")
    return took_ms, response.headers.get("x-testbed-start") or "unknown"


def wait_until_sandboxes_are_gone(url: str) -> None:
    """Waits until no sandbox is left, so that a removal does not slow the next start.

    Raises:
        TestbedError: a sandbox is still there after half a minute.
    """
    deadline = time.monotonic() + _GONE_WITHIN
    while httpx.get(f"{url}/_testbed/sandboxes", timeout=5).json():
        if time.monotonic() > deadline:
            raise TestbedError(
                f"A sandbox was not gone {_GONE_WITHIN:.0f} s after its end, as happens on a busy "
                "machine. Try again when this one is idle."
            )
        time.sleep(_LOOK_EVERY)
