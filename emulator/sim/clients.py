"""Says which requests clients send: at set times, or each after the answer to the one before.

    users     a client asks, waits for the answer, pauses, and asks again (a closed loop)
    singles   one client, whose gaps count from the end of an answer
    arrivals  requests that wait for nothing (an open loop), drawn as they are read

Knows neither the simulation nor how an answer comes about: `exchange` asks here what follows.
"""

from __future__ import annotations

from collections.abc import Iterable  # noqa: TC003  # the compiled module resolves its fields
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from emulator.core.model import Seconds  # noqa: TC001  # as above

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY_CONNECTION = -1
"""Stands for a connection of a pool: one that is free, or a new one."""


@dataclass(frozen=True, slots=True)
class Request:
    """Holds one request that a client sends."""

    at: Seconds
    """Seconds since the beginning of the load."""
    users: int
    """Number of clients that are there when the request is sent, 0 for a ping."""
    place: int = 0
    """The client's own mark: what its next request follows from, and its connection's number."""


class Clients(Protocol):
    """Says which requests come, and which follow answers; times count from the load's begin."""

    def begin(self) -> Iterable[Request]:
        """Yields, in time order, the requests that wait for no answer."""
        ...

    def answered(self, request: Request, at: Seconds) -> Request | None:
        """Returns the request that follows an answer; None where none does."""
        ...


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Sends requests at times that rise, answered or not."""

    times: Iterable[Seconds]

    def begin(self) -> Iterator[Request]:
        for at in self.times:
            yield Request(at, 1, ANY_CONNECTION)

    def answered(self, request: Request, at: Seconds) -> None:  # noqa: ARG002  # waits for nothing
        return None


@dataclass(frozen=True, slots=True)
class Singles:
    """Sends one request after the other; each gap lasts from an answer to the next request."""

    gaps: tuple[Seconds, ...]

    def begin(self) -> Iterator[Request]:
        yield Request(self.gaps[0], 1)

    def answered(self, request: Request, at: Seconds) -> Request | None:
        place = request.place + 1
        return Request(at + self.gaps[place], 1, place) if place < len(self.gaps) else None


@dataclass(frozen=True, slots=True)
class Users:
    """Lets numbers of users come and go in steps; each user asks, waits, pauses and asks again.

    All users of a step come at once. Where a step has fewer users, those who came last leave, each
    after its present answer.
    """

    steps: tuple[int, ...]
    """Number of users in each step."""
    step_s: Seconds
    pause: Seconds

    def begin(self) -> Iterator[Request]:
        for number, (before, users) in enumerate(pairwise((0, *self.steps))):
            for place in range(before, users):
                yield Request(number * self.step_s, users, place)

    def answered(self, request: Request, at: Seconds) -> Request | None:
        after = at + self.pause
        left = self._step(request.at), self._step(after)
        if left[1] >= len(self.steps) or min(self.steps[left[0] : left[1] + 1]) <= request.place:
            return None
        return Request(after, self.steps[left[1]], request.place)

    def _step(self, at: Seconds) -> int:
        return int(at / self.step_s)
