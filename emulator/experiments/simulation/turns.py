"""Gathers which requests a load's process sent together, and how long each of them took.

Locust's users are greenlets of one process, which sleeps until the first pause ends. libev sleeps
in whole milliseconds, rounded up (`EV_TS_TO_MSEC` of its ev_epoll.c), so that all whose pauses end
within that millisecond ask in one turn. The emulator serves them at once, they share its one event
loop, and so each takes longer than alone; their answers come together, and their next pauses end
together. Users of a short function fall into step like that, and need a sandbox each.

Owns what one turn is in the clients' rows. How long a request takes stays what its phase is drawn
from; a turn tells the *ranks* of its requests among all of their cell, which are drawn together.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.model import StartKind
from emulator.core.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.experiments.records.run_directory import Run

GRAIN_S = 0.001
"""Seconds of the machine within which Locust's pauses end together (H: libev; measured: a sleep of
gevent is .07 to 1.07 ms late, each alike)."""

SentTogether = tuple[tuple[float | None, float], ...]
"""Seconds of handler and of overhead for each request of a turn; None: the handler's first call."""
Ranks = tuple[tuple[float | None, float], ...]
"""Shares of a cell's requests whose handler and overhead took less, for each request of a turn."""


def sent_together(run: Run, dilation: float) -> list[SentTogether]:
    """Returns the answered requests of a run's clients, turn by turn, in emulated seconds."""
    by_id = {record.invocation: record for record in run.invocations}
    turns: list[list[tuple[float | None, float]]] = []
    began = -GRAIN_S
    for row in sorted(run.clients, key=lambda row: row.start):
        record = by_id.get(row.request_id)
        if record is None or record.status is not Status.OK or record.dispatched_at is None:
            continue
        if row.start >= began + GRAIN_S:
            began = row.start
            turns.append([])
        answered = record.finished_at if record.answered_at is None else record.answered_at
        handler = answered - record.dispatched_at if record.start is StartKind.WARM else None
        overhead = max(0.0, row.latency_ms / 1000 / dilation - record.client_latency)
        turns[-1].append((handler, overhead))
    return [tuple(turn) for turn in turns]


@dataclass(frozen=True, slots=True)
class Turns:
    """Holds the measured turns of a load, by the number of their requests."""

    grain: float
    """Emulated seconds within which pauses end together."""
    by_size: dict[int, tuple[Ranks, ...]]

    def of_size(self, size: int) -> tuple[Ranks, ...]:
        """Returns the turns of a number of requests; of the nearest number where there are none."""
        nearest = min(self.by_size, key=lambda there: (abs(there - size), there))
        return self.by_size[nearest]


def turns_of(cells: Iterable[Sequence[SentTogether]], grain: float) -> Turns | None:
    """Ranks the requests of each cell among themselves; None where no cell has any."""
    by_size: dict[int, list[Ranks]] = {}
    for turns in cells:
        handlers = sorted(h for turn in turns for h, _ in turn if h is not None)
        overheads = sorted(overhead for turn in turns for _, overhead in turn)
        for turn in turns:
            ranks = tuple(
                (None if handler is None else _rank(handlers, handler), _rank(overheads, overhead))
                for handler, overhead in turn
            )
            by_size.setdefault(len(turn), []).append(ranks)
    if not by_size:
        return None
    return Turns(grain, {size: tuple(found) for size, found in sorted(by_size.items())})


def _rank(values: Sequence[float], value: float) -> float:
    """Returns a value's place among all values, from 0 for the least to 1 for the greatest."""
    return bisect_left(values, value) / max(1, len(values) - 1)
