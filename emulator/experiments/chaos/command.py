"""Runs `testbed chaos`: one trial after the other, on every backend that works here."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import SettingsError
from emulator.experiments.chaos.engine_faults import engine_fault
from emulator.experiments.chaos.faults import FAULTS
from emulator.experiments.chaos.private_engine import PrivateEngine
from emulator.experiments.chaos.report import chaos_document, chaos_page
from emulator.experiments.chaos.template import RUNTIME_IMAGE, write_functions
from emulator.experiments.chaos.trial import Place, Trial, try_fault
from emulator.experiments.report.progress import StepProgress
from emulator.experiments.runner.emulator_process import stoppable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.experiments.chaos.fault import Fault

_TRIAL_S = 15.0
"""Seconds that a trial takes, for the time left."""


def chaos_results(
    *,
    backends: Sequence[str],
    names: Sequence[str] = (),
    engine: Sequence[str] = (),
    seed: int = 1,
    kills: int = 20,
    python: str = sys.executable,
) -> Iterator[Trial]:
    """Yields each trial when it is over; progress goes to stderr.

    Args:
        backends: docker, process or both.
        names: the faults to do; none for all.
        engine: commands, each of which is a fault on Docker.
        seed: what moments and victims are drawn from.
        kills: how often the gateway is killed in its trial.
        python: the interpreter that emulators run in.

    Raises:
        SettingsError: no fault has one of the names.
    """
    faults = (*_chosen(names), *map(engine_fault, engine))
    todo = [(fault, one) for one in backends for fault in faults if one in fault.backends]
    with (
        stoppable(),
        tempfile.TemporaryDirectory(prefix="testbed-chaos-") as scratch,
        ExitStack() as stack,
        StepProgress(_TRIAL_S * len(todo)) as progress,
    ):

        @cache
        def own_engine() -> PrivateEngine:
            return stack.enter_context(PrivateEngine(Path(scratch) / "engine", [RUNTIME_IMAGE]))

        template = write_functions(Path(scratch) / "functions")
        for fault, backend in todo:
            progress.begin(f"{backend}: {fault.name}")
            place = Place(
                Path(scratch) / backend, template, backend, python, seed, kills, own_engine
            )
            trial = try_fault(fault, place)
            for failure in trial.failures:
                progress.note(f"{backend}: {fault.name}: {failure}")
            progress.advance(_TRIAL_S)
            yield trial


def _chosen(names: Sequence[str]) -> tuple[Fault, ...]:
    known = {fault.name: fault for fault in FAULTS}
    if unknown := [name for name in names if name not in known]:
        raise SettingsError(
            f"No fault is called {unknown[0]!r}. There are: {', '.join(sorted(known))}."
        )
    return tuple(known[name] for name in names) or FAULTS


def run_chaos(
    *,
    backends: Sequence[str],
    names: Sequence[str] = (),
    engine: Sequence[str] = (),
    seed: int = 1,
    kills: int = 20,
    out: Path | None = None,
) -> tuple[int, dict[str, Any], str]:
    """Runs the trials and writes the page.

    Returns:
        1 where a trial failed, the results as JSON values, and the page.
    """
    trials: list[Trial] = []
    facts = {
        "command": " ".join(
            [
                "testbed chaos",
                *(f"--backend {one}" for one in backends),
                f"--seed {seed} --kills {kills}",
            ]
        ),
        "machine": f"{platform.system()} {_kernel()}, {os.cpu_count()} CPUs",
        "seed": seed,
    }
    for trial in chaos_results(
        backends=backends, names=names, engine=engine, seed=seed, kills=kills
    ):
        trials.append(trial)
        if out is not None:  # after each, so that an interrupted run leaves what it has
            out.write_text(chaos_page(trials, facts), encoding="utf-8")
    failed = any(trial.failures for trial in trials)
    return int(failed), chaos_document(trials, facts), chaos_page(trials, facts)


def _kernel() -> str:
    found = re.match(r"\d+\.\d+", platform.release())
    return found[0] if found else platform.release()
