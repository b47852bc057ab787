"""Runs one cell of a study: starts an emulator with the one function, and puts load on it.

Owns what surrounds a cell's load: template, options of the emulator, warm-up, pings, the wait for
events, the watch over the host. Does not know other cells, nor what a failure means for them.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from emulator.core.asynchronous.left_events import LeftEvents
from emulator.core.network_paths import NO_NETWORK
from emulator.core.policies.catalogue import LIFETIME
from emulator.core.policy import InitCpu
from emulator.errors import TestbedError
from emulator.experiments.plan.events import event_settings
from emulator.experiments.plan.model import S3_LOADINGS, Loading, PlannedFunction
from emulator.experiments.plan.scenarios import ping_of
from emulator.experiments.plan.template import StudyTemplate
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE
from emulator.experiments.records.client_rows import CLIENTS, append_client_rows
from emulator.experiments.runner.client import Asker, Pinging, kdd99_batch
from emulator.experiments.runner.emulator_process import EmulatorProcess
from emulator.experiments.runner.event_drain import await_events, longest_drain
from emulator.experiments.runner.host_monitor import HOST, HostGuard
from emulator.experiments.runner.locust import ANSWER_WITHIN, put_load, settings
from emulator.experiments.runner.model_upload import BUCKET, model_key, upload
from emulator.experiments.runner.row_follower import RowFollower
from emulator.project import KDD99_RECORDS, project_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.plan.model import Plan

EMULATOR_LOG = "emulator.log"
TEMPLATE = "template.yaml"
WARM_UP = "warm-up.csv"
"""Client rows of the requests before the first that counts: no table has them."""
_READY_WITHIN = 1800.0
"""Seconds to wait for an emulator: a first deployment may install TensorFlow, or build Java."""


class NotStartedError(TestbedError):
    """Says that the cell's emulator did not come to serve its function."""


@dataclass(frozen=True, slots=True)
class CellRunner:
    """Runs cells of one study, one after the other."""

    plan: Plan
    state_dir: Path
    """Folder of the emulators' builds, outside of the cells: a function is built only once."""
    python: str
    """Interpreter for emulators and Locust."""

    def run(self, cell: PlannedCell, folder: Path, note: Callable[[str], None]) -> HostGuard:
        """Leaves the cell's run directory in a new folder; returns the guard that watched the host.

        Raises:
            NotStartedError: the cell's emulator did not come to serve.
            TestbedError: anything else went wrong; the message says what.
            OSError: a file of the cell could not be read or written.
        """
        folder.mkdir(parents=True)
        name, load = cell.condition.function, cell.load
        function = self.plan.functions.get(name, PlannedFunction())
        path = self._write_template(cell, function, folder)
        with contextlib.ExitStack() as stack:
            emulator = self._start(cell, folder, note, stack)
            if cell.condition.loading in S3_LOADINGS and function.model is not None:
                upload(emulator.url, name, function.model)
            within = ANSWER_WITHIN * cell.dilation
            asker = stack.enter_context(Asker(emulator.url, path, _body(function), within))
            _warm_up(load.warm_up, asker, folder, note)
            if cell.condition.page_cache == "cold":
                os.sync()  # pages that were not written yet would stay
            guard = stack.enter_context(HostGuard(folder / HOST))
            if (ping := ping_of(load)) is not None:
                slower = cell.dilation / cell.idle_speedup
                stack.enter_context(Pinging(asker, ping, folder / CLIENTS, slower))
            rows = RowFollower(folder / CLIENTS)
            put_load(
                cell,
                settings(cell, function, path, folder / CLIENTS),
                emulator,
                folder,
                on_second=lambda passed: note(
                    f"{passed:.0f} of {cell.load_s:.0f} s  {rows.news(1.0)}"
                ),
                python=self.python,
            )
            if cell.asynchronous:
                await_events(folder, emulator, self._longest_drain(cell), note)
            note("stopping")
        return guard

    def _write_template(self, cell: PlannedCell, function: PlannedFunction, folder: Path) -> str:
        """Writes the cell's template, and returns the path that its function is asked at."""
        template = StudyTemplate(self.plan.template)
        name, asked = cell.condition.function, cell.load.asynchronous
        template.write_variant(
            name,
            cell.memory_mb,
            variables(cell),
            folder / TEMPLATE,
            reserved_concurrency=function.reserved_concurrency,
            events={} if asked is None else asked.members,
        )
        invoke = f"/2015-03-31/functions/{name}/invocations"
        if cell.asynchronous:
            return invoke
        return function.path or template.functions[name].route or invoke

    def _longest_drain(self, cell: PlannedCell) -> float:
        function = StudyTemplate(self.plan.template).functions[cell.condition.function]
        asked = event_settings(self.plan, cell, function)
        return longest_drain(cell, asked, function.timeout_s)

    def _start(
        self,
        cell: PlannedCell,
        folder: Path,
        note: Callable[[str], None],
        stack: contextlib.ExitStack,
    ) -> EmulatorProcess:
        process = EmulatorProcess(
            self._options(cell, folder),
            folder / EMULATOR_LOG,
            ready_within=_READY_WITHIN,
            tell=note,
            python=self.python,
        )
        try:
            return stack.enter_context(process)
        except TestbedError as error:
            raise NotStartedError(str(error)) from error

    def _options(self, cell: PlannedCell, folder: Path) -> Sequence[str]:
        condition, plan = cell.condition, self.plan
        options = {
            "--template": folder / TEMPLATE,
            "--run-dir": folder,
            "--state-dir": self.state_dir,
            # a cell that was broken off may have left some, and all cells share the state
            "--left-events": LeftEvents.FORGET,
            "--backend": condition.backend,
            "--profile": condition.profile,
            "--pick-order": condition.pick_order,
            # a seed of its own: how long sandboxes live in one cell says nothing of another
            "--seed": crc32(f"{cell.seed} {cell.id}".encode()),
            "--idle-speedup": f"{cell.idle_speedup:g}",
            "--keep-alive": None
            if condition.keep_alive == PROFILE_KEEP_ALIVE
            else condition.keep_alive,
            "--policy": None if condition.policy == LIFETIME else condition.policy,
            "--dilation": f"{cell.dilation:g}" if cell.dilation > 1 else None,
            "--page-cache": "private" if condition.page_cache == "private" else None,
            "--network": None if condition.network == NO_NETWORK else condition.network,
            "--init-cpu": cell.init_cpu if cell.init_cpu is not InitCpu.BOOSTED else None,
            "--init-timeout": plan.init_timeout,
            "--host-memory": plan.host_memory,
        }
        return [
            text
            for name, value in options.items()
            if value is not None
            for text in (name, str(value))
        ]


def _body(function: PlannedFunction) -> bytes:
    if function.payload:
        return function.payload.read_bytes()
    return kdd99_batch(project_path(KDD99_RECORDS))


def _warm_up(requests: int, asker: Asker, folder: Path, note: Callable[[str], None]) -> None:
    for number in range(1, requests + 1):
        note(f"warm-up {number} of {requests}")
        append_client_rows(folder / WARM_UP, [asker.ask(1)])


def variables(cell: PlannedCell) -> dict[str, str]:
    """Returns the environment variables that tell the cell's function about its model."""
    loading = cell.condition.loading
    if loading == Loading.TEMPLATE:
        return dict(cell.variables)
    told = {"MODEL_LOADING": loading}
    if loading in S3_LOADINGS:
        told |= {"MODEL_BUCKET": BUCKET, "MODEL_KEY": model_key(cell.condition.function)}
    return told | dict(cell.variables)
