"""Runs `testbed tune`: which memory a function should have, by time and cost at each size.

Each size gets an emulator of its own, whose template has the one function with its MemorySize
replaced, and the same invocations one after the other; the first one is a cold start. As in
aws-lambda-power-tuning, a failed invocation ends the tuning, as what an error takes says nothing.
The run directory is that of a study, so that `testbed report` reads it.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from emulator.errors import RunDirectoryError
from emulator.experiments.analysis.memory_choice import choose
from emulator.experiments.report.progress import StepProgress
from emulator.experiments.runner.emulator_process import stoppable
from emulator.experiments.tune.results import TuneResults, tune_text
from emulator.experiments.tune.study import TunedStudy
from emulator.experiments.tune.trial import try_size
from emulator.experiments.tune.tuning import Tuning, check

SUMMARY = "summary.txt"


def run_tune(tuning: Tuning, run_dir: Path | None = None, python: str = sys.executable) -> int:
    """Prints the table, the curve and the link; 0 where every size was tried.

    Raises:
        TestbedError: as `tune` does.
    """
    results = tune(tuning, run_dir, python)
    print(
        f"\n{tune_text(results)}\nThe run is in {results.run_dir}; "
        f"`testbed report {results.run_dir}` draws it.",
        flush=True,
    )
    return 0


def tune(tuning: Tuning, run_dir: Path | None = None, python: str = sys.executable) -> TuneResults:
    """Tries every size, writes the summary, and returns what was found.

    Args:
        tuning: what is tried.
        run_dir: the folder to write to; None for a new `runs/tune-<time>`.
        python: the interpreter that emulators run in.

    Raises:
        TestbedError: the tuning is wrong, or an invocation failed; sizes that were tried before
            stay in the run directory.
    """
    template = check(tuning)
    folder = run_dir or Path("runs") / f"tune-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    study = TunedStudy(tuning, folder)
    with stoppable(), StepProgress(len(tuning.memories) * tuning.invocations) as progress:
        for memory_mb in tuning.memories:
            cell = study.folder(memory_mb)
            try_size(tuning, template, memory_mb, folder=cell, progress=progress, python=python)
            study.add(memory_mb)
    study.finish()
    samples = tuple(study.samples())
    results = TuneResults(tuning, samples, choose(samples, tuning.strategy, tuning.weight), folder)
    try:
        (folder / SUMMARY).write_text(tune_text(results), encoding="utf-8")
    except OSError as error:
        raise RunDirectoryError(f"{folder} cannot be written: {error.strerror}.") from error
    return results
