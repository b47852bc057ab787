"""Runs `testbed bench --control`: what functions made by API cost, and a restart with many.

An emulator on processes is given functions of a 1 KB zip one after the other, each when the one
before is active, so that a call's time has no making of a package in it; then it starts again on
the same state directory. Nothing is invoked.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.errors import TestbedError
from emulator.experiments.report.progress import StepProgress
from emulator.experiments.runner.emulator_process import EmulatorProcess, stoppable

if TYPE_CHECKING:
    from collections.abc import Sequence

FUNCTIONS = 1000
_CODE = b"def handler(event, context):\n    return event\n"
_ZIP_BYTES = 1024
_FUNCTIONS = "/2015-03-31/functions"
_ACTIVE_WITHIN = 60.0
_LOOK_EVERY = 0.005
_READY_WITHIN = 120.0
_TIMEOUT = 30.0
_PENDING_TIMES = 1.5
"""Weight of making a function beside asking for one, in the progress."""


@dataclass(frozen=True, slots=True)
class ControlFigures:
    """Holds what was measured of one emulator."""

    functions: int
    create_ms: Sequence[float]
    """Milliseconds from each `CreateFunction` to its answer."""
    get_ms: Sequence[float]
    """Milliseconds from each `GetFunction` to its answer, with all functions there."""
    restart_s: float
    """Seconds from the start of the process until it answers, with all functions there."""
    resident_mb: float
    """Resident memory of the emulator after the restart."""

    @property
    def document(self) -> dict[str, Any]:
        """Returns the figures as JSON has them."""
        return {
            "functions": self.functions,
            **{
                f"{name}_ms_p{q}": round(float(np.percentile(values, q)), 3)
                for name, values in (("create", self.create_ms), ("get", self.get_ms))
                for q in (50, 99)
            },
            "restart_s": round(self.restart_s, 2),
            "resident_mb": round(self.resident_mb, 1),
        }

    @property
    def table(self) -> str:
        """Returns the figures beside what is wanted, as Markdown."""
        told = self.document
        return f"""\
| {self.functions} functions of a 1 KB zip | measured | wanted |
|---|---|---|
| CreateFunction, p50 (p99) | {told["create_ms_p50"]} ms ({told["create_ms_p99"]} ms) | 5 ms |
| GetFunction, p50 (p99) | {told["get_ms_p50"]} ms ({told["get_ms_p99"]} ms) | 2 ms |
| restart until it serves | {told["restart_s"]} s | 3 s |
| resident memory after it | {told["resident_mb"]} MB | 200 MB |"""


def run_control(*, as_json: bool = False) -> int:
    """Measures the control plane, and prints a table or JSON; returns the exit code."""
    found = measure_control(FUNCTIONS)
    print(json.dumps(found.document, indent=2) if as_json else found.table)
    return 0


def measure_control(functions: int) -> ControlFigures:
    """Measures the control plane of an emulator with a number of functions.

    Raises:
        TestbedError: the emulator does not start, or refuses a call.
    """
    with (
        stoppable(),
        tempfile.TemporaryDirectory(prefix="testbed-control-") as scratch,
        StepProgress(functions * (_PENDING_TIMES + 1)) as progress,
    ):
        options = ("--template", "none", "--backend", "process", "--state-dir", f"{scratch}/state")
        log = Path(scratch) / "up.log"
        emulator = EmulatorProcess(
            options, log, ready_within=_READY_WITHIN, tell=lambda _line: None
        )
        with emulator:
            progress.begin("functions are made")
            create_ms = []
            for number in range(functions):
                create_ms.append(_make(emulator.port, number))
                progress.advance(_PENDING_TIMES)
            progress.begin("functions are asked for")
            get_ms = [_get(emulator.port, number) for number in range(functions)]
            progress.advance(functions)
            emulator.stop()
            begun = time.monotonic()
            emulator.start()
            restart_s = time.monotonic() - begun
            _get(emulator.port, functions - 1)
            resident_mb = _resident_mb(emulator.pid)
    return ControlFigures(functions, create_ms, get_ms, restart_s, resident_mb)


def _make(port: int, number: int) -> float:
    """Makes a function and waits until that is active; returns the milliseconds of the call."""
    members = {
        "FunctionName": f"bench-{number}",
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::123456789012:role/any",
        "Code": {"ZipFile": base64.b64encode(package(number)).decode()},
    }
    took_ms, _ = _call(port, "POST", _FUNCTIONS, json.dumps(members).encode())
    deadline = time.monotonic() + _ACTIVE_WITHIN
    while _call(port, "GET", f"{_FUNCTIONS}/bench-{number}/configuration")[1]["State"] != "Active":
        if time.monotonic() > deadline:
            raise TestbedError(f"bench-{number} is not active after {_ACTIVE_WITHIN:.0f} s.")
        time.sleep(_LOOK_EVERY)
    return took_ms


def package(number: int) -> bytes:
    """Returns a zip of 1 KB; each function's is another."""
    return _zipped(number, _ZIP_BYTES - len(_zipped(number, 0)))


def _zipped(number: int, padding: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("app.py", _CODE + f"# {number}\n".encode())
        archive.writestr("padding", b"x" * padding)
    return packed.getvalue()


def _get(port: int, number: int) -> float:
    return _call(port, "GET", f"{_FUNCTIONS}/bench-{number}")[0]


def _call(port: int, method: str, path: str, body: bytes | None = None) -> tuple[float, Any]:
    """Returns the milliseconds of a call on a connection of its own, and its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.connect()
        begun = time.perf_counter()
        connection.request(method, path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        told = response.read()
        took_ms = (time.perf_counter() - begun) * 1000
    except (OSError, http.client.HTTPException) as error:
        raise TestbedError(f"{method} {path} was not answered: {error!r}") from error
    finally:
        connection.close()
    if response.status >= http.client.BAD_REQUEST:
        raise TestbedError(f"{method} {path} answered {response.status}: {told.decode()}")
    return took_ms, json.loads(told)


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
