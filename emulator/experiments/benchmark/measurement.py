"""Measures one backend: cold starts one after another, a burst of them, and warm requests.

`echo` has one vCPU, so that its quota is not what is measured, and the emulator is told of memory
for any number of sandboxes, so that their admission is not either. The client is a process of its
own (see client); its own CPU time stands in the table.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.benchmark.cold_request import (
    cold_request_ms,
    first_request_ms,
    wait_until_sandboxes_are_gone,
)
from emulator.experiments.benchmark.echo_emulator import echo_emulator, write_function
from emulator.experiments.benchmark.figures import (
    CRUN,
    Figures,
    burst_figures,
    cold_start_figures,
    cost_figures,
    crun_figures,
    rate_figures,
    restored_figures,
    single_client_figures,
)
from emulator.experiments.benchmark.model_functions import measure_models
from emulator.experiments.benchmark.process_cost import cpu_seconds, system_calls
from emulator.experiments.benchmark.sending import ECHO, send_load
from emulator.experiments.benchmark.snapshot import published
from emulator.experiments.benchmark.stem_cells import measure_stem_cells
from emulator.experiments.records.run_directory import read_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emulator.experiments.benchmark.client import Outcome
    from emulator.experiments.records.run_directory import Run
    from emulator.experiments.report.progress import StepProgress
    from emulator.experiments.runner.emulator_process import EmulatorProcess

NO_RUNTIME = "has no runtime of this name"
"""What `testbed up` says of an OCI runtime that the engine does not have."""
_START_S, _COLD_S, _REQUEST_S = 10.0, 0.4, 0.0005
"""Seconds that a start of the emulator, a cold start and a warm request take, for the time left."""


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """Says how many requests of each kind are measured."""

    cold_starts: int = 40
    not_counted: int = 5
    """Cold starts before the others: the first find neither page cache nor imported modules."""
    burst: int = 30
    """Requests at once that all find no sandbox."""
    more_bursts: tuple[int, ...] = ()
    """Requests at once of other bursts, each of a fresh emulator."""
    warm_up: int = 500
    warm_requests: int = 6000
    rate_requests: Mapping[int, int] = field(
        default_factory=lambda: {1: 6000, 10: 15_000, 30: 15_000}
    )
    """Warm requests by the number of clients that ask at once."""
    settled_after: float = 10.0
    """Seconds: Docker's network slots are made behind the first requests' backs, .2 s each."""
    cells_filled_after: float = 4.0
    """Seconds after which all stem cells are there, and all else that an emulator keeps ready."""
    cells_refilled_after: float = 0.5
    """Seconds between two starts from stem cells: a cell is begun at most every tenth of one."""

    @property
    def expected_s(self) -> float:
        """Seconds that one backend takes, roughly: the weight of its steps for a progress bar."""
        cold = self.not_counted + self.cold_starts + self.burst + 2 * plan_turns(self)
        warm = self.warm_up + self.warm_requests + sum(self.rate_requests.values())
        more = sum(self.more_bursts) * _COLD_S
        more += len(self.more_bursts) * (_START_S + self.settled_after)
        return 2 * _START_S + cold * _COLD_S + self.settled_after + warm * _REQUEST_S + more


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
        self.left_out: list[str] = []
        """What was not measured, and why; after `measure`."""

    def measure(self) -> tuple[Figures, list[Run]]:
        """Returns all figures, and the runs that they are from.

        Raises:
            TestbedError: the backend does not work here, or a request was not answered right.
        """
        write_function(self._folder)
        cold_figures, cold_run = self._measure_cold()
        cold_figures |= self._measure_restored()
        cold_figures |= self._measure_models()
        cold_figures |= self._measure_stem_cells()
        cold_figures |= self._measure_crun()
        warm_figures, warm_run = self._measure_warm()
        for requests in self._plan.more_bursts:
            warm_figures |= self._measure_burst(requests)
        return cold_figures | warm_figures, [cold_run, warm_run]

    def _measure_cold(self) -> tuple[Figures, Run]:
        """Measures cold starts one after another: with keep-alive 0 each request is one."""
        plan, times = self._plan, []
        with self._emulator("cold", "--keep-alive", "0") as emulator:
            self._progress.advance(_START_S)
            for number in range(plan.not_counted + plan.cold_starts):
                self._begin(f"cold start {number + 1} of {plan.not_counted + plan.cold_starts}")
                took_ms = cold_request_ms(emulator.port)
                wait_until_sandboxes_are_gone(emulator.url)
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
            version = published(emulator.url)
            for number in range(turns):
                self._begin(f"restore {number + 1} of {turns}")
                for kind, path in (("restored", f"{ECHO}?Qualifier={version}"), ("cold", ECHO)):
                    took_ms, start = first_request_ms(emulator.port, path)
                    wait_until_sandboxes_are_gone(emulator.url)
                    if start != kind:
                        return {}
                    if number >= plan.not_counted:
                        times[kind].append(took_ms)
        return restored_figures(times["restored"], times["cold"])

    def _measure_models(self) -> Figures:
        """Measures restores of functions with a model, where their frameworks are installed."""
        self._begin("restores of models")
        figures, left_out = measure_models(
            self._backend,
            self._folder / "models",
            lambda folder, run, options: self._emulator_in(folder, run, *options),
        )
        self.left_out += left_out
        return figures

    def _measure_stem_cells(self) -> Figures:
        """Measures cold starts with stem cells in turns with cold starts without."""
        plan = self._plan
        self._begin("cold starts of stem cells")

        def start(name: str, run: str, options: tuple[str, ...]) -> EmulatorProcess:
            folder = self._folder / name
            write_function(folder)
            return self._emulator_in(folder, run, *options)

        return measure_stem_cells(
            start,
            self._folder,
            plan_turns(plan),
            plan.not_counted,
            filled_after=plan.cells_filled_after,
            refilled_after=plan.cells_refilled_after,
        )

    def _measure_crun(self) -> Figures:
        """Measures cold starts by crun, one after another and at once, where the engine has it."""
        if self._backend != "docker":
            return {}
        plan, times = self._plan, []
        try:
            with self._emulator("crun", "--keep-alive", "0", "--oci-runtime", CRUN) as emulator:
                for number in range(plan_turns(plan)):
                    self._begin(f"cold start by {CRUN} {number + 1} of {plan_turns(plan)}")
                    took_ms = cold_request_ms(emulator.port)
                    wait_until_sandboxes_are_gone(emulator.url)
                    times += [took_ms] if number >= plan.not_counted else []
        except TestbedError as error:
            if NO_RUNTIME not in str(error):
                raise
            self.left_out.append(f"cold starts by {CRUN}, as the engine has no such runtime")
            return {}
        return crun_figures(times) | self._measure_burst(plan.burst, CRUN)

    def _measure_warm(self) -> tuple[Figures, Run]:
        """Measures a burst, and then warm requests of one and of several clients."""
        plan, rates, costs = self._plan, {}, {}
        with self._emulator("warm", "--keep-alive", "3600") as emulator:
            self._settle()
            burst = self._load(emulator, plan.burst, plan.burst, "cold requests at once", _COLD_S)
            self._load(emulator, 1, plan.warm_up, "requests to warm up")
            single = self._load(emulator, 1, plan.warm_requests, "warm requests of one client")
            for clients, requests in plan.rate_requests.items():
                what = f"warm requests of {clients} client{'s' * (clients > 1)}"
                began = cpu_seconds(emulator.pid)
                rates[clients] = self._load(emulator, clients, requests, what)
                costs[clients] = (cpu_seconds(emulator.pid) - began) / requests
            calls = self._count_calls(emulator)
        run = read_run(self._folder / "warm")
        figures = (
            single_client_figures(single)
            | rate_figures(rates)
            | cost_figures(costs, calls)
            | burst_figures(burst, run, plan.burst)
        )
        return figures, run

    def _settle(self) -> None:
        self._progress.advance(_START_S)
        time.sleep(self._plan.settled_after)
        self._progress.advance(self._plan.settled_after)

    def _measure_burst(self, requests: int, runtime: str = "") -> Figures:
        """Measures so many cold starts at once, by an OCI runtime unless that is the engine's."""
        name = f"burst-{requests}-{runtime}" if runtime else f"burst-{requests}"
        options = ("--oci-runtime", runtime) if runtime else ()
        with self._emulator(name, "--keep-alive", "3600", *options) as emulator:
            self._settle()
            burst = self._load(emulator, requests, requests, "cold requests at once", _COLD_S)
        by = f" by {runtime}" if runtime else ""
        return burst_figures(burst, read_run(self._folder / name), requests, by)

    def _count_calls(self, emulator: EmulatorProcess) -> float | None:
        """Returns the emulator's calls of the kernel for each warm request of one client."""
        requests = self._plan.warm_up
        counted = system_calls(
            emulator.pid, lambda: self._load(emulator, 1, requests, "requests under strace")
        )
        return None if counted is None else sum(counted.values()) / requests

    def _emulator(self, name: str, *options: str) -> EmulatorProcess:
        return self._emulator_in(self._folder, name, *options)

    def _emulator_in(self, folder: Path, name: str, *options: str) -> EmulatorProcess:
        self._begin("starting the emulator")
        return echo_emulator(
            folder,
            name,
            self._backend,
            *options,
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
        outcome = send_load(emulator.port, clients, requests, python=self._python)
        self._progress.advance(requests * expected_s)
        return outcome

    def _begin(self, step: str) -> None:
        self._progress.begin(f"{self._backend}: {step}")


def plan_turns(plan: BenchPlan) -> int:
    """Returns how many restores are measured: half as many as cold starts, which they alternate."""
    return plan.not_counted + max(1, plan.cold_starts // 2)
