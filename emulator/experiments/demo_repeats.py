"""Runs the demo several times, and tells whether its advice is the same: `demo --repeat N`.

Owns the table over the runs; one run is the demo's own affair.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.memory_curve import MemoryCurve, memory_curves
from emulator.experiments.demo import run_demo
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.text import aligned_table, machine_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.records.study import StudyRun

PAGE = "repeats.md"
_INTERRUPTED = 130
"""Exit code of a demo that Ctrl-C ended."""
_HEAD = (
    *("run", "advice", "sure", "lead", "repetitions", "requests", "host-bound cells"),
    *("failed", "seconds"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Holds what one demo came to."""

    curves: tuple[MemoryCurve, ...]
    requests: int
    host_bound: int
    code: int
    """Exit code of the demo; 0 where each request was answered right."""
    seconds: float

    @property
    def advice(self) -> str:
        """The size to buy, of each function."""
        sizes = [f"{curve.condition.function} {curve.best_mb} MB" for curve in self.curves]
        return ", ".join(sizes) or "none"


def run_repeats(
    times: int,
    *,
    backend: str = "auto",
    dilation: int | str | None = None,
    run_dir: Path | None = None,
) -> int:
    """Runs the demo several times, and writes a table of the advice after each time.

    Returns 0 where all advice is the same and no demo failed, 130 after Ctrl-C, else 1.

    Args:
        times: number of demos.
        backend: auto, docker or process.
        dilation: in place of the plan's: a whole number or `auto`.
        run_dir: the folder that gets a folder for each demo; None for a new `runs/demo-<time>`.

    Raises:
        TestbedError: the plan or a folder is wrong.
    """
    folder = run_dir or Path("runs") / f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    outcomes: list[Outcome] = []
    page = ""
    for number in range(1, times + 1):
        begun, place = time.monotonic(), folder / f"{number:02}"
        code = run_demo(backend=backend, dilation=dilation, run_dir=place)
        if code == _INTERRUPTED:
            return code
        study = read_study(place)
        outcomes.append(outcome(study, code, time.monotonic() - begun))
        page = repeats_page(study, outcomes)
        (folder / PAGE).write_text(page, encoding="utf-8")
    print(f"\n{page}\n{folder / PAGE}", flush=True)
    return 0 if is_the_same(outcomes) else 1


def outcome(study: StudyRun, code: int, seconds: float) -> Outcome:
    """Returns what a demo's run came to."""
    return Outcome(
        curves=tuple(memory_curves(study)),
        requests=sum(len(rows) for rows in study.rows.values()),
        host_bound=sum(bool(cell.host_bound) for cell in study.cells),
        code=code,
        seconds=seconds,
    )


def is_the_same(outcomes: Sequence[Outcome]) -> bool:
    """Tells whether each demo gave the same advice, and none failed."""
    one = len({outcome.advice for outcome in outcomes}) == 1
    return one and not any(outcome.code for outcome in outcomes)


def repeats_page(study: StudyRun, outcomes: Sequence[Outcome]) -> str:
    """Returns the table of all demos so far as Markdown, with the machine of the last one."""
    advice = [outcome.advice for outcome in outcomes]
    most = max(set(advice), key=advice.count)
    started = datetime.fromtimestamp(study.started_at, UTC)
    backend = study.cells[0].condition.backend if study.cells else ""
    return "\n".join(
        [
            f"# The demo {len(outcomes)} times",
            "",
            (
                f"{advice.count(most)} of {len(advice)} say: {most}. Backend {backend}, "
                f"{machine_facts(study.machine)}, the last one at {started:%Y-%m-%d %H:%M} UTC."
            ),
            "",
            "```",
            *aligned_table([_HEAD, *(_line(n, one) for n, one in enumerate(outcomes, 1))]),
            "```",
            "",
        ]
    )


def _line(number: int, one: Outcome) -> tuple[str, ...]:
    surely = all(curve.is_sure for curve in one.curves) and bool(one.curves)
    leads = [formatting.estimate(curve.lead, formatting.number) for curve in one.curves]
    return (
        str(number),
        one.advice,
        "yes" if surely else "no",
        ", ".join(leads),
        str(max((curve.repetitions for curve in one.curves), default=0)),
        formatting.count(one.requests),
        str(one.host_bound),
        "yes" if one.code else "no",
        f"{one.seconds:.0f}",
    )
