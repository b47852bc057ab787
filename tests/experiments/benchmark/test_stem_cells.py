from __future__ import annotations

import os

from emulator.core.journal import Entry
from emulator.core.messages.commands import MakeStemCell
from emulator.core.messages.events import StemCellGone, StemCellReady, TimePassed
from emulator.experiments.benchmark.stem_cells import refills_ms
from emulator.host.processes import proportional_memory_kb


def test_refill_takes_from_its_command_to_its_readiness() -> None:
    entries = [
        Entry(1.0, TimePassed(), (MakeStemCell(1, "python3.13"),)),
        Entry(1.5, StemCellReady(1), ()),
        Entry(2.0, TimePassed(), (MakeStemCell(2, "python3.13"),)),
        Entry(2.5, StemCellGone(2), (MakeStemCell(3, "python3.13"),)),
        Entry(2.75, StemCellReady(3), ()),
    ]
    assert refills_ms(entries) == [500.0, 250.0]


def test_memory_of_a_process_that_is_gone_is_none() -> None:
    assert proportional_memory_kb(os.getpid()) > 1000
    assert proportional_memory_kb(2**22 + 1) == 0
