"""Measures what stem cells buy and cost: cold starts with and without, in turns, and their memory.

Two emulators serve the same function, one of which keeps cells. Each request is a cold start, and
comes when the cell that the one before took has been made anew.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from emulator.core.messages.commands import MakeStemCell
from emulator.core.messages.events import StemCellReady
from emulator.experiments.benchmark.cold_request import (
    cold_request_ms,
    wait_until_sandboxes_are_gone,
)
from emulator.experiments.records.journal_file import read_journal
from emulator.experiments.records.percentiles import percentile
from emulator.experiments.records.run_directory import JOURNAL, read_run
from emulator.host.peers import descendants
from emulator.host.processes import proportional_memory_kb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emulator.core.journal import Entry
    from emulator.experiments.benchmark.figures import Figures
    from emulator.experiments.runner.emulator_process import EmulatorProcess

CELLS = 4
"""Cells that are kept while starts are measured."""
_SEEN_MB = 0.1


def measure_stem_cells(
    start: Callable[[str, str, tuple[str, ...]], EmulatorProcess],
    folder: Path,
    turns: int,
    not_counted: int,
    *,
    filled_after: float,
    refilled_after: float,
) -> Figures:
    """Returns the figures of cells; none where the backend keeps none.

    `start` prepares an emulator by the name of its folder in `folder`, that of its run there and
    its options. All cells are there `filled_after` seconds from the start, and are there again
    `refilled_after` seconds from a cold start.

    Raises:
        TestbedError: the backend does not work here, or a request was not answered right.
    """
    with (
        start("stem", "cells", ("--keep-alive", "0", "--stem-cells", str(CELLS))) as cells,
        start("plain", "none", ("--keep-alive", "0")) as plain,
    ):
        time.sleep(filled_after)
        each_mb = (_memory_mb(cells.pid) - _memory_mb(plain.pid)) / CELLS
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(turns):
            for number in (0, 1) if turn % 2 else (1, 0):
                emulator = (cells, plain)[number]
                took_ms = cold_request_ms(emulator.port)
                wait_until_sandboxes_are_gone(emulator.url)
                time.sleep(refilled_after)
                if turn >= not_counted:
                    times[number].append(took_ms)
    run = read_run(folder / "stem" / "cells")
    if not all(record.stem_cell for record in run.invocations):
        return {}
    entries = list(read_journal(folder / "stem" / "cells" / JOURNAL, 0.0).entries)
    return _figures(*times, each_mb, refills_ms(entries))


def _figures(
    cells_ms: Sequence[float], plain_ms: Sequence[float], each_mb: float, made_ms: Sequence[float]
) -> Figures:
    found = {
        "cold of a stem cell p50, ms": percentile(cells_ms, 50),
        "cold of a stem cell p95, ms": percentile(cells_ms, 95),
        "  in turns with none p50, ms": percentile(plain_ms, 50),
        # containers do not descend from the emulator, so that nothing is seen of theirs
        "an idle stem cell, MB": each_mb if each_mb > _SEEN_MB else None,
        "a stem cell is made in p50, ms": median(made_ms) if made_ms else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def refills_ms(entries: Sequence[Entry]) -> list[float]:
    """Returns how long the making of each stem cell took that a journal tells of."""
    begun: dict[int, float] = {}
    found = []
    for entry in entries:
        for command in entry.commands:
            if isinstance(command, MakeStemCell):
                begun[command.cell] = entry.at
        if isinstance(entry.event, StemCellReady) and entry.event.cell in begun:
            found.append((entry.at - begun.pop(entry.event.cell)) * 1000)
    return found


def _memory_mb(pid: int) -> float:
    """Returns the memory of all that an emulator's process has started, pages in common shared."""
    started = [each for each in descendants(pid) if each != pid]
    return sum(map(proportional_memory_kb, started)) / 1024
