"""Runs `testbed simulate --trace` to its end: simulates, and writes what came of each policy.

    run.json           what was simulated
    summary.csv, .md   a row for each policy
    cold-starts        calls, cold starts and throttles of each function: CSV, and a PNG; so also
    over-time          mean sandboxes and their memory in each minute
    pareto, costs      pareto with `fixed:seconds=600`, which waste is compared with

Owns these files, and what Ctrl-C leaves: the policies all of whose parts were done.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.experiments.policies import charts
from emulator.experiments.policies.command import TRACE_ONLY
from emulator.experiments.policies.event_tally import event_table
from emulator.experiments.policies.run_files import Files, cost_files, pareto_files, write_files
from emulator.experiments.policies.tables import as_csv, rows_of, summary_csv, summary_markdown
from emulator.experiments.policies.tally import MINUTE, Tally
from emulator.experiments.policies.trace_part import parts, run_parts
from emulator.experiments.policies.trace_study import write_facts
from emulator.experiments.records.parquet_journal import ParquetJournal
from emulator.experiments.records.study_file import claim_folder
from emulator.experiments.runner.simulation_progress import SimulationProgress
from emulator.policy_choice import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.experiments.policies.tables import Row
    from emulator.experiments.policies.trace_part import Part
    from emulator.experiments.policies.trace_study import TraceStudy
    from emulator.sim.traces.trace import Trace

_FIXED = "fixed:seconds=600"


def new_folder(trace: Path) -> Path:
    """Returns a folder for a run that is called by the file of its trace and the time."""
    return Path("runs") / f"{trace.stem}-simulated-{datetime.now().astimezone():%Y%m%d-%H%M%S}"


def simulate_trace(
    study: TraceStudy,
    folder: Path,
    tell: Callable[[str], None],
    *,
    jobs: int = 0,
    journal: Path | None = None,
) -> int:
    """Simulates each policy on a trace, and writes a folder of tables and charts.

    Args:
        study: what is simulated.
        folder: is made where it is not there; must be empty.
        tell: prints a line.
        jobs: processes; 0 is one for each CPU. Figures do not depend on them.
        journal: file for the journals of all parts; None: none is written.

    Returns:
        The exit code: 0, or 130 after Ctrl-C, with the policies that were done until then.

    Raises:
        SettingsError: a policy or the format is unknown, the trace is empty or faulty, or the
            folder is not empty.
        RunDirectoryError: a file cannot be written.
    """
    _check_policies(study.policies)
    if journal is not None and not journal.parent.is_dir():
        raise SettingsError(f"--journal: there is no folder {journal.parent} to write to.")
    begun = time.monotonic()
    trace = study.read()
    claim_folder(folder)
    write_facts(study, trace, folder)
    todo = parts(study, trace, folder, journal=journal is not None)
    tell(f"{len(trace.functions):,} functions read in {time.monotonic() - begun:.1f} s")
    try:
        done = _simulated(todo, trace, jobs)
    except SettingsError:
        shutil.rmtree(folder)  # which this run has claimed, and which holds no figure
        raise
    found = _whole(study, todo, done)
    calls = sum(tally.calls.total() for tally in found.values())
    if found and not calls:
        shutil.rmtree(folder)
        raise SettingsError(f"No call of {study.trace} is left to simulate{_cut(study)}.")
    tell(f"{calls:,} calls simulated in {time.monotonic() - begun:.1f} s")
    if len(done) < len(todo):
        tell(f"Stopped; {len(found)} of {len(study.policies)} policies are done.")
    if found:
        _write(folder, found)
        tell(f"{folder}/summary.md")
    if journal is not None:
        _join(journal, [part.journal for part in todo if part.journal and part in done])
    return 0 if len(done) == len(todo) else 130


def _check_policies(names: Sequence[str]) -> None:
    for name in names:
        if name in TRACE_ONLY:
            raise SettingsError(f"policy {name} needs all calls at once: see compare-policies")
        chosen(name)


def _simulated(todo: list[Part], trace: Trace, jobs: int) -> dict[Part, Tally]:
    """Returns the tally of each part, or of those that were done when Ctrl-C came."""
    done: dict[Part, Tally] = {}
    with suppress(KeyboardInterrupt), SimulationProgress(len(todo)) as progress:
        for part, tally in run_parts(todo, trace, jobs):
            done[part] = tally
            progress.done(part.policy, tally.calls.total())
    return done


def _cut(study: TraceStudy) -> str:
    """Names what may have left no call; an empty text where all calls of the trace were taken."""
    options = {
        "--window": study.window is not None,
        "--sample": study.sample is not None,
        "--scale": study.scale != 1.0,
    }
    named = [option for option, given in options.items() if given]
    return f" after {' and '.join(named)}" if named else ""


def _whole(study: TraceStudy, todo: Sequence[Part], done: Mapping[Part, Tally]) -> dict[str, Tally]:
    """Returns the tally of each policy all of whose parts are done, in the order of the parts."""
    found = {}
    for policy in study.policies:
        own = [part for part in todo if part.policy == policy]
        if all(part in done for part in own):
            found[policy] = whole = Tally()
            for part in own:
                whole.add(done[part])
    return found


def _join(journal: Path, files: Sequence[Path]) -> None:
    with ParquetJournal(journal) as whole:
        whole.join(files)


def _rows(found: Mapping[str, Tally]) -> list[Row]:
    runs = {policy: tally.run(policy) for policy, tally in found.items()}
    fixed = runs.get(_FIXED)
    rows = rows_of(list(runs.values()), fixed or next(iter(runs.values())))
    return rows if fixed else [replace(row, wasted=None) for row in rows]


def _write(folder: Path, found: Mapping[str, Tally]) -> None:
    rows, runs = _rows(found), [tally.run(policy) for policy, tally in found.items()]
    files: Files = {
        "summary.csv": summary_csv(rows),
        "summary.md": summary_markdown(rows) + "\n" + _more(found),
        **cost_files(rows),
        "cold-starts.png": charts.cold_starts(runs),
        "cold-starts.csv": as_csv(
            ("policy", "function", "calls", "cold", "throttled"),
            [
                (policy, name, calls, tally.cold[name], tally.throttled[name])
                for policy, tally in found.items()
                for name, calls in sorted(tally.calls.items())
            ],
        ),
        "over-time.png": charts.over_time(runs),
        "over-time.csv": as_csv(
            ("policy", "minute", "sandboxes", "memory_mb"),
            [
                (policy, minute, seconds / MINUTE, tally.memory[minute] / MINUTE)
                for policy, tally in found.items()
                for minute, seconds in sorted(tally.sandboxes.items())
            ],
        ),
    }
    if _FIXED in found:
        files |= pareto_files(rows)
    write_files(folder, files)


def _more(found: Mapping[str, Tally]) -> str:
    """Returns what only sums tell, as a table."""
    lines = [
        "All figures are simulated.",
        "",
        "| policy | GB-hours idle | mean sandboxes | mean wait, ms | mean handler, ms |",
        "|---|---:|---:|---:|---:|",
    ]
    for policy, tally in found.items():
        served = max(1, tally.calls.total() - tally.throttled.total())
        mean = sum(tally.sandboxes.values()) / tally.end if tally.end else 0.0
        lines.append(
            f"| {policy} | {tally.wasted_mb_s / 1024 / 3600:.2f} | {mean:.1f} "
            f"| {1000 * tally.waited / served:.1f} | {1000 * tally.ran / served:.1f} |"
        )
    lines += event_table({policy: tally.events for policy, tally in found.items()})
    return "\n".join(lines) + "\n"
