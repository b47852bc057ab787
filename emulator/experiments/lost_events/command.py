"""Runs `testbed lost-events`: one trial, and the page that tells of it."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.experiments.lost_events.trial import run_trial
from emulator.experiments.runner.emulator_process import stoppable

if TYPE_CHECKING:
    from emulator.experiments.lost_events.trial import Counts

_PAGE = """\
# Events that outlive a kill

Written by `{command}` on {machine}. While eight clients sent {events} asynchronous invokes, and a
queue (SQS) and a stream (Kinesis) got {others} events more, `kill -9` ended the emulator {kills}
times, at moments drawn from seed {seed}; each time it was started again on the same state
directory. An event counts from its acceptance on: 202, or the answer of its source. The sources are
a moto server of their own, which nobody kills.

| | |
|---|---|
| accepted | {accepted} |
| sent again, since the emulator was down | {sent_again} |
| **ran at least once** | **{ran}** |
| **lost** | **{lost}** |
| runs of events that had run before | {repeated} ({share:.1%}) |
| left in the emulator's queue, in SQS | {left_queued}, {left_in_queue} |
| kill until it serves again, median | {restart:.2f} s |
| last acceptance until all had run | {settled:.1f} s |
| whole trial | {seconds:.0f} s |

{verdict}
"""


def run_lost_events(
    *, events: int, kills: int, seed: int, backend: str, out: Path | None = None
) -> tuple[int, dict[str, Any], str]:
    """Runs the trial; returns 1 where something was lost or left, the counts, and the page."""
    with stoppable(), tempfile.TemporaryDirectory(prefix="testbed-events-") as scratch:
        counts = run_trial(
            Path(scratch),
            events=events,
            kills=kills,
            seed=seed,
            backend=backend,
            tell=lambda _: None,
        )
    command = f"testbed lost-events --events {events} --kills {kills} --seed {seed}"
    page = lost_events_page(counts, command)
    if out is not None:
        out.write_text(page, encoding="utf-8")
    return int(not counts.passed), asdict(counts), page


def lost_events_page(counts: Counts, command: str) -> str:
    """Returns the page as Markdown."""
    told = ", ".join(counts.lost[:10])
    return _PAGE.format(
        command=command,
        machine=f"{platform.system()}, {os.cpu_count()} CPUs",
        events=counts.events,
        others=counts.accepted - counts.events,
        kills=counts.kills,
        seed=counts.seed,
        accepted=counts.accepted,
        sent_again=counts.sent_again,
        ran=counts.ran,
        lost=len(counts.lost),
        repeated=counts.repeated,
        share=counts.repeated / max(1, counts.ran),
        left_queued=counts.left_queued,
        left_in_queue=counts.left_in_queue,
        restart=statistics.median(counts.restarts_s or [0.0]),
        settled=counts.settled_s,
        seconds=counts.seconds,
        verdict="Every event ran, and nothing was left." if counts.passed else f"**Lost: {told}**",
    )
