"""`testbed bench`: what the emulator itself costs, on every backend that works here.

Each backend serves `echo`, once with keep-alive 0, where each request is a cold start, and once
with idle sandboxes kept. The client is a process of its own with raw sockets (see bench_client),
so that it takes as little as can be of the cores that it shares with the emulator; what it does
take stands in the table. `echo` has one vCPU, so that its quota is not what is measured, and the
emulator is told of memory for any number of them, so that their admission is not either.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from emulator.errors import TestbedError
from emulator.experiments.benchmark.client import Outcome
from emulator.experiments.records.percentiles import percentile
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.report.text import aligned_table, machine_facts, milliseconds
from emulator.experiments.runner.emulator_process import EmulatorProcess, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.experiments.records.run_directory import Run

COLD_STARTS = 40
NOT_COUNTED = 5
"""Cold starts before those: the first ones find neither page cache nor imported modules."""
WARM_REQUESTS = 6000
RATE_REQUESTS = {1: 6000, 10: 15_000, 30: 15_000}
"""By clients."""
AT_ONCE = 30
_WARM_UP = 500
_BUSY = 0.7
_HOST_MEMORY_MB = 65_536
_PATH = "/2015-03-31/functions/echo/invocations"
_READY_WITHIN = 300.0
_SETTLED_AFTER = 10.0
"""Seconds: Docker's network slots are made behind the first requests' backs, .2 s each."""
_GONE_WITHIN = 30.0
_LOOK_EVERY = 0.02
_CLIENT_WITHIN = 180.0

_TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: echo
      Runtime: python3.13
      Handler: app.handler
      CodeUri: echo/
      MemorySize: 1769
      Timeout: 30
"""
_HANDLER = "def handler(event, context):\n    return event\n"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a figure is to be at most, or at least; by backend, where they differ."""

    words: str
    most: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)

    def missed(self, backend: str, value: float) -> bool:
        return value > self.most.get(backend, math.inf) or value < self.least.get(backend, 0.0)


def _both(value: float) -> dict[str, float]:
    return {"docker": value, "process": value}


WANTED = {
    "cold p50, ms": Wanted("<= 200 docker, <= 60 process", most={"docker": 200, "process": 60}),
    "warm p50, 1 client, ms": Wanted("<= .6", most=_both(0.6)),
    "invokes/s, 10 clients": Wanted(">= 3000", least=_both(3000)),
    f"{AT_ONCE} cold at once: all ready, ms": Wanted("<= 2500", most=_both(2500)),
}

Figures = dict[str, float]


def run_bench(
    *,
    backends: Sequence[str] = ("docker", "process"),
    python: str = sys.executable,
    take: Callable[[Mapping[str, Figures]], None] | None = None,
) -> int:
    """Measures and prints; 1 where no backend could be measured.

    `take` gets the figures of each backend, for output that is not for people.
    """
    measured: dict[str, Figures] = {}
    machine = ""
    if (load := os.getloadavg()[0]) > _BUSY:
        print(f"The machine is busy (load {load:.1f}): figures will be worse than they need be.")
    with stoppable(), tempfile.TemporaryDirectory(prefix="testbed-bench-") as scratch:
        for backend in backends:
            folder = Path(scratch) / backend
            _write_function(folder)
            try:
                measured[backend], machine = _Bench(backend, folder, python).measure()
            except TestbedError as error:
                print(f"{backend} was not measured: {error}", flush=True)
    if not measured:
        return 1
    if take is not None:
        take(measured)
    print(f"\n{machine}\n")
    print("\n".join(table(measured)))
    return 0


def table(measured: Mapping[str, Figures]) -> list[str]:
    """A line a figure, a column a backend; what is short of the wanted carries a mark."""
    names = list(dict.fromkeys(name for figures in measured.values() for name in figures))
    rows = [("figure", *measured, "wanted")]
    short = False
    for name in names:
        wanted = WANTED.get(name, Wanted(""))
        cells = []
        for backend, figures in measured.items():
            value = figures.get(name)
            missed = value is not None and wanted.missed(backend, value)
            short = short or missed
            cells.append(milliseconds(value) + (" *" if missed else ""))
        rows.append((name, *cells, wanted.words))
    return aligned_table(rows) + (["", "* short of what is wanted"] if short else [])


def _write_function(folder: Path) -> None:
    (folder / "echo").mkdir(parents=True)
    (folder / "template.yaml").write_text(_TEMPLATE, encoding="utf-8")
    (folder / "echo" / "app.py").write_text(_HANDLER, encoding="utf-8")


class _Bench:
    """One backend's measurement."""

    def __init__(self, backend: str, folder: Path, python: str) -> None:
        self._backend = backend
        self._folder = folder
        self._python = python

    def measure(self) -> tuple[Figures, str]:
        figures = self._cold()
        warm, machine = self._warm()
        return figures | warm, machine

    def _emulator(self, name: str, *options: str) -> EmulatorProcess:
        return EmulatorProcess(
            (
                *("--template", str(self._folder / "template.yaml")),
                *("--backend", self._backend, "--state-dir", str(self._folder / "state")),
                *("--run-dir", str(self._folder / name), "--host-memory", str(_HOST_MEMORY_MB)),
                *options,
            ),
            self._folder / f"{name}.log",
            ready_within=_READY_WITHIN,
            tell=lambda line: print(line, flush=True),
            python=self._python,
        )

    def _cold(self) -> Figures:
        self._say(f"{COLD_STARTS} cold starts, one after another")
        with self._emulator("cold", "--keep-alive", "0") as emulator:
            times = []
            for number in range(NOT_COUNTED + COLD_STARTS):
                took_ms = _cold_request_ms(emulator.port)
                _wait_until_none_is_left(emulator.url)
                if number >= NOT_COUNTED:
                    times.append(took_ms)
        phases = _phases(read_run(self._folder / "cold"))
        return (
            _drop_none(
                {"cold p50, ms": percentile(times, 50), "cold p95, ms": percentile(times, 95)}
            )
            | phases
        )

    def _warm(self) -> tuple[Figures, str]:
        figures: Figures = {}
        with self._emulator("warm", "--keep-alive", "3600") as emulator:
            time.sleep(_SETTLED_AFTER)
            self._say(f"{AT_ONCE} cold starts at once")
            burst = self._load(emulator, AT_ONCE, AT_ONCE)
            self._load(emulator, 1, _WARM_UP)
            self._say(f"{WARM_REQUESTS} warm requests of one client")
            single = self._load(emulator, 1, WARM_REQUESTS)
            for clients, requests in RATE_REQUESTS.items():
                self._say(f"{requests} warm requests of {clients} client{'s' * (clients > 1)}")
                outcome = self._load(emulator, clients, requests)
                figures[f"invokes/s, {clients} client{'s' * (clients > 1)}"] = (
                    requests / outcome.seconds
                )
            figures["client's own CPU a request, us"] = outcome.client_cpu_us
        run = read_run(self._folder / "warm")
        warm = {
            "warm p50, 1 client, ms": percentile(single.latencies_ms, 50),
            "warm p99, 1 client, ms": percentile(single.latencies_ms, 99),
        }
        at_once = _ready_at_once(run)
        at_once[f"{AT_ONCE} cold at once: all answered, ms"] = max(burst.latencies_ms)
        return _drop_none(warm) | figures | at_once, machine_facts(run.info.machine)

    def _load(self, emulator: EmulatorProcess, clients: int, requests: int) -> Outcome:
        command = [self._python, "-m", "emulator.experiments.benchmark.client"]
        command += [str(emulator.port), _PATH, str(clients), str(requests)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_CLIENT_WITHIN, check=True
            )
        except subprocess.CalledProcessError as error:
            raise TestbedError(f"The client failed: {error.stderr.strip()}") from error
        except subprocess.TimeoutExpired as error:
            raise TestbedError(f"The client was not done in {_CLIENT_WITHIN:.0f} s.") from error
        outcome = Outcome(**json.loads(done.stdout))
        if outcome.failed:
            raise TestbedError(
                f"{outcome.failed} of {requests} requests failed: {outcome.first_failure}"
            )
        return outcome

    def _say(self, what: str) -> None:
        print(f"{self._backend}: {what}", flush=True)


def _cold_request_ms(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.connect()
        begun = time.perf_counter()
        connection.request("POST", _PATH, body=b"{}")
        response = connection.getresponse()
        response.read()
        took_ms = (time.perf_counter() - begun) * 1000
    except OSError as error:
        raise TestbedError(f"A cold start was not answered: {error}") from error
    finally:
        connection.close()
    start = response.headers.get("x-testbed-start")
    if response.status != http.client.OK or start != "cold":
        raise TestbedError(f"A cold start answered with status {response.status}, {start} start.")
    return took_ms


def _wait_until_none_is_left(url: str) -> None:
    """A sandbox that is being removed must not slow the start of the next."""
    deadline = time.monotonic() + _GONE_WITHIN
    while httpx.get(f"{url}/_testbed/sandboxes", timeout=5).json():
        if time.monotonic() > deadline:
            raise TestbedError(f"A sandbox was not gone {_GONE_WITHIN:.0f} s after its end.")
        time.sleep(_LOOK_EVERY)


def _phases(run: Run) -> Figures:
    """Medians of a cold start's parts, from the journal; they need not add up to its median."""
    anatomies = [sandbox.anatomy for sandbox in run.sandboxes if sandbox.anatomy][NOT_COUNTED:]
    names = ("create", "start", "connect", "init")
    return _drop_none(
        {
            f"  of it {name} p50, ms": percentile([getattr(a, name) * 1000 for a in anatomies], 50)
            for name in names
        }
    )


def _ready_at_once(run: Run) -> Figures:
    """From the first request of the burst to the time when all its sandboxes were ready."""
    ready = [sandbox.ready_at for sandbox in run.sandboxes if sandbox.ready_at is not None]
    first = min(record.requested_at for record in run.invocations)
    if len(ready) < AT_ONCE:
        raise TestbedError(f"{AT_ONCE} requests at once had only {len(ready)} sandboxes.")
    return {f"{AT_ONCE} cold at once: all ready, ms": (max(ready[:AT_ONCE]) - first) * 1000}


def _drop_none(figures: Mapping[str, float | None]) -> Figures:
    return {name: value for name, value in figures.items() if value is not None}
