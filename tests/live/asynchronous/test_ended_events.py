from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.ended_event import EVENTS_FILE, EndedEvent, decode_ended
from emulator.live.asynchronous.ended_events import EndedEvents

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_have_the_times_of_the_journal(tmp_path: Path) -> None:
    file = EndedEvents(tmp_path, origin=1000.0, dilation=4.0)
    file.write(EndedEvent("a", Condition.SUCCESS, 1, 2.0, 1004.0, 1008.0))
    file.write(EndedEvent("b", Condition.EVENT_AGE_EXCEEDED, 0, 60.0, 1004.0, 1244.0))
    file.close()
    lines = (tmp_path / EVENTS_FILE).read_text().splitlines()
    assert [decode_ended(line) for line in lines] == [
        EndedEvent("a", Condition.SUCCESS, 1, 2.0, 1.0, 2.0),
        EndedEvent("b", Condition.EVENT_AGE_EXCEEDED, 0, 60.0, 1.0, 61.0),
    ]


def test_run_without_events_has_no_file(tmp_path: Path) -> None:
    EndedEvents(tmp_path, origin=0.0, dilation=1.0).close()
    assert list(tmp_path.iterdir()) == []
