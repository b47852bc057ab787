"""A small trial of `testbed lost-events`: three kills, and every event runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.lost_events.command import lost_events_page
from emulator.experiments.lost_events.trial import Counts, run_trial

if TYPE_CHECKING:
    from pathlib import Path


def test_no_event_is_lost_when_the_emulator_is_killed(tmp_path: Path) -> None:
    counts = run_trial(tmp_path, events=200, kills=3, seed=7)
    assert counts.lost == []
    assert (counts.left_queued, counts.left_in_queue) == (0, 0)
    assert counts.accepted == counts.ran == 250
    assert len(counts.restarts_s) == 3


def test_page_tells_what_was_lost() -> None:
    counts = Counts(10, 1, 1, accepted=12, ran=11, lost=["queue-8"], restarts_s=[1.5])
    assert not counts.passed
    page = lost_events_page(counts, "testbed lost-events")
    assert "| **lost** | **1** |" in page
    assert "**Lost: queue-8**" in page
    assert "| kill until it serves again, median | 1.50 s |" in page
