"""Tries one memory size: an emulator of its own, and invocations one after another."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.experiments.records.client_rows import CLIENTS, append_client_rows
from emulator.experiments.runner.client import Asker
from emulator.experiments.runner.emulator_process import EmulatorProcess

if TYPE_CHECKING:
    from emulator.experiments.plan.template import StudyTemplate
    from emulator.experiments.records.client_rows import ClientRow
    from emulator.experiments.report.progress import StepProgress
    from emulator.experiments.tune.tuning import Tuning

_STATE = Path(".testbed") / "tune"
_READY_WITHIN = 1200.0
"""Seconds: a first deployment may install TensorFlow."""
_ANSWER_WITHIN = 960.0
"""Seconds, longer than the longest function."""


def try_size(
    tuning: Tuning,
    template: StudyTemplate,
    memory_mb: int,
    *,
    folder: Path,
    progress: StepProgress,
    python: str,
) -> None:
    """Leaves the run directory of one size, with a client row for each invocation.

    Raises:
        TestbedError: the emulator did not start, or an invocation failed.
    """
    folder.mkdir(parents=True)
    variant = folder / "template.yaml"
    template.write_variant(tuning.function, memory_mb, {}, variant)
    options = (
        *("--template", str(variant), "--backend", tuning.backend, "--profile", tuning.profile),
        *("--run-dir", str(folder), "--state-dir", str(_STATE)),
    )
    log = folder / "emulator.log"
    path = f"/2015-03-31/functions/{tuning.function}/invocations"
    progress.begin(f"{memory_mb} MB: deploying {tuning.function}")
    with contextlib.ExitStack() as stack:
        emulator = stack.enter_context(
            EmulatorProcess(
                options, log, ready_within=_READY_WITHIN, tell=lambda _: None, python=python
            )
        )
        askers = [
            stack.enter_context(Asker(emulator.url, path, payload, _ANSWER_WITHIN))
            for payload in tuning.payloads
        ]
        rows: list[ClientRow] = []
        stack.callback(lambda: append_client_rows(folder / CLIENTS, rows))
        for number in range(tuning.invocations):
            progress.begin(f"{memory_mb} MB: invocation {number + 1} of {tuning.invocations}")
            rows.append(askers[number % len(askers)].ask(users=1))
            _refuse_failure(rows[-1], memory_mb, log)
            progress.advance()


def _refuse_failure(row: ClientRow, memory_mb: int, log: Path) -> None:
    if row.error:
        raise TestbedError(
            f"At {memory_mb} MB an invocation failed ({row.error}). Leave that size out, or see "
            f"{log}."
        )
