"""Measures one backend: cold starts one after another, a burst of them, and warm requests.

`echo` has one vCPU, so that its quota is not what is measured, and the emulator is told of memory
for any number of sandboxes, so that their admission is not either. The client is a process of its
own (see client); its own CPU time stands in the table.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from emulator.errors import TestbedError
from emulator.experiments.benchmark.client import Outcome
from emulator.experiments.benchmark.figures import (
    Figures,
    burst_figures,
    cold_start_figures,
    rate_figures,
    restored_figures,
    single_client_figures,
)
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.runner.emulator_process import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emulator.experiments.records.run_directory import Run
    from emulator.experiments.report.progress import StepProgress

_HOST_MEMORY_MB = 65_536
_PATH = "/2015-03-31/functions/echo/invocations"
_READY_WITHIN = 300.0
_GONE_WITHIN = 30.0
_LOOK_EVERY = 0.02
_CLIENT_WITHIN = 180.0
_START_S, _COLD_S, _REQUEST_S = 10.0, 0.4, 0.0005
"""Seconds that a start of the emulator, a cold start and a warm request take, for the time left."""

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
class BenchPlan:
    """Says how many requests of each kind are measured."""

    cold_starts: int = 40
    not_counted: int = 5
    """Cold starts before the others: the first find neither page cache nor imported modules."""
    burst: int = 30
    """Requests at once that all find no sandbox."""
    warm_up: int = 500
    warm_requests: int = 6000
    rate_requests: Mapping[int, int] = field(
        default_factory=lambda: {1: 6000, 10: 15_000, 30: 15_000}
    )
    """Warm requests by the number of clients that ask at once."""
    settled_after: float = 10.0
    """Seconds: Docker's network slots are made behind the first requests' backs, .2 s each."""

    @property
    def expected_s(self) -> float:
        """Seconds that one backend takes, roughly: the weight of its steps for a progress bar."""
        cold = self.not_counted + self.cold_starts + self.burst + 2 * plan_turns(self)
        warm = self.warm_up + self.warm_requests + sum(self.rate_requests.values())
        return 2 * _START_S + cold * _COLD_S + self.settled_after + warm * _REQUEST_S


class BackendBench:
    """Measures one backend, in a folder of its own."""

    def __init__(
        self, backend: str, folder: Path, plan: BenchPlan, progress: StepProgress, python: str
    ) -> None:
        self._backend = backend
        self._folder = folder
        self._plan = plan
        self._progress = progress
        self._python = python

    def measure(self) -> tuple[Figures, list[Run]]:
        """Returns all figures, and the runs that they are from.

        Raises:
            TestbedError: the backend does not work here, or a request was not answered right.
        """
        _write_function(self._folder)
        cold_figures, cold_run = self._measure_cold()
        cold_figures |= self._measure_restored()
        warm_figures, warm_run = self._measure_warm()
        return cold_figures | warm_figures, [cold_run, warm_run]

    def _measure_cold(self) -> tuple[Figures, Run]:
        """Measures cold starts one after another: with keep-alive 0 each request is one."""
        plan, times = self._plan, []
        with self._emulator("cold", "--keep-alive", "0") as emulator:
            self._progress.advance(_START_S)
            for number in range(plan.not_counted + plan.cold_starts):
                self._begin(f"cold start {number + 1} of {plan.not_counted + plan.cold_starts}")
                took_ms = _cold_request_ms(emulator.port)
                _wait_until_sandboxes_are_gone(emulator.url)
                if number >= plan.not_counted:
                    times.append(took_ms)
                self._progress.advance(_COLD_S)
        run = read_run(self._folder / "cold")
        return cold_start_figures(times, run, plan.not_counted), run

    def _measure_restored(self) -> Figures:
        """Measures restores of a snapshot and ordinary cold starts in turns, in one run.

        None where the backend keeps no snapshots, so that the version starts as any other.
        """
        plan, turns = self._plan, plan_turns(self._plan)
        times: dict[str, list[float]] = {"restored": [], "cold": []}
        with self._emulator("restored", "--keep-alive", "0") as emulator:
            version = _published(emulator.url)
            for number in range(turns):
                self._begin(f"restore {number + 1} of {turns}")
                for kind, path in (("restored", f"{_PATH}?Qualifier={version}"), ("cold", _PATH)):
                    took_ms, start = _first_request_ms(emulator.port, path)
                    _wait_until_sandboxes_are_gone(emulator.url)
                    if start != kind:
                        return {}
                    if number >= plan.not_counted:
                        times[kind].append(took_ms)
        return restored_figures(times["restored"], times["cold"])

    def _measure_warm(self) -> tuple[Figures, Run]:
        """Measures a burst, and then warm requests of one and of several clients."""
        plan, rates = self._plan, {}
        with self._emulator("warm", "--keep-alive", "3600") as emulator:
            self._progress.advance(_START_S)
            time.sleep(plan.settled_after)
            self._progress.advance(plan.settled_after)
            burst = self._load(emulator, plan.burst, plan.burst, "cold requests at once", _COLD_S)
            self._load(emulator, 1, plan.warm_up, "requests to warm up")
            single = self._load(emulator, 1, plan.warm_requests, "warm requests of one client")
            for clients, requests in plan.rate_requests.items():
                what = f"warm requests of {clients} client{'s' * (clients > 1)}"
                rates[clients] = self._load(emulator, clients, requests, what)
        run = read_run(self._folder / "warm")
        figures = (
            single_client_figures(single)
            | rate_figures(rates)
            | burst_figures(burst, run, plan.burst)
        )
        return figures, run

    def _emulator(self, name: str, *options: str) -> EmulatorProcess:
        self._begin("starting the emulator")
        return EmulatorProcess(
            (
                *("--template", str(self._folder / "template.yaml")),
                *("--backend", self._backend, "--state-dir", str(self._folder / "state")),
                *("--run-dir", str(self._folder / name), "--host-memory", str(_HOST_MEMORY_MB)),
                *options,
            ),
            self._folder / f"{name}.log",
            ready_within=_READY_WITHIN,
            tell=self._progress.detail,
            python=self._python,
        )

    def _load(
        self,
        emulator: EmulatorProcess,
        clients: int,
        requests: int,
        what: str,
        expected_s: float = _REQUEST_S,
    ) -> Outcome:
        """Sends requests by the client, and returns what came of them.

        Raises:
            TestbedError: the client or one of its requests failed.
        """
        self._begin(f"{requests} {what}")
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
        self._progress.advance(requests * expected_s)
        return outcome

    def _begin(self, step: str) -> None:
        self._progress.begin(f"{self._backend}: {step}")


def plan_turns(plan: BenchPlan) -> int:
    """Returns how many restores are measured: half as many as cold starts, which they alternate."""
    return plan.not_counted + max(1, plan.cold_starts // 2)


def _published(url: str) -> str:
    """Publishes a version of `echo` with SnapStart, and returns it when its snapshot is taken.

    Raises:
        TestbedError: the version did not become active.
    """
    functions = f"{url}/2015-03-31/functions/echo"
    chosen = {"SnapStart": {"ApplyOn": "PublishedVersions"}}
    httpx.put(f"{functions}/configuration", json=chosen, timeout=5).raise_for_status()
    deadline = time.monotonic() + _READY_WITHIN
    version = ""
    while time.monotonic() < deadline:
        if not version:
            answer = httpx.post(f"{functions}/versions", json={}, timeout=5)
            version = answer.json()["Version"] if answer.is_success else ""
        else:
            found = httpx.get(f"{functions}/configuration?Qualifier={version}", timeout=5).json()
            if found["State"] == "Active":
                return version
        time.sleep(_LOOK_EVERY)
    raise TestbedError("The version with SnapStart did not become active.")


def _write_function(folder: Path) -> None:
    (folder / "echo").mkdir(parents=True)
    (folder / "template.yaml").write_text(_TEMPLATE, encoding="utf-8")
    (folder / "echo" / "app.py").write_text(_HANDLER, encoding="utf-8")


def _cold_request_ms(port: int) -> float:
    """Returns the time from a request to its answer, the connection not counted.

    Raises:
        TestbedError: the answer is an error or not a cold start's, or none came.
    """
    took_ms, start = _first_request_ms(port, _PATH)
    if start != "cold":
        raise TestbedError(f"A cold start answered with a {start} start.")
    return took_ms


def _first_request_ms(port: int, path: str) -> tuple[float, str]:
    """Returns the time from a request to its answer, and the kind of its start.

    Raises:
        TestbedError: the answer is an error, or none came.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.connect()
        begun = time.perf_counter()
        connection.request("POST", path, body=b"{}")
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


def _wait_until_sandboxes_are_gone(url: str) -> None:
    """Waits, so that a sandbox that is being removed does not slow the start of the next."""
    deadline = time.monotonic() + _GONE_WITHIN
    while httpx.get(f"{url}/_testbed/sandboxes", timeout=5).json():
        if time.monotonic() > deadline:
            raise TestbedError(f"A sandbox was not gone {_GONE_WITHIN:.0f} s after its end.")
        time.sleep(_LOOK_EVERY)
