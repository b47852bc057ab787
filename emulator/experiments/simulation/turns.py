"""Gathers which requests a load's process sent together, and how long each of them took.

Locust's users are greenlets of one process, which sleeps until the first pause ends. libev sleeps
in whole milliseconds, rounded up (`EV_TS_TO_MSEC` of its ev_epoll.c), so that all whose pauses end
within that millisecond ask together: in one turn. The emulator's event loop is one thread, which
serves them side by side: each takes the longer the more they are, all are answered together, and
their next pauses end together. A turn soon after another takes less than one that finds the machine
asleep, and so catches up with that. Users of a short function fall into step like that, and each of
them needs a sandbox.

How long a turn takes depends on its number of requests, and on how much longer the turns before it
will take when it is sent (below zero: for how long they have been over). A simulated turn takes
what one of the measured turns took that are nearest in that, and of its size but for one request,
which costs what a request adds on average. For a handler that follows a law of its own, turns tell
of overheads only.

When users who are added meet those who are there is a matter of milliseconds in a minute, so that
what Locust adds to each pause and to each step is taken from the run as well.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from heapq import nsmallest
from itertools import pairwise
from statistics import linear_regression, median
from typing import TYPE_CHECKING

from emulator.core.model import StartKind
from emulator.core.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from emulator.experiments.records.run_directory import Run

GRAIN_S = 0.001
"""Seconds of the machine within which Locust's pauses end together (H: libev; measured: a sleep of
gevent is .07 to 1.07 ms late, each alike)."""
_ROUNDED = 0.0001
"""Seconds by which a client's clocks may differ: one tells when a request begins, one how long."""
NEVER = -1e9
"""Time at which the turns before the first are over; finite, so that differences are."""
NEAREST = 10
"""Measured turns of which one is drawn; as many as calibrations want of samples."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Holds what a request took, in emulated seconds."""

    sent: float
    """Time since the turn began."""
    handler: float | None
    """None: the sandbox's first call, or one that follows a law of its own."""
    overhead: float
    """What the answer took besides the emulator's own time, since the turn began."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Holds an answered request of a load's clients, in emulated seconds."""

    at: float
    latency: float
    handler: float | None
    """None: the sandbox's first call."""
    own: float
    """The emulator's part of the latency."""
    users: int = 1
    """Number of users that were there."""

    def since(self, began: float) -> Parts:
        """Returns what the request took, in a turn that began at a time."""
        sent = self.at - began
        return Parts(sent, self.handler, max(0.0, sent + self.latency - self.own))


def answered_requests(run: Run, dilation: float) -> list[Sent]:
    """Returns the answered requests of a run's clients, in the order in which they were sent."""
    by_id = {record.invocation: record for record in run.invocations}
    found = []
    for row in sorted(run.clients, key=lambda row: row.start):
        record = by_id.get(row.request_id)
        if record is None or record.status is not Status.OK or record.dispatched_at is None:
            continue
        answered = record.finished_at if record.answered_at is None else record.answered_at
        handler = answered - record.dispatched_at if record.start is StartKind.WARM else None
        latency = row.latency_ms / 1000 / dilation
        own = record.client_latency
        found.append(Sent(row.start / dilation, latency, handler, own, row.users))
    return found


def lateness(requests: Sequence[Sent], pause: float) -> list[float]:
    """Returns by how much longer than a pause each user took from an answer to the next request.

    Rows do not tell users apart: pauses are all alike, so who is answered first asks first. Those
    who seem more than half a pause late were added, or have left.
    """
    ends = sorted(request.at + request.latency for request in requests)
    starts, place, found = [request.at for request in requests], 0, []
    for end in ends:
        place = bisect_left(starts, end + pause - _ROUNDED, lo=place)
        if place == len(starts):
            break
        if starts[place] - end - pause < pause / 2:
            found.append(starts[place] - end - pause)
            place += 1
    return found


def together(requests: Sequence[Sent], window: float) -> list[list[Sent]]:
    """Returns the turns of some requests: each has those sent within a window from its first."""
    turns: list[list[Sent]] = []
    for request in requests:
        if not turns or request.at >= turns[-1][0].at + window:
            turns.append([])
        turns[-1].append(request)
    return turns


@dataclass(frozen=True, slots=True)
class Turns:
    """Holds the measured turns of a load, by the number of their requests."""

    grain: float
    """Emulated seconds within which pauses end together."""
    late: float
    """Emulated seconds by which each pause is longer than it should be, without the rounding."""
    steps_late: tuple[float, ...]
    """Emulated seconds by which each step begins late."""
    handlers: bool
    """Whether turns tell the time of handlers, which follow no law of their own then."""
    sending: float
    """Emulated seconds until a turn's second request is sent, as a rule: its median."""
    each: float
    """Emulated seconds by which a turn takes longer for each of its requests."""
    by_size: dict[int, tuple[tuple[float, tuple[Parts, ...]], ...]]
    """How much longer the turns before took, and the requests of each turn."""

    def nearest(self, size: int, busy: float) -> list[tuple[Parts, ...]]:
        """Returns the turns that are nearest in `busy`, of those of nearly so many requests.

        Their overheads are those of a turn of `size` requests.
        """
        middle = min(self.by_size, key=lambda one: (abs(one - size), one))
        alike = [turn for near in (-1, 0, 1) for turn in self.by_size.get(middle + near, ())]
        if self.handlers:
            alike = nsmallest(NEAREST, alike, key=lambda one: abs(one[0] - busy))
        return [self._resized(turn, size) for _, turn in alike]

    def _resized(self, turn: tuple[Parts, ...], size: int) -> tuple[Parts, ...]:
        longer = self.each * (size - len(turn))
        return tuple(Parts(one.sent, one.handler, max(0.0, one.overhead + longer)) for one in turn)


@dataclass(frozen=True, slots=True)
class Steps:
    """Describes the users of a load as planned, in emulated seconds."""

    users: tuple[int, ...]
    step_s: float
    pause: float


def turns_of(
    cells: Sequence[Sequence[Sent]], grain: float, steps: Steps | None, *, handlers: bool
) -> Turns | None:
    """Returns the turns of cells by their sizes; None where no cell has any, or none has users."""
    by_size: dict[int, list[tuple[float, tuple[Parts, ...]]]] = {}
    for requests in cells:
        for turn, busy in _busy(together(requests, grain)):
            parts = tuple(request.since(turn[0].at) for request in turn)
            by_size.setdefault(len(turn), []).append((busy, parts))
    if not by_size or steps is None:
        return None
    second = [found[1].sent for turns in by_size.values() for _, found in turns if len(found) > 1]
    late = [one for requests in cells for one in lateness(requests, steps.pause)]
    return Turns(
        grain,
        max(0.0, median(late) - grain / 2) if late else 0.0,
        _steps_late(cells, steps),
        handlers,
        median(second) if second else 0.0,
        _each(by_size) if handlers else 0.0,
        {size: tuple(by_size[size]) for size in sorted(by_size)},
    )


def _each(by_size: Mapping[int, Sequence[tuple[float, tuple[Parts, ...]]]]) -> float:
    """Returns by how much longer warm requests take for each request of their turn, at least 0."""
    pairs = [
        (size, one.handler + one.overhead)
        for size, turns in by_size.items()
        for _, turn in turns
        for one in turn
        if one.handler is not None
    ]
    if len({size for size, _ in pairs}) < 2:  # noqa: PLR2004  # two sizes make a slope
        return 0.0
    return max(0.0, linear_regression(*zip(*pairs, strict=True)).slope)


def _steps_late(cells: Sequence[Sequence[Sent]], steps: Steps) -> tuple[float, ...]:
    """Returns the median lateness of each step with more users than the one before, else 0."""
    found = []
    for number, (before, users) in enumerate(pairwise((0, *steps.users))):
        late = [
            next((r.at for r in requests if r.users >= users), begins) - begins
            for requests in cells
            if requests and users > before
            for begins in (requests[0].at + number * steps.step_s,)
        ]
        found.append(max(0.0, median(late)) if late else 0.0)
    return tuple(found)


def _busy(turns: Iterable[list[Sent]]) -> Iterator[tuple[list[Sent], float]]:
    """Yields each turn, and how much longer those before take when it begins."""
    over = NEVER
    for turn in turns:
        yield turn, over - turn[0].at
        warm = [request.at + request.latency for request in turn if request.handler is not None]
        over = max(over, *warm, turn[0].at)
